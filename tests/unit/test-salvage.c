/* salvage: which files of a folder a check made, and which were there before. */
#include "replicator/mounter/salvage.h"

#include "tests/unit/scratch.h"

static void
touch(struct scratch *scratch, const char *const *names)
{
    for (; *names != NULL; names++)
        scratch_write(scratch, *names, "x", 1);
}

static char *
left(struct scratch *scratch)
{
    char *names = NULL;
    g_assert_cmpint(scratch_shell(scratch, &names, "LC_ALL=C ls | tr '\\n' ' '"), ==, 0);
    return names;
}

/* The second names come by the check; nothing else is its own. */
static void
check(struct scratch *scratch, struct message_salvage *before)
{
    static const char *const first[] = {"FSCK0000.REC",  "FSCK12.REC", "FSCK000x.REC",
                                        "xFSCK0001.REC", "photo",      NULL};
    static const char *const then[] = {"FSCK0003.REC", "FSCK9999.REC", "FSCK-001.REC",
                                       "FSCK0003.RED", NULL};
    touch(scratch, first);
    salvage_list(MESSAGE_VFAT, scratch->path, before);
    touch(scratch, then);
}

static void
test_what_is_new_is_removed_and_nothing_else(void)
{
    AUTO(scratch) *scratch = scratch_new();
    struct message_salvage before;
    check(scratch, &before);
    g_assert_cmpuint(salvage_settle(MESSAGE_VFAT, scratch->path, &before, TRUE), ==, 0);
    g_autofree char *names = left(scratch);
    g_assert_cmpstr(names, ==,
                    "FSCK-001.REC FSCK0000.REC FSCK0003.RED FSCK000x.REC FSCK12.REC photo "
                    "xFSCK0001.REC ");
}

static void
test_what_is_somebodys_stays_and_is_counted(void)
{
    AUTO(scratch) *scratch = scratch_new();
    struct message_salvage before;
    check(scratch, &before);
    g_autofree char *names = left(scratch);
    g_assert_cmpuint(salvage_settle(MESSAGE_VFAT, scratch->path, &before, FALSE), ==, 2);
    g_autofree char *after = left(scratch);
    g_assert_cmpstr(names, ==, after);
}

static void
test_the_folder_that_a_check_made_goes_when_it_is_empty(void)
{
    AUTO(scratch) *scratch = scratch_new();
    struct message_salvage before;
    salvage_list(MESSAGE_EXFAT, scratch->path, &before);
    scratch_shell(scratch, NULL, "mkdir LOST+FOUND; touch LOST+FOUND/FILE0000000.CHK photo");
    g_assert_cmpuint(salvage_settle(MESSAGE_EXFAT, scratch->path, &before, FALSE), ==, 1);
    g_assert_cmpuint(salvage_settle(MESSAGE_EXFAT, scratch->path, &before, TRUE), ==, 0);
    g_autofree char *names = left(scratch);
    g_assert_cmpstr(names, ==, "photo ");
}

static void
test_what_has_no_such_files_has_none(void)
{
    AUTO(scratch) *scratch = scratch_new();
    struct message_salvage before;
    check(scratch, &before);
    memset(&before, 0, sizeof before);
    g_assert_null(salvage_where(MESSAGE_EXT4));
    g_assert_cmpuint(salvage_settle(MESSAGE_EXT4, scratch->path, &before, TRUE), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/salvage/what is new is removed and nothing else",
                    test_what_is_new_is_removed_and_nothing_else);
    g_test_add_func("/salvage/what is somebody's stays and is counted",
                    test_what_is_somebodys_stays_and_is_counted);
    g_test_add_func("/salvage/the folder that a check made goes when it is empty",
                    test_the_folder_that_a_check_made_goes_when_it_is_empty);
    g_test_add_func("/salvage/what has no such files has none",
                    test_what_has_no_such_files_has_none);
    return g_test_run();
}
