/* fail: a message and its hint are taken apart, and put together, in one place. */
#include "lib/base/fail.h"

static void
a_message_without_a_hint_is_all_message(void)
{
    g_autofree char *message = fail_message("no store in 'a'");
    g_assert_cmpstr(message, ==, "no store in 'a'");
    g_assert_null(fail_hint("no store in 'a'"));
}

static void
the_hint_stands_behind_the_message(void)
{
    const char *text = "no store in 'a'\nhint: name the folder\nhint: or another";
    g_autofree char *message = fail_message(text);
    g_autofree char *first = fail_message(fail_hint(text));
    g_assert_cmpstr(message, ==, "no store in 'a'");
    g_assert_cmpstr(first, ==, "name the folder");
    g_assert_cmpstr(fail_hint(fail_hint(text)), ==, "or another");
}

static void
a_hint_is_added_where_there_is_none(void)
{
    g_autoptr(GError) error = NULL;
    fail_add_hint(NULL, "nothing");
    fail_add_hint(&error, "nothing");
    g_assert_no_error(error);
    fail_set(&error, FAIL_LATER, "stopped");
    fail_add_hint(&error, "run it again");
    fail_add_hint(&error, "do not");
    g_assert_error(error, FAIL, FAIL_LATER);
    g_assert_cmpstr(error->message, ==, "stopped\nhint: run it again");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fail/a message without a hint is all message",
                    a_message_without_a_hint_is_all_message);
    g_test_add_func("/fail/the hint stands behind the message", the_hint_stands_behind_the_message);
    g_test_add_func("/fail/a hint is added where there is none",
                    a_hint_is_added_where_there_is_none);
    return g_test_run();
}
