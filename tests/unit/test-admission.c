/* admission: who shows that an address is his own is answered, whatever others do in his name. */
#include "netsvc/dns/serve/admission.h"

#include "lib/base/file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

static gint64
no_time(void)
{
    return 1000000;
}

static struct admission admission;
static struct asker asker;
static struct tcp *const some_tcp = (struct tcp *)&asker;

static void
set_up(guint rate)
{
    struct config_dns config = {.rate = rate};
    struct sockaddr_in *address = (struct sockaddr_in *)&asker.address;
    admission_init(&admission, &config);
    admission.monotonic = admission.wall = no_time;
    asker = (struct asker){.size = sizeof *address};
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0xc0000201);
}

static enum serve_verdict
ask(const guint8 *cookie, gsize size, struct reply_options *options)
{
    const struct query query = {.cookie = cookie, .cookie_size = size};
    return admission_of(&admission, &asker, &query, options);
}

static void
test_above_the_limit_it_is_truncated_or_dropped(void)
{
    struct reply_options options = {0};
    set_up(1);
    g_assert_cmpint(ask(NULL, 0, &options), ==, SERVE_ANSWER);
    g_assert_cmpint(ask(NULL, 0, &options), ==, SERVE_TRUNCATE);
    g_assert_cmpint(ask(NULL, 0, &options), ==, SERVE_DROP);
    g_assert_cmpuint(options.cookie_size, ==, 0);
    admission_clear(&admission);
}

static void
test_by_tcp_there_is_no_limit(void)
{
    struct reply_options options = {0};
    set_up(1);
    asker.tcp = some_tcp;
    for (int i = 0; i < 10; i++)
        g_assert_cmpint(ask(NULL, 0, &options), ==, SERVE_ANSWER);
    admission_clear(&admission);
}

static void
test_a_cookie_is_got_with_the_first_answer_and_frees_from_the_limit(void)
{
    struct reply_options first = {0}, later = {0};
    set_up(1);
    g_assert_cmpint(ask((const guint8 *)"12345678", 8, &first), ==, SERVE_ANSWER);
    g_assert_cmpuint(first.cookie_size, ==, COOKIE_SIZE);
    for (int i = 0; i < 10; i++)
        g_assert_cmpint(ask(first.cookie, COOKIE_SIZE, &later), ==, SERVE_ANSWER);
    g_assert_cmpmem(later.cookie, (int)later.cookie_size, first.cookie, COOKIE_SIZE);
    admission_clear(&admission);
}

static gint64
much_later(void)
{
    return no_time() + 2000;
}

static void
test_a_cookie_stays_the_same_for_half_an_hour(void)
{
    struct reply_options first = {0}, later = {0};
    set_up(0);
    ask((const guint8 *)"12345678", 8, &first);
    ask(first.cookie, COOKIE_SIZE, &later);
    g_assert_cmpmem(later.cookie, COOKIE_SIZE, first.cookie, COOKIE_SIZE);
    admission.wall = much_later;
    ask(first.cookie, COOKIE_SIZE, &later);
    g_assert_true(memcmp(later.cookie, first.cookie, COOKIE_SIZE) != 0);
    g_assert_cmpmem(later.cookie, COOKIE_CLIENT_SIZE, first.cookie, COOKIE_CLIENT_SIZE);
    admission_clear(&admission);
}

static void
open_again(int folder)
{
    g_autoptr(GError) error = NULL;
    admission_clear(&admission);
    set_up(1);
    gboolean good = admission_open(&admission, folder, &error);
    g_assert_no_error(error);
    g_assert_true(good);
}

static void
test_a_cookie_stays_good_over_a_restart(void)
{
    struct reply_options options = {0};
    g_autofree char *path = g_dir_make_tmp("lifeboat-admission-XXXXXX", NULL);
    AUTO_FD int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    open_again(folder);
    ask((const guint8 *)"12345678", 8, &options);
    g_assert_cmpint(ask(NULL, 0, &options), ==, SERVE_TRUNCATE);
    open_again(folder);
    for (int i = 0; i < 10; i++)
        g_assert_cmpint(ask(options.cookie, COOKIE_SIZE, &options), ==, SERVE_ANSWER);
    g_assert_true(file_replace(folder, ADMISSION_SECRET, "damaged", 7, 0600, NULL));
    open_again(folder);
    g_assert_cmpint(ask(NULL, 0, &options), ==, SERVE_ANSWER);
    g_assert_cmpint(ask(options.cookie, COOKIE_SIZE, &options), ==, SERVE_BAD_COOKIE);
    ask((const guint8 *)"12345678", 8, &options);
    open_again(folder);
    g_assert_cmpint(ask(NULL, 0, &options), ==, SERVE_ANSWER);
    g_assert_cmpint(ask(options.cookie, COOKIE_SIZE, &options), ==, SERVE_ANSWER);
    admission_clear(&admission);
    file_remove_tree(AT_FDCWD, path, NULL);
}

static void
test_a_cookie_that_is_not_good_is_told_so_only_above_the_limit(void)
{
    struct reply_options options = {0};
    const guint8 *wrong = (const guint8 *)"123456781234567812345678";
    set_up(1);
    g_assert_cmpint(ask(wrong, COOKIE_SIZE, &options), ==, SERVE_ANSWER);
    g_assert_cmpint(ask(wrong, COOKIE_SIZE, &options), ==, SERVE_BAD_COOKIE);
    g_assert_cmpint(ask(wrong, COOKIE_SIZE, &options), ==, SERVE_DROP);
    g_assert_cmpint(ask(wrong, 8, &options), ==, SERVE_BAD_COOKIE);
    g_assert_cmpint(ask(options.cookie, options.cookie_size, &options), ==, SERVE_ANSWER);
    admission_clear(&admission);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/admission/above the limit it is truncated or dropped",
                    test_above_the_limit_it_is_truncated_or_dropped);
    g_test_add_func("/admission/by tcp there is no limit", test_by_tcp_there_is_no_limit);
    g_test_add_func("/admission/a cookie is got with the first answer and frees from the limit",
                    test_a_cookie_is_got_with_the_first_answer_and_frees_from_the_limit);
    g_test_add_func("/admission/a cookie stays the same for half an hour",
                    test_a_cookie_stays_the_same_for_half_an_hour);
    g_test_add_func("/admission/a cookie stays good over a restart",
                    test_a_cookie_stays_good_over_a_restart);
    g_test_add_func("/admission/a cookie that is not good is told so only above the limit",
                    test_a_cookie_that_is_not_good_is_told_so_only_above_the_limit);
    return g_test_run();
}
