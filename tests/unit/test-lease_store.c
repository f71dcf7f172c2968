/* store: what was committed is there after a restart, a boot, a full disk and damage; its times are
 * right whatever the clocks did.
 * What a power cut leaves: test-lease_power.c. */
#include "lib/base/fail.h"
#include "netsvc/dhcp/lease/store.h"
#include "tests/unit/scratch.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#define NETWORK 0x0a000000u
#define HOUR 3600
#define YEAR (365 * 24 * HOUR)
#define WALL 1700000000

/* ---- a clock that is set by hand ---- */

struct hand {
    gint64 boot, wall;
    gboolean believed;
};

static gint64
hand_boot(gpointer context)
{
    return ((struct hand *)context)->boot;
}

static gint64
hand_wall(gpointer context)
{
    return ((struct hand *)context)->wall;
}

static gboolean
hand_believed(gpointer context)
{
    return ((struct hand *)context)->believed;
}

struct world {
    struct scratch *scratch;
    char *path;
    struct hand hand;
    struct clock clock;
    struct leases *leases;
    struct store *store;
};

static void
world_open(struct world *world, const char *boot_id)
{
    g_autoptr(GError) error = NULL;
    world->clock = (struct clock){hand_boot, hand_wall, hand_believed, boot_id, &world->hand};
    world->leases = leases_new();
    world->store = store_open(world->path, &world->clock, world->leases, &error);
    g_assert_no_error(error);
}

static void
world_close(struct world *world)
{
    store_free(world->store);
    leases_free(world->leases);
    world->store = NULL;
    world->leases = NULL;
}

static void
world_reopen(struct world *world, const char *boot_id)
{
    world_close(world);
    world_open(world, boot_id);
}

static struct world *
world_new(void)
{
    struct world *world = g_new0(struct world, 1);
    world->scratch = scratch_new();
    world->path = g_build_filename(world->scratch->path, "leases.db", NULL);
    world->hand = (struct hand){.boot = 100, .wall = WALL, .believed = TRUE};
    world_open(world, "first");
    return world;
}

static void
world_free(struct world *world)
{
    world_close(world);
    scratch_free(world->scratch);
    g_free(world->path);
    g_free(world);
}
AUTO_DEFINE(world)

static struct lease
lease_of(guint32 number, gint64 until)
{
    struct lease lease = {.address = NETWORK + number,
                          .state = LEASE_LEASED,
                          .until = until,
                          .since = 50,
                          .key_size = 7,
                          .key = {1, 2, 0, 0, 0, (guint8)(number >> 8), (guint8)number},
                          .mac_size = 6,
                          .mac = {2, 0, 0, 0, (guint8)(number >> 8), (guint8)number},
                          .seconds = HOUR};
    g_snprintf(lease.name, sizeof lease.name, "client-%u", number);
    return lease;
}

static struct lease *
at(const struct world *world, guint32 number)
{
    return leases_of_address(world->leases, NETWORK + number);
}

static void
assert_commits(struct world *world)
{
    g_autoptr(GError) error = NULL;
    store_commit(world->store, &error);
    g_assert_no_error(error);
}

static void
give(struct world *world, guint32 number, gint64 until)
{
    struct lease lease = lease_of(number, until);
    leases_put(world->leases, &lease);
    store_put(world->store, &lease);
    assert_commits(world);
}

static gint64
rest(const struct world *world, guint32 number)
{
    g_assert_nonnull(at(world, number));
    return at(world, number)->until - world->hand.boot;
}

/* ---- what is kept ---- */

static void
test_a_lease_is_after_a_restart_what_it_was(void)
{
    AUTO(world) *world = world_new();
    struct lease lease = lease_of(7, 100 + HOUR);
    lease.key_size = LEASE_KEY_MAX;
    memset(lease.key, 0, sizeof lease.key);
    store_put(world->store, &lease);
    assert_commits(world);
    world_reopen(world, "first");
    g_assert_cmpmem(at(world, 7), sizeof lease, &lease, sizeof lease);
}

static void
test_what_a_pair_needs_is_kept(void)
{
    AUTO(world) *world = world_new();
    struct lease lease = lease_of(7, 100 + HOUR);
    struct knowledge knowledge = {0};
    lease.version = (struct version){knowledge_writer(3), 12};
    lease.acked = 100 + HOUR / 2;
    lease.pending = TRUE;
    knowledge_raise(&knowledge, lease.version.writer, 12);
    knowledge_raise(&knowledge, knowledge_writer(2), 7);
    store_put(world->store, &lease);
    store_know(world->store, &knowledge);
    assert_commits(world);
    world->hand = (struct hand){.boot = 10, .wall = WALL + 60, .believed = TRUE};
    world_reopen(world, "second");
    const struct lease *found = at(world, 7);
    g_assert_cmpint(version_compare(found->version, lease.version), ==, 0);
    g_assert_cmpint(found->acked, ==, 10 + HOUR / 2 - 60); /* a minute is over */
    g_assert_true(found->pending);
    g_assert_true(knowledge_has(store_knowledge(world->store), lease.version));
    g_assert_cmpuint(store_knowledge(world->store)->n, ==, 2);
}

/* As version 1 made it. */
static void
make_version_1(const char *path)
{
    sqlite3 *sqlite = NULL;
    g_assert_cmpint(sqlite3_open(path, &sqlite), ==, SQLITE_OK);
    int code = sqlite3_exec(
        sqlite,
        "PRAGMA journal_mode = WAL;"
        "CREATE TABLE lease (address INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
        " until INTEGER NOT NULL, since INTEGER NOT NULL, key BLOB NOT NULL, mac BLOB NOT NULL,"
        " name TEXT NOT NULL, seconds INTEGER NOT NULL) STRICT;"
        "CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), boot_id TEXT NOT NULL,"
        " boot INTEGER NOT NULL, wall INTEGER NOT NULL, elapsed INTEGER NOT NULL) STRICT;"
        "PRAGMA user_version = 1;"
        "INSERT INTO clock VALUES (0, 'first', 100, 1700000000, 5000);"
        "INSERT INTO lease VALUES (167772167, 1, 8600, 4950, x'01020000000007', x'020000000007',"
        " 'phone', 3600);",
        NULL, NULL, NULL);
    g_assert_cmpint(code, ==, SQLITE_OK);
    sqlite3_close(sqlite);
}

static void
test_a_file_of_version_1_goes_on_as_version_2(void)
{
    AUTO(world) *world = world_new();
    world_close(world);
    g_assert_cmpint(unlink(world->path), ==, 0);
    make_version_1(world->path);
    for (guint times = 0; times < 2; times++) { /* as it is found, and once it was made anew */
        world_open(world, "first");
        const struct lease *lease = at(world, 7);
        g_assert_nonnull(lease);
        g_assert_cmpint(lease->until, ==, 3700);
        g_assert_cmpstr(lease->name, ==, "phone");
        g_assert_cmpuint(lease->version.writer, ==, 0);
        g_assert_cmpint(lease->acked, <=, world->hand.boot); /* nobody else knows it */
        g_assert_false(lease->pending);
        g_assert_cmpuint(store_knowledge(world->store)->n, ==, 0);
        give(world, 8, 200);
        world_close(world);
    }
    world_open(world, "first");
    g_assert_nonnull(at(world, 8));
}

static void
test_what_was_removed_is_gone(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 200);
    store_remove(world->store, NETWORK + 7);
    assert_commits(world);
    world_reopen(world, "first");
    g_assert_null(at(world, 7));
}

static void
test_of_many_changes_of_an_address_the_last_counts(void)
{
    AUTO(world) *world = world_new();
    struct lease lease = lease_of(7, 500);
    store_put(world->store, &lease);
    store_remove(world->store, lease.address);
    lease.until = 600;
    store_put(world->store, &lease);
    assert_commits(world);
    world_reopen(world, "first");
    g_assert_cmpint(at(world, 7)->until, ==, 600);
}

static void
test_what_is_not_committed_is_not_kept(void)
{
    AUTO(world) *world = world_new();
    struct lease lease = lease_of(7, 500);
    store_put(world->store, &lease);
    world_reopen(world, "first");
    g_assert_null(at(world, 7));
}

static void
test_an_offer_changes_nothing_that_is_stored(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 500);
    struct lease offer = lease_of(7, 160);
    offer.state = LEASE_OFFERED;
    offer.key[0] = 9;
    store_put(world->store, &offer);
    assert_commits(world);
    world_reopen(world, "first");
    g_assert_cmpint(at(world, 7)->state, ==, LEASE_LEASED);
    g_assert_cmpint(at(world, 7)->key[0], ==, 1);
}

static void
test_a_second_process_is_told_that_the_first_has_it(void)
{
    AUTO(world) *world = world_new();
    g_autofree char *command = g_strdup_printf(
        "sqlite3 %s 'INSERT INTO clock VALUES (0, 0, 0, 0, 0)' 2>&1 | grep -q locked", world->path);
    if (!scratch_has_tool("sqlite3"))
        return;
    g_assert_cmpint(scratch_shell(world->scratch, NULL, command), ==, 0);
}

/* ---- time ---- */

static void
test_in_one_boot_the_boot_clock_counts_alone(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 100 + HOUR);
    world->hand.boot += 600;
    world->hand.wall += YEAR;
    world_reopen(world, "first");
    g_assert_cmpint(rest(world, 7), ==, HOUR - 600);
    world->hand.wall -= 2 * YEAR;
    world->hand.believed = FALSE;
    world_reopen(world, "first");
    g_assert_cmpint(rest(world, 7), ==, HOUR - 600);
}

static void
test_after_a_boot_the_believed_wall_clock_counts(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 100 + HOUR);
    world->hand.boot = 20;
    world->hand.wall += 1000;
    world_reopen(world, "second");
    g_assert_cmpint(rest(world, 7), ==, HOUR - 1000);
    world->hand.boot = 3;
    world->hand.wall += 500;
    world_reopen(world, "third");
    g_assert_cmpint(rest(world, 7), ==, HOUR - 1500);
}

static void
test_after_a_boot_with_a_clock_that_is_not_believed_no_time_passed(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 100 + HOUR);
    world->hand = (struct hand){.boot = 20, .wall = 0, .believed = FALSE};
    world_reopen(world, "second");
    g_assert_cmpint(rest(world, 7), ==, HOUR);
}

static void
test_a_clock_that_went_back_makes_no_lease_longer(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 100 + HOUR);
    world->hand.boot = 20;
    world->hand.wall -= 1000;
    world_reopen(world, "second");
    g_assert_cmpint(rest(world, 7), ==, HOUR);
}

static void
test_a_clock_that_was_not_believed_then_says_nothing_later(void)
{
    AUTO(world) *world = world_new();
    world->hand = (struct hand){.boot = 20, .wall = 5, .believed = FALSE};
    world_reopen(world, "second");
    give(world, 7, 20 + HOUR);
    world->hand = (struct hand){.boot = 20, .wall = WALL, .believed = TRUE};
    world_reopen(world, "third");
    g_assert_cmpint(rest(world, 7), ==, HOUR);
}

static void
test_a_clock_that_was_set_is_kept_before_the_next_lease(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 100 + HOUR);
    world->hand.wall += YEAR / 2; /* it was half a year late */
    store_tidy(world->store);
    world->hand.boot = 3;
    world->hand.wall += 60;
    world_reopen(world, "second");
    g_assert_cmpint(rest(world, 7), ==, HOUR - 60);
}

static void
test_time_that_passed_before_a_cut_stays_passed(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, 100 + HOUR);
    world->hand.boot += 1000;
    give(world, 8, world->hand.boot + HOUR);
    world->hand = (struct hand){.boot = 3, .wall = 0, .believed = FALSE};
    world_reopen(world, "second");
    g_assert_cmpint(rest(world, 7), ==, HOUR - 1000);
    g_assert_cmpint(rest(world, 8), ==, HOUR);
}

static void
test_a_lease_without_end_stays_so(void)
{
    AUTO(world) *world = world_new();
    give(world, 7, G_MAXINT64);
    world->hand.boot = 3;
    world->hand.wall += YEAR;
    world_reopen(world, "second");
    g_assert_cmpint(at(world, 7)->until, ==, G_MAXINT64);
}

/* ---- a full disk ---- */

static void
limit_files(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

static void
test_on_a_full_disk_nothing_is_committed_until_there_is_room(void)
{
    AUTO(world) *world = world_new();
    g_autoptr(GError) error = NULL;
    give(world, 7, 500);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(8192);
    for (guint32 i = 8; i < 300; i++) {
        struct lease lease = lease_of(i, 500);
        store_put(world->store, &lease);
    }
    g_assert_false(store_commit(world->store, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_false(store_commit(world->store, NULL));
    limit_files(RLIM_INFINITY);
    assert_commits(world);
    world_reopen(world, "first");
    for (guint32 i = 7; i < 300; i++)
        g_assert_nonnull(at(world, i));
}

/* ---- damage ---- */

static void
damage(const struct world *world, gint64 offset, gsize size)
{
    AUTO_FD int fd = open(world->path, O_RDWR | O_CLOEXEC);
    g_autofree char *noise = g_malloc(size);
    memset(noise, 0xa5, size);
    g_assert_cmpint(pwrite(fd, noise, size, offset), ==, size);
}

static guint
files_like(const struct world *world, const char *part)
{
    g_autoptr(GDir) folder = g_dir_open(world->scratch->path, 0, NULL);
    guint count = 0;
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;)
        count += strstr(name, part) != NULL;
    return count;
}

#define MANY 2000

static guint
left_after_damage_at(gint64 offset, gsize size)
{
    AUTO(world) *world = world_new();
    for (guint32 i = 1; i <= MANY; i++) {
        struct lease lease = lease_of(i, 500);
        store_put(world->store, &lease);
    }
    assert_commits(world);
    world_close(world);
    damage(world, offset, size);
    world_open(world, "first");
    g_assert_cmpuint(files_like(world, ".damaged-"), >=, 1);
    g_assert_cmpuint(files_like(world, ".built") + files_like(world, ".new"), ==, 0);
    guint count = leases_count(world->leases, LEASE_LEASED, 0, G_MAXUINT32);
    give(world, 1, 600);
    world_reopen(world, "first");
    g_assert_cmpint(at(world, 1)->until, ==, 600);
    g_assert_cmpuint(leases_count(world->leases, LEASE_LEASED, 0, G_MAXUINT32), >=, count);
    return count;
}

static void
test_of_a_damaged_file_what_can_be_read_is_kept(void)
{
    guint one_page = left_after_damage_at(20 * 4096, 4096);
    g_test_message("one page of leases is damaged: %u of %d are left", one_page, MANY);
    g_assert_cmpuint(one_page, >=, MANY - 100);
    g_assert_cmpuint(one_page, <, MANY);
    guint two = left_after_damage_at(20 * 4096, 2 * 4096);
    g_assert_cmpuint(two, >=, MANY - 200);
}

/* The first page, and the one that leads to all rows. */
static void
test_no_page_takes_all_leases_with_it(void)
{
    g_assert_cmpuint(left_after_damage_at(0, 100), ==, MANY);
    g_assert_cmpuint(left_after_damage_at(0, 4096), ==, MANY);
    g_assert_cmpuint(left_after_damage_at(4096, 4096), ==, MANY);
    g_assert_cmpuint(left_after_damage_at(0, 5 * 4096), >=, MANY - 300);
}

#define MORE 100000 /* than fit into SQLite's cache */

static void
test_damage_that_shows_later_loses_nothing_that_is_known(void)
{
    AUTO(world) *world = world_new();
    for (guint32 i = 1; i <= MORE; i++) {
        struct lease lease = lease_of(i, 500);
        leases_put(world->leases, &lease);
        store_put(world->store, &lease);
    }
    assert_commits(world);
    world_reopen(world, "first");
    damage(world, 4096, 30 * 4096);
    for (guint32 i = 1; i <= MORE; i += 200)
        give(world, i, 700);
    g_assert_cmpuint(files_like(world, ".damaged-"), >=, 1);
    world_reopen(world, "first");
    g_assert_cmpuint(leases_count(world->leases, LEASE_LEASED, 0, G_MAXUINT32), ==, MORE);
    for (guint32 i = 1; i <= MORE; i += 200)
        g_assert_cmpint(at(world, i)->until, ==, 700);
}

/* ---- speed ---- */

static void
test_how_quick_it_is(void)
{
    AUTO(world) *world = world_new();
    static const guint sizes[] = {1, 15, 64};
    if (!g_test_perf()) {
        g_test_skip("only measured with -m perf");
        return;
    }
    for (gsize k = 0; k < G_N_ELEMENTS(sizes); k++) {
        guint commits = 3000;
        gint64 begin = g_get_monotonic_time(), worst = 0, worst_tidy = 0;
        for (guint i = 0; i < commits; i++) {
            gint64 from = g_get_monotonic_time();
            for (guint n = 0; n < sizes[k]; n++) {
                struct lease lease = lease_of((guint)g_test_rand_int_range(0, 50000), 500);
                store_put(world->store, &lease);
            }
            assert_commits(world);
            gint64 middle = g_get_monotonic_time();
            store_tidy(world->store);
            worst = MAX(worst, middle - from);
            worst_tidy = MAX(worst_tidy, g_get_monotonic_time() - middle);
        }
        g_test_message("%u in a commit: %.0f commits/s, worst %.1f ms, worst tidy %.1f ms",
                       sizes[k], commits * 1e6 / (double)(g_get_monotonic_time() - begin),
                       (double)worst / 1000, (double)worst_tidy / 1000);
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/a lease is after a restart what it was",
                    test_a_lease_is_after_a_restart_what_it_was);
    g_test_add_func("/store/what a pair needs is kept", test_what_a_pair_needs_is_kept);
    g_test_add_func("/store/a file of version 1 goes on as version 2",
                    test_a_file_of_version_1_goes_on_as_version_2);
    g_test_add_func("/store/what was removed is gone", test_what_was_removed_is_gone);
    g_test_add_func("/store/of many changes of an address the last counts",
                    test_of_many_changes_of_an_address_the_last_counts);
    g_test_add_func("/store/what is not committed is not kept",
                    test_what_is_not_committed_is_not_kept);
    g_test_add_func("/store/an offer changes nothing that is stored",
                    test_an_offer_changes_nothing_that_is_stored);
    g_test_add_func("/store/a second process is told that the first has it",
                    test_a_second_process_is_told_that_the_first_has_it);
    g_test_add_func("/store/in one boot the boot clock counts alone",
                    test_in_one_boot_the_boot_clock_counts_alone);
    g_test_add_func("/store/after a boot the believed wall clock counts",
                    test_after_a_boot_the_believed_wall_clock_counts);
    g_test_add_func("/store/after a boot with a clock that is not believed no time passed",
                    test_after_a_boot_with_a_clock_that_is_not_believed_no_time_passed);
    g_test_add_func("/store/a clock that went back makes no lease longer",
                    test_a_clock_that_went_back_makes_no_lease_longer);
    g_test_add_func("/store/a clock that was not believed then says nothing later",
                    test_a_clock_that_was_not_believed_then_says_nothing_later);
    g_test_add_func("/store/a clock that was set is kept before the next lease",
                    test_a_clock_that_was_set_is_kept_before_the_next_lease);
    g_test_add_func("/store/time that passed before a cut stays passed",
                    test_time_that_passed_before_a_cut_stays_passed);
    g_test_add_func("/store/a lease without end stays so", test_a_lease_without_end_stays_so);
    g_test_add_func("/store/on a full disk nothing is committed until there is room",
                    test_on_a_full_disk_nothing_is_committed_until_there_is_room);
    g_test_add_func("/store/of a damaged file what can be read is kept",
                    test_of_a_damaged_file_what_can_be_read_is_kept);
    g_test_add_func("/store/no page takes all leases with it",
                    test_no_page_takes_all_leases_with_it);
    g_test_add_func("/store/damage that shows later loses nothing that is known",
                    test_damage_that_shows_later_loses_nothing_that_is_known);
    g_test_add_func("/store/how quick it is", test_how_quick_it_is);
    return g_test_run();
}
