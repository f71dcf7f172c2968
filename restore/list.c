/*
 * list: the snapshots of a store, the newest last.
 *
 * With --json, one object a line for each, `"event":"snapshot"`, with the members that tell_json
 * writes, then `"event":"summary"`. `state` is ok, incomplete, replaced (by a merged one), foreign,
 * elsewhere (another store's), damaged, unsigned or unsealed; `restorable` tells whether the chain
 * below is whole. Incomplete is one whose run was interrupted and not gone on with, or whose state
 * lacks databases or documents that could not be read.
 */
#include "lib/base/fail.h"
#include "lib/base/progress.h"
#include "restore/commands.h"
#include "restore/content.h"
#include "restore/selection.h"
#include "restore/show.h"
#include "restore/stranger.h"

#include <stdio.h>

static gboolean
is_incomplete(const struct store *store, const struct snapshot *snapshot)
{
    const struct catalogue *catalogue = snapshot->catalogue;
    return catalogue->counts.failed > 0 || catalogue->counts.unread > 0 ||
           (!catalogue->complete && !store_is_continued(store, snapshot));
}

static const char *
state_of(const struct store *store, const struct snapshot *snapshot)
{
    switch (snapshot->trust) {
    case SNAPSHOT_TRUSTED:
        if (snapshot->replaced)
            return "replaced";
        return is_incomplete(store, snapshot) ? "incomplete" : "ok";
    case SNAPSHOT_UNSEALED:
        return "unsealed";
    case SNAPSHOT_UNSIGNED:
        return "unsigned";
    case SNAPSHOT_FOREIGN:
        return "foreign";
    case SNAPSHOT_ELSEWHERE:
        return "elsewhere";
    case SNAPSHOT_DAMAGED:
        break;
    }
    return "damaged";
}

/* ---- JSON ---- */

static void
tell_counts(GString *event, const struct catalogue *catalogue)
{
    const struct catalogue_counts *counts = &catalogue->counts;
    json_text_member_unsigned(event, "databases", counts->databases);
    json_text_member_unsigned(event, "documents", counts->documents);
    json_text_member_unsigned(event, "leaves", counts->leaves);
    json_text_member_unsigned(event, "attachments", counts->attachments);
    json_text_member_unsigned(event, "gone", counts->gone);
    json_text_member_unsigned(event, "unread", counts->unread);
    json_text_member_unsigned(event, "failed", counts->failed);
    json_text_member_unsigned(event, "bytes", catalogue->bytes_stored);
}

static void
tell_json(struct progress *progress, const struct store *store, const struct snapshot *snapshot)
{
    const struct catalogue *catalogue = snapshot->catalogue;
    GString *event = progress_event_begin(progress, "snapshot");
    json_text_member_string(event, "folder", snapshot->folder);
    json_text_member_string(event, "state", state_of(store, snapshot));
    if (snapshot->problem != NULL)
        json_text_member_string(event, "problem", snapshot->problem);
    if (catalogue != NULL) {
        json_text_member_string(event, "id", catalogue->id);
        json_text_member_string(event, "parent", catalogue->parent);
        json_text_member_string(event, "kind", catalogue->kind);
        json_text_member_boolean(event, "complete", catalogue->complete);
        json_text_member_unsigned(event, "number", catalogue->number);
        json_text_member_boolean(event, "restorable", snapshot->rooted && !snapshot->replaced);
        json_text_member_string(event, "started", catalogue->started);
        json_text_member_string(event, "finished", catalogue->finished);
        json_text_member_string(event, "node", catalogue->node);
        if (catalogue->heals != NULL)
            json_text_member_string(event, "heals", catalogue->heals);
        tell_counts(event, catalogue);
    }
    progress_event_end(progress);
}

static void
tell_json_summary(struct progress *progress, const struct store *store, guint usable, gboolean keys,
                  int exit_code)
{
    const struct snapshot *newest = store_tip(store, TRUE);
    g_autoptr(GPtrArray) newer = newer_find(store, newest, NULL);
    GString *event = progress_event_begin(progress, "summary");
    json_text_member_string(event, "store", store->id);
    json_text_member_string(event, "site", store->site);
    json_text_member_unsigned(event, "snapshots", store->snapshots->len);
    json_text_member_unsigned(event, "restorable", usable);
    json_text_member_string(event, "newest", newest != NULL ? newest->catalogue->id : NULL);
    json_text_member_array(event, "newer_not_usable"); /* folders */
    for (guint i = 0; i < newer->len; i++)
        json_text_string(event, ((const struct newer *)newer->pdata[i])->folder);
    json_text_end_array(event);
    json_text_member_string(event, "signers", keys ? "keys" : "medium");
    json_text_member_integer(event, "exit", exit_code);
    progress_event_end(progress);
}

/* ---- for people ---- */

static void
tell_row(const struct store *store, const struct snapshot *snapshot)
{
    const struct catalogue *catalogue = snapshot->catalogue;
    g_autofree char *problem = show_text(snapshot->problem);
    g_autofree char *folder = show_text(snapshot->folder);
    if (catalogue == NULL) {
        printf("%-20s  %s: %s\n", folder, state_of(store, snapshot), problem);
        return;
    }
    g_autofree char *size = g_format_size(catalogue->bytes_stored);
    g_autofree char *started = show_text(catalogue->started);
    g_autofree char *node = show_text(catalogue->node);
    const char *missing = snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->rooted
                              ? ", what it builds upon is missing"
                              : "";
    printf("%-20s  %-9s  %9" G_GUINT64_FORMAT "  %9" G_GUINT64_FORMAT "  %10s  %-4s  %.8s  %s%s%s",
           started, catalogue->kind, catalogue->counts.databases, catalogue->counts.documents, size,
           node, catalogue->id, state_of(store, snapshot),
           catalogue->complete                   ? ""
           : store_is_continued(store, snapshot) ? ", gone on from"
                                                 : ", unfinished",
           missing);
    if (catalogue->counts.failed > 0)
        printf(", %" G_GUINT64_FORMAT " database%s failed", catalogue->counts.failed,
               catalogue->counts.failed == 1 ? "" : "s");
    if (catalogue->counts.unread > 0)
        printf(", %" G_GUINT64_FORMAT " unread", catalogue->counts.unread);
    printf("%s%s\n", *problem != '\0' ? ": " : "", problem);
}

static void
tell_summary(const struct selection *selection, guint usable, gboolean keys, gboolean quiet)
{
    const struct store *store = selection->store;
    g_autofree char *stranger = keys ? stranger_site(store, selection->keys) : NULL;
    const struct snapshot *newest = store_tip(store, TRUE);
    g_autoptr(GPtrArray) newer = newer_find(store, newest, NULL);
    g_autofree char *site = show_text(store->site);
    if (newest != NULL && quiet)
        ; /* no problem */
    else if (newest != NULL)
        printf("\nsite '%s': by their signatures %u snapshot%s can be restored; verify reads them. "
               "The newest complete one is %s of %s\n",
               site, usable, usable == 1 ? "" : "s", newest->folder, newest->catalogue->started);
    else
        printf("\nsite '%s': %s\n", site,
               store_tip(store, FALSE) != NULL
                   ? "unfinished snapshots only: `run --partial` restores what they hold"
                   : "NOTHING THAT CAN BE RESTORED");
    for (guint i = 0; i < newer->len; i++) {
        const struct newer *one = newer->pdata[i];
        g_autofree char *folder = show_text(one->folder);
        g_autofree char *reason = show_text(one->reason);
        printf("NEWER, but not usable: %s: %s\n", folder, reason);
    }
    if (stranger != NULL)
        printf("%s: none of it is trusted\n", stranger);
    if (!keys && !quiet)
        printf("signatures were checked with the keys that lie on the store itself: this shows "
               "damage, not who made them\n");
}

/* ---- the command ---- */

/* What counts as damage: it cannot be restored though it was sealed. */
static gboolean
is_bad(const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_DAMAGED || snapshot->trust == SNAPSHOT_FOREIGN ||
           snapshot->trust == SNAPSHOT_ELSEWHERE ||
           (snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->replaced && !snapshot->rooted);
}

static gboolean
is_lacking(const struct store *store, const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->replaced &&
           is_incomplete(store, snapshot);
}

static int
code_of_newer(const struct store *store)
{
    int code = 0;
    g_autoptr(GPtrArray) newer = newer_find(store, store_tip(store, TRUE), NULL);
    for (guint i = 0; i < newer->len; i++)
        code = verdict_worse(code, ((const struct newer *)newer->pdata[i])->code);
    return code;
}

static int
list(const struct command_line *line, struct selection *selection, GError **error)
{
    gboolean keys = selection->keys != NULL, json = options_flag(line, "json");
    gboolean quiet = options_flag(line, "quiet");
    guint usable = 0;
    int exit_code = 0;
    if (!keys && !selection_trust_medium(selection, error))
        return FAIL_FAILED;
    g_autoptr(GPtrArray) row = selection_in_order(selection->store);
    AUTO(progress) *progress = progress_new(json, TRUE);
    if (!json && !quiet && row->len > 0)
        printf("%-20s  %-9s  %9s  %9s  %10s  %-4s  %-8s  %s\n", "STARTED (UTC)", "KIND",
               "DATABASES", "DOCUMENTS", "SIZE", "NODE", "ID", "STATE");
    for (guint i = 0; i < row->len; i++) {
        const struct snapshot *snapshot = row->pdata[i];
        usable += snapshot->trust == SNAPSHOT_TRUSTED && snapshot->rooted && !snapshot->replaced &&
                  snapshot->catalogue->complete;
        if (is_bad(snapshot))
            exit_code = FAIL_DAMAGED;
        if (json)
            tell_json(progress, selection->store, snapshot);
        else if (!quiet || is_bad(snapshot) || is_lacking(selection->store, snapshot))
            tell_row(selection->store, snapshot);
    }
    exit_code = verdict_worse(exit_code, code_of_newer(selection->store));
    if (usable == 0 && exit_code == 0)
        exit_code = store_tip(selection->store, FALSE) != NULL ? FAIL_INCOMPLETE : FAIL_DAMAGED;
    if (json)
        tell_json_summary(progress, selection->store, usable, keys, exit_code);
    else
        tell_summary(selection, usable, keys, quiet);
    return exit_code;
}

int
restore_list(const struct command_line *line, GError **error)
{
    struct selection selection;
    int exit_code = selection_open(&selection, line, FALSE, error) ? list(line, &selection, error)
                                                                   : FAIL_FAILED;
    selection_clear(&selection);
    return exit_code;
}
