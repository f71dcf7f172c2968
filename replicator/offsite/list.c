/* list: see the header. */
#include "replicator/offsite/list.h"

#include "lib/store/lineage.h"

#include <stdio.h>

static const char *
state_of(const struct snapshot *snapshot, gboolean checked)
{
    switch (snapshot->trust) {
    case SNAPSHOT_TRUSTED:
        return snapshot->replaced ? "replaced" : !snapshot->rooted ? "lost" : "ok";
    case SNAPSHOT_UNSEALED:
    case SNAPSHOT_UNSIGNED:
        return "unfinished";
    case SNAPSHOT_FOREIGN:
        return checked ? "foreign" : "unchecked";
    case SNAPSHOT_ELSEWHERE:
        return "elsewhere";
    case SNAPSHOT_DAMAGED:
        break;
    }
    return "damaged";
}

/* The newest complete one: by number among those that are trusted, or that say so themselves. */
static const struct snapshot *
find_newest(const struct store *store, gboolean checked)
{
    const struct snapshot *newest = checked ? store_tip(store, TRUE) : NULL;
    for (guint i = 0; !checked && i < store->snapshots->len; i++) {
        const struct snapshot *one = store->snapshots->pdata[i];
        if (one->trust == SNAPSHOT_FOREIGN && one->catalogue->complete &&
            (newest == NULL || one->catalogue->number > newest->catalogue->number))
            newest = one;
    }
    return newest;
}

static guint64
bytes_there(const struct outline *outline)
{
    guint64 sum = 0;
    for (guint i = 0; i < outline->list->len; i++)
        sum += ((const struct object *)outline->list->pdata[i])->size;
    return sum;
}

static void
tell_json(const struct outline *outline, const struct snapshot *newest, struct progress *progress,
          gboolean checked)
{
    const struct store *store = outline->store;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *one = store->snapshots->pdata[i];
        GString *event = progress_event_begin(progress, "snapshot");
        json_text_member_string(event, "folder", one->folder);
        json_text_member_string(event, "state", state_of(one, checked));
        json_text_member_string(event, "problem", one->problem);
        if (one->catalogue != NULL) {
            json_text_member_string(event, "id", one->catalogue->id);
            json_text_member_string(event, "kind", one->catalogue->kind);
            json_text_member_string(event, "started", one->catalogue->started);
            json_text_member_boolean(event, "complete", one->catalogue->complete);
            json_text_member_unsigned(event, "bytes", one->catalogue->bytes_stored);
        }
        progress_event_end(progress);
    }
    GString *event = progress_event_begin(progress, "summary");
    json_text_member_string(event, "bucket", store->path);
    json_text_member_string(event, "store", store->id);
    json_text_member_string(event, "site", store->site);
    json_text_member_unsigned(event, "snapshots", store->snapshots->len);
    json_text_member_unsigned(event, "bytes", bytes_there(outline));
    json_text_member_string(event, "newest", newest != NULL ? newest->catalogue->started : NULL);
    json_text_member_boolean(event, "checked", checked);
    progress_event_end(progress);
}

/* "3 days ago"; caller frees. */
static char *
age_of(const char *started)
{
    g_autoptr(GDateTime) then = g_date_time_new_from_iso8601(started, NULL);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    if (then == NULL)
        return g_strdup("at an unknown time");
    gint64 hours = g_date_time_difference(now, then) / G_TIME_SPAN_HOUR;
    return hours < 48
               ? g_strdup_printf("%" G_GINT64_FORMAT " hour%s ago", hours, hours == 1 ? "" : "s")
               : g_strdup_printf("%" G_GINT64_FORMAT " days ago", hours / 24);
}

static void
tell_people(const struct outline *outline, const struct snapshot *newest, gboolean checked)
{
    const struct store *store = outline->store;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *one = store->snapshots->pdata[i];
        g_autofree char *size =
            one->catalogue != NULL ? g_format_size(one->catalogue->bytes_stored) : NULL;
        g_autofree char *kind =
            one->catalogue != NULL ? g_strescape(one->catalogue->kind, NULL) : NULL;
        printf("%-22s  %-9s  %10s  %s%s%s%s\n", one->folder, kind != NULL ? kind : "",
               size != NULL ? size : "", state_of(one, checked),
               one->catalogue != NULL && !one->catalogue->complete ? ", incomplete" : "",
               one->problem != NULL && checked ? ": " : "",
               one->problem != NULL && checked ? one->problem : "");
    }
    g_autofree char *total = g_format_size(bytes_there(outline));
    g_autofree char *site = g_strescape(store->site != NULL ? store->site : "", NULL);
    g_autofree char *age = newest != NULL ? age_of(newest->catalogue->started) : NULL;
    if (store->id == NULL)
        printf("'%s' holds no store\n", store->path);
    else
        printf("'%s': store %s of site '%s', %u snapshot%s, %s; %s%s%s%s%s\n", store->path,
               store->id, site, store->snapshots->len, store->snapshots->len == 1 ? "" : "s", total,
               newest != NULL ? "the newest is of " : "NOTHING THAT CAN BE RESTORED",
               newest != NULL ? newest->catalogue->started : "", age != NULL ? " (" : "",
               age != NULL ? age : "", age != NULL ? ")" : "");
    if (!checked && newest != NULL)
        printf("no signature was checked: give --signer\n");
}

gboolean
list_tell(const struct outline *outline, struct progress *progress, gboolean json, gboolean checked)
{
    const struct snapshot *newest = find_newest(outline->store, checked);
    if (json)
        tell_json(outline, newest, progress, checked);
    else
        tell_people(outline, newest, checked);
    return newest != NULL;
}
