/* serial: serials grow over every start, whatever the clock says. */
#include "netsvc/dns/zone/serial.h"

#include "lib/base/file.h"

#include <fcntl.h>
#include <stdlib.h>

#define NOW 1800000000u

static char path[] = "/tmp/lifeboat-serial-XXXXXX";
static int folder = -1;

static void
set_up(void)
{
    g_strlcpy(path, "/tmp/lifeboat-serial-XXXXXX", sizeof path);
    g_assert_nonnull(g_mkdtemp(path));
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(folder, >=, 0);
}

static void
tear_down(void)
{
    close(folder);
    file_remove_tree(AT_FDCWD, path, NULL);
}

static guint32
begin(struct serial *serial, gint64 now)
{
    guint32 first;
    g_autoptr(GError) error = NULL;
    gboolean good = serial_begin(serial, folder, now, &first, &error);
    g_assert_no_error(error);
    g_assert_true(good);
    return first;
}

static gboolean
is_after(guint32 a, guint32 b)
{
    return (gint32)(a - b) > 0;
}

static void
test_it_begins_with_the_time(void)
{
    struct serial serial;
    set_up();
    g_assert_cmpuint(begin(&serial, NOW), ==, NOW);
    g_assert_cmpuint(begin(&serial, NOW + 100000), ==, NOW + 100000);
    tear_down();
}

static void
test_it_grows_over_a_start_with_the_clock_back_in_1970(void)
{
    struct serial serial;
    set_up();
    begin(&serial, NOW);
    g_assert_cmpuint(begin(&serial, 42), >, NOW);
    tear_down();
}

static void
test_it_grows_over_a_restart_in_the_same_second(void)
{
    struct serial serial;
    set_up();
    guint32 first = begin(&serial, NOW);
    g_assert_true(is_after(begin(&serial, NOW), first));
    tear_down();
}

static void
test_it_grows_over_more_changes_than_seconds(void)
{
    struct serial serial;
    set_up();
    guint32 reached = begin(&serial, NOW);
    for (guint i = 0; i < 3 * SERIAL_AHEAD; i++)
        g_assert_true(serial_reached(&serial, ++reached, NULL));
    g_assert_true(is_after(begin(&serial, NOW + 1), reached));
    tear_down();
}

static void
test_it_turns_over(void)
{
    struct serial serial;
    set_up();
    guint32 reached = begin(&serial, G_MAXUINT32 - 10);
    for (guint i = 0; i < 2 * SERIAL_AHEAD; i++)
        g_assert_true(serial_reached(&serial, ++reached, NULL));
    g_assert_true(is_after(begin(&serial, G_MAXUINT32 - 10), reached));
    tear_down();
}

static void
test_a_file_without_a_number_is_none(void)
{
    struct serial serial;
    set_up();
    g_assert_true(file_replace(folder, SERIAL_FILE, "what?", 5, 0600, NULL));
    g_assert_cmpuint(begin(&serial, NOW), ==, NOW);
    g_assert_true(file_replace(folder, SERIAL_FILE, "", 0, 0600, NULL));
    g_assert_cmpuint(begin(&serial, NOW), ==, NOW);
    tear_down();
}

static void
test_without_a_folder_it_is_the_time(void)
{
    struct serial serial;
    folder = -1;
    g_assert_cmpuint(begin(&serial, NOW), ==, NOW);
    g_assert_true(serial_reached(&serial, NOW + 2 * SERIAL_AHEAD, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/it begins with the time", test_it_begins_with_the_time);
    g_test_add_func("/serial/it grows over a start with the clock back in 1970",
                    test_it_grows_over_a_start_with_the_clock_back_in_1970);
    g_test_add_func("/serial/it grows over a restart in the same second",
                    test_it_grows_over_a_restart_in_the_same_second);
    g_test_add_func("/serial/it grows over more changes than seconds",
                    test_it_grows_over_more_changes_than_seconds);
    g_test_add_func("/serial/it turns over", test_it_turns_over);
    g_test_add_func("/serial/a file without a number is none",
                    test_a_file_without_a_number_is_none);
    g_test_add_func("/serial/without a folder it is the time",
                    test_without_a_folder_it_is_the_time);
    return g_test_run();
}
