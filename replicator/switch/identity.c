#include "replicator/switch/identity.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/couch/server.h"
#include "lib/couch/settings.h"
#include "lib/json/json.h"

#include <fcntl.h>
#include <unistd.h>

#define NAME "switch.json"
#define SIZE_MAX_READ 4096 /* bytes */
#define UUID_SIZE 16       /* bytes */

/* ---- what is remembered ---- */

void
identity_free(struct identity *identity)
{
    if (identity == NULL)
        return;
    fd_auto_close(&identity->folder);
    g_free(identity->token);
    g_free(identity->uuid);
    g_free(identity->carried);
    g_free(identity);
}

/* A file that is damaged is as good as none: a uuid is drawn anew, which costs the clients time. */
static void
read_file(struct identity *identity)
{
    gsize size;
    g_autofree char *text = file_read(identity->folder, NAME, SIZE_MAX_READ, &size, NULL);
    struct slice json = {text, text != NULL ? size : 0};
    if (text == NULL || !json_check(json, NULL))
        return;
    json_member_text(json, "token", &identity->token);
    json_member_text(json, "uuid", &identity->uuid);
    json_member_text(json, "carried", &identity->carried);
}

struct identity *
identity_open(const char *state, GError **error)
{
    AUTO(identity) *identity = g_new0(struct identity, 1);
    identity->folder = file_open_folder(AT_FDCWD, state, TRUE, error);
    if (identity->folder < 0)
        return NULL;
    read_file(identity);
    return g_steal_pointer(&identity);
}

gboolean
identity_write(const struct identity *identity, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "token", identity->token);
    json_text_member_string(text, "uuid", identity->uuid);
    json_text_member_string(text, "carried", identity->carried);
    json_text_end_object(text);
    g_string_append_c(text, '\n');
    return file_replace(identity->folder, NAME, text->str, text->len, 0600, error);
}

gboolean
identity_draw(struct identity *identity, const char *token, GError **error)
{
    if (g_strcmp0(identity->token, token) == 0 && identity->uuid != NULL)
        return TRUE;
    g_free(identity->token);
    g_free(identity->uuid);
    g_clear_pointer(&identity->carried, g_free);
    identity->token = g_strdup(token);
    identity->uuid = chance_hex(UUID_SIZE);
    return identity_write(identity, error);
}

/* ---- the server ---- */

/* On a cluster all nodes must have it: which one answers a client is anybody's guess. */
static void
note_problem(void *context, const char *message)
{
    GString *problems = context;
    g_string_append_printf(problems, "%s%s", problems->len > 0 ? "; " : "", message);
}

static gboolean
put_everywhere(struct http *http, GPtrArray *nodes, const char *uuid, GError **error)
{
    const struct setting setting = {(char *)"couchdb", (char *)"uuid", (char *)uuid};
    for (guint i = 0; i < nodes->len; i++) {
        const struct settings_node *node = nodes->pdata[i];
        if (setting_differs_at(node, &setting) && !setting_put(http, node->name, &setting, error)) {
            g_prefix_error(error, "the uuid of node '%s' cannot be set: ", node->name);
            return FALSE;
        }
    }
    sync();
    return TRUE;
}

static gboolean
is_set(struct http *http, const char *uuid, GError **error)
{
    struct server_info info = {NULL, NULL};
    gboolean done = server_info_fetch(http, &info, error);
    gboolean same = done && g_strcmp0(info.uuid, uuid) == 0;
    if (done && !same)
        fail_set(error, FAIL_FAILED, "%s was given the uuid '%s', and says '%s'", http_name(http),
                 uuid, info.uuid != NULL ? info.uuid : "nothing");
    server_info_clear(&info);
    return same;
}

gboolean
identity_set(struct http *http, const struct traits *traits, const char *uuid, GError **error)
{
    g_autoptr(GString) problems = g_string_new(NULL);
    if (!traits->couchdb || traits->config == NULL)
        return fail_set(error, FAIL_FAILED, "%s is no CouchDB whose uuid can be set",
                        http_name(http));
    g_autoptr(GPtrArray) nodes = settings_nodes(http, traits, note_problem, problems, error);
    if (nodes == NULL)
        return FALSE;
    if (problems->len > 0)
        return fail_set(
            error, FAIL_LATER,
            "the uuid cannot be set on every node of the cluster: %s\n"
            "hint: start the node, or take it out of the cluster: clients must not find "
            "the old uuid there",
            problems->str);
    return put_everywhere(http, nodes, uuid, error) && is_set(http, uuid, error);
}
