/*
 * verify: is the store whole, unaltered and ours? Every snapshot is checked and told, whatever came
 * before; the worst finding makes the exit code. How far it goes depends on the keys:
 *
 *     none             signatures by the keys on the medium, and hashes of all parts
 *     --signer         signatures by a key that we trust
 *     an identity too  all that is inside (content.h), and the state through its chain
 *
 * With --json, one object a line: `"event":"snapshot"` for each, with folder, id, state (ok,
 * incomplete, damaged, foreign, elsewhere, unsigned, unsealed, replaced, key, failed) and problems;
 * `"event":"chain"` for the state; then `"event":"summary"`.
 */
#include "lib/base/fail.h"
#include "lib/base/progress.h"
#include "restore/commands.h"
#include "restore/content.h"
#include "restore/selection.h"
#include "restore/show.h"
#include "restore/stranger.h"

#include <stdio.h>

struct verification {
    struct content content;
    gboolean decrypts; /* there is a key for it */
    gboolean json, quiet;
    gboolean foreign; /* one is by a signer that we do not know */
    gboolean all;     /* none was named */
    gboolean empty;   /* no snapshot can be restored, not even an unfinished one */
    guint snapshots, good;
    GHashTable *bad; /* struct snapshot: those in which something is damaged */
    int code;        /* the worst so far */
};

/* ---- telling ---- */

static const char *
state_name(const struct snapshot *snapshot, int code)
{
    if (snapshot->trust == SNAPSHOT_UNSEALED)
        return "unsealed";
    if (snapshot->trust == SNAPSHOT_UNSIGNED)
        return "unsigned";
    if (snapshot->trust == SNAPSHOT_FOREIGN)
        return "foreign";
    if (snapshot->trust == SNAPSHOT_ELSEWHERE)
        return "elsewhere";
    if (snapshot->replaced)
        return "replaced";
    switch (code) {
    case 0:
        return "ok";
    case FAIL_INCOMPLETE:
        return "incomplete";
    case FAIL_DAMAGED:
        return "damaged";
    case FAIL_KEY:
        return "key";
    default:
        return "failed";
    }
}

static void
tell(const struct verification *verification, const char *event_name,
     const struct snapshot *snapshot, const char *state, const struct verdict *verdict)
{
    progress_clear(verification->content.progress);
    if (!verification->json && verification->quiet && verdict->code == 0)
        return;
    if (!verification->json) {
        g_autofree char *folder = show_text(snapshot->folder);
        printf("%s%s  %s\n", g_str_equal(event_name, "chain") ? "state at " : "", folder, state);
        for (guint i = 0; i < verdict->problems->len; i++) {
            g_autofree char *problem = show_text(verdict->problems->pdata[i]);
            printf("    %s\n", problem);
        }
        return;
    }
    GString *event = progress_event_begin(verification->content.progress, event_name);
    json_text_member_string(event, "folder", snapshot->folder);
    json_text_member_string(event, "id",
                            snapshot->catalogue != NULL ? snapshot->catalogue->id : NULL);
    json_text_member_string(event, "state", state);
    json_text_member_strings(event, "problems", verdict->problems);
    progress_event_end(verification->content.progress);
}

/* ---- one snapshot ---- */

static void
add_error(struct verdict *verdict, const GError *cause)
{
    verdict_add(verdict, fail_exit_code(cause), "%s", cause->message);
}

static void
check_place_in_chain(const struct store *store, const struct snapshot *snapshot,
                     struct verdict *verdict)
{
    const struct catalogue *catalogue = snapshot->catalogue;
    g_autofree char *parent = newer_parent_name(store, snapshot);
    if (catalogue->parent != NULL && snapshot->parent == NULL)
        verdict_add(verdict, FAIL_DAMAGED,
                    "it builds upon snapshot %s, which is missing or not usable", parent);
    else if (!snapshot->rooted)
        verdict_add(verdict, FAIL_DAMAGED, "the chain that it builds upon is broken further down");
    if (!catalogue->complete && !store_is_continued(store, snapshot))
        verdict_add(verdict, FAIL_INCOMPLETE, "it is unfinished: its run was interrupted");
}

/* What does not count is no fault: an interrupted run's rest, or what a merged one stands for. */
static gboolean
counts(const struct snapshot *snapshot)
{
    return snapshot->trust != SNAPSHOT_UNSEALED && snapshot->trust != SNAPSHOT_UNSIGNED &&
           !snapshot->replaced;
}

static void
tell_uncounted(const struct store *store, const struct snapshot *snapshot, struct verdict *verdict)
{
    g_autoptr(GPtrArray) newer = newer_find(store, store_tip(store, TRUE), NULL);
    gboolean newest = FALSE;
    for (guint i = 0; i < newer->len; i++)
        newest |= g_str_equal(((const struct newer *)newer->pdata[i])->folder, snapshot->folder);
    verdict_add(verdict, 0, "%s%s",
                snapshot->replaced ? "a merged snapshot holds what it did" : snapshot->problem,
                newest ? "; it is newer than the newest snapshot that can be restored" : "");
}

static void
verify_snapshot(struct verification *verification, struct snapshot *snapshot)
{
    struct verdict verdict;
    g_autoptr(GError) cause = NULL;
    verdict_init(&verdict);
    verification->snapshots += counts(snapshot);
    verification->foreign |= snapshot->trust == SNAPSHOT_FOREIGN;
    if (!counts(snapshot)) {
        tell_uncounted(verification->content.store, snapshot, &verdict);
    } else if (snapshot->trust != SNAPSHOT_TRUSTED) {
        verdict_add(&verdict, FAIL_DAMAGED, "%s", snapshot->problem);
        gboolean signed_by_us = snapshot->trust == SNAPSHOT_DAMAGED && snapshot->catalogue != NULL;
        if (signed_by_us && !store_check(verification->content.store, snapshot,
                                         verification->content.progress, &cause))
            add_error(&verdict, cause); /* names the part */
    } else {
        check_place_in_chain(verification->content.store, snapshot, &verdict);
        if (!store_check(verification->content.store, snapshot, verification->content.progress,
                         &cause) ||
            (verification->decrypts &&
             !content_verify(&verification->content, snapshot, &verdict, &cause)))
            add_error(&verdict, cause);
        verification->good += verdict.code == 0;
    }
    if (verdict.code != 0 && verdict.code != FAIL_INCOMPLETE)
        g_hash_table_add(verification->bad, snapshot);
    verification->code = verdict_worse(verification->code, verdict.code);
    tell(verification, "snapshot", snapshot, state_name(snapshot, verdict.code), &verdict);
    verdict_clear(&verdict);
}

/* ---- all of them ---- */

/* The named one and what it builds upon, the oldest first; or all. */
static GPtrArray *
list_wanted(const struct store *store, const struct snapshot *named)
{
    if (named == NULL)
        return selection_in_order(store);
    GPtrArray *wanted = g_ptr_array_new();
    for (const struct snapshot *one = named; one != NULL; one = one->parent) {
        if (g_ptr_array_find(wanted, one, NULL))
            break;
        g_ptr_array_insert(wanted, 0, (gpointer)one);
    }
    return wanted;
}

static void
verify_state(struct verification *verification, struct snapshot *snapshot)
{
    struct verdict verdict;
    g_autoptr(GError) cause = NULL;
    verdict_init(&verdict);
    if (!content_verify_state(&verification->content, snapshot, &verdict, &cause))
        add_error(&verdict, cause);
    if (verdict.code != 0 && verdict.code != FAIL_INCOMPLETE)
        g_hash_table_add(verification->bad, snapshot);
    verification->code = verdict_worse(verification->code, verdict.code);
    tell(verification, "chain", snapshot, state_name(snapshot, verdict.code), &verdict);
    verdict_clear(&verdict);
}

/* The newest complete one of which neither it nor what it builds upon is damaged. */
static const struct snapshot *
find_newest(const struct verification *verification)
{
    g_autoptr(GPtrArray) row = selection_in_order(verification->content.store);
    for (guint i = row->len; i-- > 0;) {
        const struct snapshot *tip = row->pdata[i], *one = tip;
        if (tip->trust != SNAPSHOT_TRUSTED || tip->replaced || !tip->rooted ||
            !tip->catalogue->complete)
            continue;
        while (one != NULL && !g_hash_table_contains(verification->bad, one))
            one = one->parent;
        if (one == NULL)
            return tip;
    }
    return NULL;
}

static void
tell_newest(const struct verification *verification)
{
    const struct snapshot *newest = find_newest(verification);
    g_autofree char *store = g_shell_quote(verification->content.store->path);
    g_autofree char *folder = newest != NULL ? g_shell_quote(newest->folder) : NULL;
    if (newest != NULL)
        printf("the newest that can be restored is %s of %s: lifeboat-restore run %s --target URL "
               "--snapshot %s\n",
               newest->folder, newest->catalogue->started, store, folder);
    else
        printf("no complete snapshot can be restored\n");
}

static void
tell_summary(const struct verification *verification, gboolean medium)
{
    const struct content *content = &verification->content;
    progress_clear(content->progress);
    if (verification->json) {
        GString *event = progress_event_begin(content->progress, "summary");
        json_text_member_unsigned(event, "snapshots", verification->snapshots);
        json_text_member_unsigned(event, "ok", verification->good);
        json_text_member_boolean(event, "restorable", !verification->empty);
        json_text_member_boolean(event, "content", verification->decrypts);
        json_text_member_string(event, "signers", medium ? "medium" : "keys");
        json_text_member_integer(event, "exit", verification->code);
        progress_event_end(content->progress);
        return;
    }
    g_autofree char *stranger = medium ? NULL : stranger_site(content->store, content->keys);
    if (stranger != NULL)
        printf("\n%s: none of it is trusted\n", stranger);
    else if (verification->empty)
        printf("\nNOTHING CAN BE RESTORED: the store has no snapshot that is signed, whole and "
               "trusted\n");
    else if (!verification->quiet || verification->code != 0)
        printf("\n%u of %u snapshot%s %s in order\n", verification->good, verification->snapshots,
               verification->snapshots == 1 ? "" : "s", verification->good == 1 ? "is" : "are");
    if (verification->code == FAIL_DAMAGED && verification->all && !verification->empty)
        tell_newest(verification);
    if (verification->foreign && stranger == NULL)
        printf("a signer is accepted by --signer, or by its key in a node's KEYS/trusted/; compare "
               "it with the recovery sheet first\n");
    if (verification->quiet)
        return;
    if (!verification->decrypts)
        printf("without a key only signatures and hashes were checked, not what is inside\n");
    if (medium)
        printf("the signers' keys were taken from the store itself: this shows damage, not who "
               "made it\n");
}

static gboolean
verify_all(struct verification *verification, struct selection *selection, const char *name,
           GError **error)
{
    struct snapshot *named = NULL;
    gboolean medium = selection->keys == NULL;
    if (medium && !selection_trust_medium(selection, error))
        return FALSE;
    verification->content.store = selection->store;
    verification->content.keys = selection->keys;
    verification->decrypts = selection->keys->n_identities > 0;
    if (name != NULL && (named = store_find(selection->store, name, error)) == NULL)
        return FALSE;
    g_autoptr(GPtrArray) wanted = list_wanted(selection->store, named);
    for (guint i = 0; i < wanted->len; i++)
        verify_snapshot(verification, wanted->pdata[i]);
    struct snapshot *tip = named != NULL ? named : store_tip(selection->store, FALSE);
    verification->all = named == NULL;
    verification->empty = named == NULL && tip == NULL;
    if (verification->empty)
        verification->code = verdict_worse(verification->code, FAIL_DAMAGED);
    gboolean sound = verification->code == 0 || verification->code == FAIL_INCOMPLETE;
    if (verification->decrypts && sound && tip != NULL && tip->rooted)
        verify_state(verification, tip);
    tell_summary(verification, medium);
    return TRUE;
}

int
restore_verify(const struct command_line *line, GError **error)
{
    struct selection selection;
    struct verification verification = {
        .json = options_flag(line, "json"),
        .quiet = options_flag(line, "quiet"),
        .bad = g_hash_table_new(NULL, NULL),
    };
    AUTO(progress) *progress = progress_new(verification.json, options_flag(line, "quiet"));
    verification.content.progress = progress;
    gboolean done =
        selection_open(&selection, line, FALSE, error) &&
        verify_all(&verification, &selection, command_argument(line, "SNAPSHOT"), error);
    g_hash_table_unref(verification.bad);
    selection_clear(&selection);
    return done ? verification.code : FAIL_FAILED;
}
