/* link_power: whenever the power is cut, a node's key is there whole once it was told, and whom it
 * is paired with is what it was, or what it was to be. */
#include "netsvc/failover/link/keys/pairing.h"
#include "tests/unit/power_disk.h"
#include "tests/unit/scratch.h"

#define CHANGES 12 /* of the pairing */

struct trial {
    struct scratch *scratch, *after; /* the folder, and what a cut leaves of it */
    char id[IDENTITY_ID_SIZE];       /* "": not told yet */
    struct pairing before, next;     /* the two that may be there */
    guint cuts;
};

static gboolean
is_same(const struct pairing *a, const struct pairing *b)
{
    if (strcmp(a->cluster, b->cluster) != 0 || strcmp(a->peer, b->peer) != 0 ||
        memcmp(a->pin, b->pin, sizeof a->pin) != 0 || a->met != b->met ||
        a->n_revoked != b->n_revoked)
        return FALSE;
    for (guint i = 0; i < a->n_revoked; i++)
        if (strcmp(a->revoked[i].id, b->revoked[i].id) != 0 ||
            memcmp(a->revoked[i].pin, b->revoked[i].pin, sizeof a->pin) != 0)
            return FALSE;
    return TRUE;
}

static void
check_pairing(const struct trial *trial, const char *own)
{
    struct pairing found;
    g_autoptr(GError) error = NULL;
    g_assert_true(pairing_load(&found, trial->after->fd, own, &error));
    g_assert_no_error(error);
    g_assert_true(is_same(&found, &trial->before) || is_same(&found, &trial->next));
}

static void
on_cut(void *context, struct power_disk *disk)
{
    struct trial *trial = context;
    for (enum power_loss loss = 0; loss < POWER_LOSSES; loss++) {
        g_autoptr(GError) error = NULL;
        if (!power_disk_state(disk, loss, trial->after->path))
            continue;
        AUTO(identity) *found = identity_load(trial->after->fd, &error);
        g_assert_no_error(error);
        if (*trial->id != '\0') {
            g_assert_cmpstr(found->id, ==, trial->id);
            check_pairing(trial, found->id);
        }
        trial->cuts++;
    }
}

static void
change(struct pairing *pairing, guint i)
{
    identity_random_id(pairing->peer);
    if (i % 3 == 2)
        pairing_revoke(pairing);
    else
        memset(pairing->pin, (int)i + 1, sizeof pairing->pin);
    identity_random_id(pairing->cluster);
    pairing->met = i % 2 == 0;
    if (*pairing->peer == '\0')
        memset(pairing->pin, 0, sizeof pairing->pin);
}

static void
test_cuts(void)
{
    struct trial trial = {.scratch = scratch_new(), .after = scratch_new()};
    g_autoptr(GError) error = NULL;
    AUTO(power_disk) *disk = power_disk_new(trial.scratch->path, on_cut, &trial);
    power_disk_record(disk);
    int folder = open(trial.scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(identity) *identity = identity_load(folder, &error);
    g_assert_no_error(error);
    memcpy(trial.id, identity->id, sizeof trial.id);
    for (guint i = 0; i < CHANGES; i++) {
        change(&trial.next, i);
        g_assert_true(pairing_save(&trial.next, folder, identity->id, &error));
        trial.before = trial.next;
        power_disk_record(NULL);
        on_cut(&trial, disk); /* it is done */
        power_disk_record(disk);
    }
    close(folder);
    power_disk_record(NULL);
    g_test_message("%u cuts", trial.cuts);
    g_assert_cmpuint(trial.cuts, >, CHANGES * 10);
    scratch_free(trial.after);
    scratch_free(trial.scratch);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link_power/a cut leaves what was or what was to be", test_cuts);
    return g_test_run();
}
