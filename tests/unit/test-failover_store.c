/* store: whenever the power is cut, the record is there that was promised, or the one that was
 * being written; and what is damaged or gone is known to be. */
#include "netsvc/failover/store.h"
#include "tests/unit/power_disk.h"
#include "tests/unit/scratch.h"

#include <sqlite3.h>
#include <sys/stat.h>

#define ID "0123456789abcdef0123456789abcdef"

struct fixture {
    struct scratch *scratch;
    char *folder, *cut_folder, *path;
    guint64 written, next; /* terms; the latter while a write runs, else the same */
    guint states;
};

static struct protocol_record
record_of(guint64 term)
{
    return (struct protocol_record){.cluster = ID,
                                    .id = ID,
                                    .peer = "",
                                    .parity = 1,
                                    .term = term,
                                    .taken = term % 2 == 1,
                                    .granted = term % 2 == 0,
                                    .attempt = ID,
                                    .promised = "",
                                    .uuid = ID,
                                    .rival = "02:00:00:00:00:01",
                                    .unmerged = term % 3 == 0,
                                    .fresh = term % 5 == 0,
                                    .adopts = term % 7 == 0};
}

static void
set_up(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
        g_setenv("TMPDIR", "/dev/shm", TRUE);
    fixture->scratch = scratch_new();
    fixture->folder = g_build_filename(fixture->scratch->path, "disk", NULL);
    fixture->cut_folder = g_build_filename(fixture->scratch->path, "cut", NULL);
    fixture->path = g_build_filename(fixture->folder, "failover.db", NULL);
    g_assert_cmpint(mkdir(fixture->folder, 0700), ==, 0);
    g_assert_cmpint(mkdir(fixture->cut_folder, 0700), ==, 0);
}

static void
tear_down(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_free(fixture->folder);
    g_free(fixture->cut_folder);
    g_free(fixture->path);
    scratch_free(fixture->scratch);
}

static struct failover_store *
open_at(const char *path, gboolean is_damaged)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *damaged = NULL;
    struct failover_store *store = failover_store_open(path, &damaged, &error);
    g_assert_no_error(error);
    g_assert_cmpint(damaged != NULL, ==, is_damaged);
    if (damaged != NULL)
        g_assert_true(g_file_test(damaged, G_FILE_TEST_EXISTS));
    return store;
}

/* The term; 0: there is no record. */
static guint64
read_whole(struct failover_store *store)
{
    g_autoptr(GError) error = NULL;
    struct protocol_record record;
    gboolean found;
    g_assert_true(failover_store_read(store, &record, &found, &error));
    g_assert_no_error(error);
    struct protocol_record expected = found ? record_of(record.term) : (struct protocol_record){0};
    g_assert_cmpstr(record.cluster, ==, expected.cluster);
    g_assert_cmpstr(record.id, ==, expected.id);
    g_assert_cmpstr(record.peer, ==, expected.peer);
    g_assert_cmpstr(record.attempt, ==, expected.attempt);
    g_assert_cmpstr(record.promised, ==, expected.promised);
    g_assert_cmpstr(record.uuid, ==, expected.uuid);
    g_assert_cmpstr(record.rival, ==, expected.rival);
    g_assert_cmpuint(record.parity, ==, expected.parity);
    g_assert_cmpint(record.taken, ==, expected.taken);
    g_assert_cmpint(record.granted, ==, expected.granted);
    g_assert_cmpint(record.unmerged, ==, expected.unmerged);
    g_assert_cmpint(record.fresh, ==, expected.fresh);
    g_assert_cmpint(record.adopts, ==, expected.adopts);
    return record.term;
}

static guint64
term_at(const char *path, gboolean is_damaged)
{
    AUTO(failover_store) *store = open_at(path, is_damaged);
    return read_whole(store);
}

static void
write_term(struct failover_store *store, guint64 term)
{
    g_autoptr(GError) error = NULL;
    struct protocol_record record = record_of(term);
    g_assert_true(failover_store_write(store, &record, &error));
    g_assert_no_error(error);
}

/* ---- files ---- */

static void
test_what_is_written_is_read(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(term_at(fixture->path, FALSE), ==, 0);
    for (guint64 term = 1; term < 40; term++) {
        AUTO(failover_store) *store = open_at(fixture->path, FALSE);
        g_assert_cmpuint(read_whole(store), ==, term - 1);
        write_term(store, term);
        g_assert_cmpuint(read_whole(store), ==, term);
    }
}

static void
test_one_of_an_older_version_is_read(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    struct protocol_record record;
    gboolean found;
    struct failover_store *store = open_at(fixture->path, FALSE);
    write_term(store, 5);
    failover_store_free(store);
    sqlite3 *sqlite = NULL;
    g_assert_cmpint(sqlite3_open(fixture->path, &sqlite), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(sqlite,
                                 "ALTER TABLE record DROP COLUMN rival; PRAGMA user_version = 1",
                                 NULL, NULL, NULL),
                    ==, SQLITE_OK);
    sqlite3_close(sqlite);
    store = open_at(fixture->path, FALSE);
    g_assert_true(failover_store_read(store, &record, &found, &error));
    g_assert_cmpuint(record.term, ==, 5);
    g_assert_cmpstr(record.rival, ==, "");
    write_term(store, 7);
    failover_store_free(store);
    g_assert_cmpuint(term_at(fixture->path, FALSE), ==, 7);
}

static void
test_one_that_is_damaged_is_set_aside(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    for (gsize keep = 0; keep < 3; keep++) {
        struct failover_store *store = open_at(fixture->path, FALSE);
        write_term(store, 5);
        failover_store_free(store);
        g_autofree char *bytes = NULL;
        gsize size;
        g_assert_true(g_file_get_contents(fixture->path, &bytes, &size, NULL));
        memset(bytes + (keep == 0 ? 0 : keep == 1 ? 100 : 4096), 0xaa, keep == 2 ? 4096 : 60);
        g_assert_true(g_file_set_contents(fixture->path, bytes, (gssize)size, NULL));
        g_assert_cmpuint(term_at(fixture->path, TRUE), ==, 0);
        g_assert_cmpuint(term_at(fixture->path, FALSE), ==, 0);
        g_assert_cmpint(scratch_shell(fixture->scratch, NULL, "rm -r disk/*"), ==, 0);
    }
}

static void
test_one_that_is_removed_is_made_anew(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct failover_store *store = open_at(fixture->path, FALSE);
    write_term(store, 5);
    g_assert_cmpint(scratch_shell(fixture->scratch, NULL, "rm disk/*"), ==, 0);
    write_term(store, 7);
    failover_store_free(store);
    g_assert_cmpuint(term_at(fixture->path, FALSE), ==, 7);
}

static void
test_a_folder_that_is_not_there_is_an_error(struct fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *damaged = NULL, *path = g_build_filename(fixture->folder, "no", "x", NULL);
    (void)data;
    g_assert_null(failover_store_open(path, &damaged, &error));
    g_assert_nonnull(error);
    g_assert_null(damaged);
}

/* ---- power ---- */

static void
check_cut(void *context, struct power_disk *disk)
{
    struct fixture *fixture = context;
    g_autofree char *path = g_build_filename(fixture->cut_folder, "failover.db", NULL);
    for (enum power_loss loss = 0; loss < POWER_LOSSES; loss++) {
        if (!power_disk_state(disk, loss, fixture->cut_folder))
            continue;
        g_autoptr(GError) error = NULL;
        g_autofree char *damaged = NULL;
        AUTO(failover_store) *store = failover_store_open(path, &damaged, &error);
        g_assert_no_error(error);
        guint64 term = read_whole(store);
        g_assert_true(term == fixture->written || term == fixture->next);
        /* While it is made it may be half made; nothing was promised then. */
        g_assert_true(damaged == NULL || fixture->written == 0);
        fixture->states++;
    }
}

static void
test_a_power_cut_loses_nothing(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    AUTO(power_disk) *disk = power_disk_new(fixture->folder, check_cut, fixture);
    power_disk_record(disk);
    for (guint round = 0; round < 3; round++) {
        AUTO(failover_store) *store = open_at(fixture->path, FALSE);
        for (guint i = 0; i < (round == 1 ? 120 : 5); i++) {
            fixture->next = fixture->written + 1;
            write_term(store, fixture->next);
            fixture->written = fixture->next;
        }
    }
    power_disk_record(NULL);
    g_test_message("%u changes of the disk, %u states after a cut", power_disk_changes(disk),
                   fixture->states);
    g_assert_cmpuint(fixture->states, >, 100);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function)                                                                       \
    g_test_add("/failover_store/" name, struct fixture, NULL, set_up, function, tear_down)
    TEST("what is written is read", test_what_is_written_is_read);
    TEST("one of an older version is read", test_one_of_an_older_version_is_read);
    TEST("one that is damaged is set aside", test_one_that_is_damaged_is_set_aside);
    TEST("one that is removed is made anew", test_one_that_is_removed_is_made_anew);
    TEST("a folder that is not there is an error", test_a_folder_that_is_not_there_is_an_error);
    TEST("a power cut loses nothing that was promised", test_a_power_cut_loses_nothing);
    return g_test_run();
}
