/* preview: --dry-run, what a restore of a database would do. See restore.h. */
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/couch/write/revisions.h"
#include "restore/database/database.h"
#include "restore/database/locals.h"
#include "restore/database/present.h"

struct preview {
    struct restore *restore;
    const struct plan_item *item;
    struct present *present; /* NULL when the database is absent */
    struct row row;
    struct revisions *revisions;
    guint64 documents, leaves, missing;
    GString *id; /* of the last document */
};

static gboolean
on_missing(void *context, struct slice id, struct slice rev, struct slice ancestors, GError **error)
{
    (void)ancestors;
    struct preview *preview = context;
    (void)id;
    (void)rev;
    preview->missing++;
    return stop_check(error);
}

static gboolean
count(struct preview *preview, const struct leaf *leaf, GError **error)
{
    struct row_leaf found;
    gboolean another =
        slice_compare(leaf->id, (struct slice){preview->id->str, preview->id->len}) != 0;
    preview->documents += another;
    preview->leaves++;
    if (another) {
        g_string_truncate(preview->id, 0);
        g_string_append_len(preview->id, leaf->id.data, (gssize)leaf->id.size);
    }
    restore_tell_lost(preview->restore, preview->item, leaf);
    if (preview->present == NULL) {
        preview->missing++;
        return TRUE;
    }
    if (!present_seek(preview->present, leaf->id, &preview->row, NULL, error))
        return FALSE;
    if (preview->row.id.data != NULL && slice_compare(preview->row.id, leaf->id) == 0 &&
        row_find_leaf(&preview->row, leaf->rev, &found))
        return TRUE;
    return revisions_ask(preview->revisions, leaf->id, leaf->rev, error);
}

static gboolean
count_all(struct preview *preview, struct chain_database *source, GError **error)
{
    const struct plan_item *item = preview->item;
    progress_begin(preview->restore->report.progress, "comparing", item->target, 0);
    for (;;) {
        const struct leaf *leaf;
        gboolean end;
        if (!chain_next(source, &leaf, &end, error) || !stop_check(error))
            return FALSE;
        if (end)
            return revisions_end(preview->revisions, error);
        if (item->documents != NULL && !g_hash_table_contains(item->documents, leaf->id_text->str))
            continue;
        plan_found(item, leaf->id_text->str, leaf);
        progress_add(preview->restore->report.progress, 1, 0);
        if (!count(preview, leaf, error))
            return FALSE;
    }
}

static gboolean
is_made(enum setup_standing standing)
{
    return standing == SETUP_ABSENT || standing == SETUP_OUTDATED;
}

static void
tell(const struct preview *preview, const struct setup *setup, enum setup_standing standing)
{
    struct report *report = &preview->restore->report;
    g_autofree char *leaves = report_number(preview->leaves);
    g_autofree char *missing = report_number(preview->missing);
    report->databases++;
    report->created += is_made(standing);
    report->documents += preview->documents;
    report->leaves += preview->leaves;
    report->written += preview->missing;
    report->present += preview->leaves - preview->missing;
    GString *event = progress_event_begin(report->progress, "would-restore");
    json_text_member_string(event, "database", preview->item->name);
    json_text_member_string(event, "target", preview->item->target);
    json_text_member_boolean(event, "created", is_made(standing));
    json_text_member_unsigned(event, "documents", preview->documents);
    json_text_member_unsigned(event, "leaves", preview->leaves);
    json_text_member_unsigned(event, "missing", preview->missing);
    progress_event_end(report->progress);
    if (standing == SETUP_OUTDATED)
        report_note(report,
                    "database '%s' is half made, by a restore of another snapshot that was "
                    "interrupted, and would be removed and made again",
                    preview->item->target);
    if (is_made(standing))
        log_info("'%s' would be made (q=%" G_GUINT64_FORMAT "%s), with %s revisions",
                 preview->item->target, setup->shape.q,
                 setup->shape.partitioned ? ", partitioned" : "", leaves);
    else if (preview->missing == 0)
        log_info("'%s' is there, and has all %s revisions", preview->item->target, leaves);
    else
        log_info("'%s' is there, and lacks %s of %s revisions, which would be added",
                 preview->item->target, missing, leaves);
}

static gboolean
open_present(struct preview *preview, enum setup_standing standing, GError **error)
{
    if (is_made(standing))
        return TRUE;
    preview->present = present_open(preview->restore, preview->item, error);
    return preview->present != NULL && present_next(preview->present, &preview->row, error);
}

static gboolean
compare(struct preview *preview, struct chain_database *source, const struct setup *setup,
        enum setup_standing standing, GError **error)
{
    struct restore *restore = preview->restore;
    if (!open_present(preview, standing, error))
        return FALSE;
    AUTO(revisions) *revisions =
        revisions_new(restore->http, preview->item->target, on_missing, preview);
    preview->revisions = revisions;
    if (!count_all(preview, source, error))
        return FALSE;
    tell(preview, setup, standing);
    return locals_preview(restore, preview->item, source->local_json, standing, error);
}

gboolean
database_preview(struct restore *restore, const struct plan_item *item, GError **error)
{
    struct preview preview = {.restore = restore, .item = item};
    struct server_database there;
    enum setup_standing standing;
    AUTO(chain_database) *source = chain_database_open(restore->chain, item->name, error);
    if (source == NULL || !setup_look(restore, item, &standing, &there, error))
        return FALSE;
    struct setup setup = setup_parse(item, source);
    preview.id = g_string_new(NULL);
    gboolean fine = compare(&preview, source, &setup, standing, error);
    if (fine && standing == SETUP_EXISTED)
        setup_compare_security(restore, item, &setup, slice_of(there.security));
    server_database_clear(&there);
    present_free(preview.present);
    g_string_free(preview.id, TRUE);
    return fine;
}
