/* sqlite: what is opened is whole and of a version that is known, or is not opened; what is damaged
 * can be set aside, with all that belongs to it. */
#include "lib/sqlite/sqlite.h"

#include "lib/base/fail.h"
#include "tests/unit/scratch.h"

#include <string.h>

static const struct sqlite_kind alone = {
    .what = "notes", .version = 2, .tables = "CREATE TABLE note (text TEXT NOT NULL) STRICT"};
static const struct sqlite_kind shared = {.what = "notes",
                                          .version = 2,
                                          .tables = "CREATE TABLE note (text TEXT NOT NULL) STRICT",
                                          .share_ms = 10};

struct fixture {
    struct scratch *scratch;
    char *path;
};

static void
set_up(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->scratch = scratch_new();
    fixture->path = g_build_filename(fixture->scratch->path, "notes.db", NULL);
}

static void
tear_down(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_free(fixture->path);
    scratch_free(fixture->scratch);
}

static void
open_fine(struct sqlite *sqlite, const struct fixture *fixture, const struct sqlite_kind *kind)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(sqlite_open(sqlite, kind, fixture->path, &error));
    g_assert_no_error(error);
}

/* Whether it is damaged; it is left open. */
static gboolean
open_refused(struct sqlite *sqlite, const struct fixture *fixture, const struct sqlite_kind *kind,
             enum fail_code code, const char *cause)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(sqlite_open(sqlite, kind, fixture->path, &error));
    g_assert_error(error, FAIL, (int)code);
    g_assert_nonnull(strstr(error->message, cause));
    return sqlite->damaged;
}

static void
write_note(struct sqlite *sqlite)
{
    g_assert_cmpint(sqlite_run(sqlite, "INSERT INTO note VALUES ('x')"), ==, SQLITE_OK);
}

static void
assert_notes(struct sqlite *sqlite, const char *count)
{
    g_autofree char *found = NULL;
    g_assert_cmpint(sqlite_ask(sqlite, "SELECT count(*) FROM note", &found), ==, SQLITE_OK);
    g_assert_cmpstr(found, ==, count);
}

static void
test_what_is_written_is_there_again(struct fixture *fixture, gconstpointer data)
{
    struct sqlite sqlite;
    (void)data;
    open_fine(&sqlite, fixture, &alone);
    write_note(&sqlite);
    sqlite_close(&sqlite);
    open_fine(&sqlite, fixture, &alone);
    g_assert_cmpint(sqlite.version, ==, 2);
    assert_notes(&sqlite, "1");
    sqlite_close(&sqlite);
}

static void
test_it_is_durable(struct fixture *fixture, gconstpointer data)
{
    static const char *const asked[][2] = {{"PRAGMA journal_mode", "wal"},
                                           {"PRAGMA synchronous", "2"},
                                           {"PRAGMA locking_mode", "exclusive"}};
    struct sqlite sqlite;
    (void)data;
    open_fine(&sqlite, fixture, &alone);
    for (gsize i = 0; i < G_N_ELEMENTS(asked); i++) {
        g_autofree char *answer = NULL;
        g_assert_cmpint(sqlite_ask(&sqlite, asked[i][0], &answer), ==, SQLITE_OK);
        g_assert_cmpstr(answer, ==, asked[i][1]);
    }
    sqlite_close(&sqlite);
}

static void
test_one_process_has_it_unless_it_is_shared(struct fixture *fixture, gconstpointer data)
{
    struct sqlite first, second;
    (void)data;
    open_fine(&first, fixture, &alone);
    g_assert_false(open_refused(&second, fixture, &alone, FAIL_LATER, "another process"));
    sqlite_close(&second);
    sqlite_close(&first);
    open_fine(&first, fixture, &shared);
    open_fine(&second, fixture, &shared);
    write_note(&second);
    assert_notes(&first, "1");
    sqlite_close(&second);
    sqlite_close(&first);
}

static void
test_a_newer_one_is_refused_and_kept(struct fixture *fixture, gconstpointer data)
{
    struct sqlite sqlite;
    (void)data;
    open_fine(&sqlite, fixture, &alone);
    write_note(&sqlite);
    g_assert_cmpint(sqlite_run(&sqlite, "PRAGMA user_version = 3"), ==, SQLITE_OK);
    sqlite_close(&sqlite);
    g_assert_false(open_refused(&sqlite, fixture, &alone, FAIL_FAILED, "newer Lifeboat"));
    sqlite_close(&sqlite);
}

static void
test_a_damaged_one_is_set_aside_with_its_wal(struct fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    struct sqlite sqlite;
    (void)data;
    scratch_write(fixture->scratch, "notes.db", "this is no database, but long enough", 36);
    scratch_write(fixture->scratch, "notes.db-wal", "nor a WAL", 9);
    g_assert_true(open_refused(&sqlite, fixture, &alone, FAIL_DAMAGED, "notes '"));
    g_assert_true(sqlite_set_aside(&sqlite, &name, &error));
    g_assert_no_error(error);
    g_assert_nonnull(strstr(name, "notes.db.damaged-"));
    g_assert_cmpint(
        scratch_shell(fixture->scratch, NULL,
                      "grep -q 'no database' notes.db.damaged-*[0-9] && test ! -e notes.db &&"
                      " grep -q 'nor a WAL' notes.db.damaged-*-wal && test ! -e notes.db-wal"),
        ==, 0);
    open_fine(&sqlite, fixture, &alone);
    assert_notes(&sqlite, "0");
    sqlite_close(&sqlite);
}

static void
test_tables_that_are_not_as_they_should_be_are_damage(struct fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    sqlite3_stmt *statement = NULL;
    struct sqlite sqlite;
    (void)data;
    open_fine(&sqlite, fixture, &alone);
    int code = sqlite_prepare(&sqlite, "SELECT nothing FROM note", &statement);
    g_assert_false(sqlite_failed(&sqlite, code, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_true(sqlite.damaged);
    sqlite_close(&sqlite);
}

static void
test_one_that_was_removed_or_replaced_is_lost(struct fixture *fixture, gconstpointer data)
{
    struct sqlite sqlite;
    (void)data;
    open_fine(&sqlite, fixture, &alone);
    g_assert_false(sqlite_is_lost(&sqlite));
    g_assert_cmpint(scratch_shell(fixture->scratch, NULL, "rm notes.db-wal"), ==, 0);
    g_assert_true(sqlite_is_lost(&sqlite));
    sqlite_abandon(&sqlite);
    open_fine(&sqlite, fixture, &alone);
    g_assert_cmpint(scratch_shell(fixture->scratch, NULL, "cp notes.db x && mv x notes.db"), ==, 0);
    g_assert_true(sqlite_is_lost(&sqlite));
    sqlite_abandon(&sqlite);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function)                                                                       \
    g_test_add("/sqlite/" name, struct fixture, NULL, set_up, function, tear_down)
    TEST("what is written is there again", test_what_is_written_is_there_again);
    TEST("it is durable", test_it_is_durable);
    TEST("one process has it unless it is shared", test_one_process_has_it_unless_it_is_shared);
    TEST("a newer one is refused, and kept", test_a_newer_one_is_refused_and_kept);
    TEST("a damaged one is set aside with its WAL", test_a_damaged_one_is_set_aside_with_its_wal);
    TEST("tables that are not as they should be are damage",
         test_tables_that_are_not_as_they_should_be_are_damage);
    TEST("one that was removed or replaced is lost", test_one_that_was_removed_or_replaced_is_lost);
    return g_test_run();
}
