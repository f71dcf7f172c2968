/* disable: see the header. */
#include "lib/couch/write/disable.h"

#include "lib/couch/row.h"
#include "lib/couch/server.h"
#include "lib/couch/write/splice.h"

void
disable_init(struct disable *disable, const char *database)
{
    *disable = (struct disable){.active = server_is_replicator(database)};
    disable->text = g_string_new(NULL);
}

void
disable_clear(struct disable *disable)
{
    leaf_clear(&disable->leaf);
    g_string_free(disable->text, TRUE);
}

gboolean
disable_leaf(struct disable *disable, const struct leaf **leaf, GError **error)
{
    static const char *const drop[] = {"_replication_state", NULL};
    if (!disable->active || (*leaf)->deleted || row_is_design((*leaf)->id))
        return TRUE;
    g_string_truncate(disable->text, 0);
    splice_members(disable->text, (*leaf)->json, "\"_replication_state\":\"failed\"", drop);
    if (!leaf_parse(&disable->leaf, (struct slice){disable->text->str, disable->text->len}, error))
        return FALSE;
    for (guint i = 0; i < disable->leaf.n_attachments; i++)
        disable->leaf.attachments[i].here = (*leaf)->attachments[i].here,
        disable->leaf.attachments[i].kept = (*leaf)->attachments[i].kept;
    *leaf = &disable->leaf;
    return TRUE;
}
