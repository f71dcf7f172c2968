/* walk: by comparing two sorted sides, exactly the documents that differ are fetched, and those
 * asked for that were not listed. */
#include "lib/base/file.h"
#include "replicator/snapshot/walk.h"
#include "tests/unit/http_server.h"

static struct row_reader *
rows_of(int fd, const char *const *rows)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (; *rows != NULL; rows++) {
        g_auto(GStrv) words = g_strsplit(*rows, " ", -1);
        gsize mark = row_begin(bytes, slice_of(words[0]));
        for (char **rev = words + 1; *rev != NULL; rev++)
            row_add_leaf(bytes, slice_of(*rev), 0);
        row_end(bytes, mark);
    }
    g_assert_true(file_write(fd, bytes->data, bytes->len, "rows", NULL));
    return row_reader_new(fd, 0, bytes->len, 4096, "rows");
}

static void
answer_feed(void *context, const struct server_request *request, struct server_answer *answer)
{
    (void)request;
    g_string_assign(answer->body, "{\"results\":[");
    for (const char *const *rows = context; *rows != NULL; rows++) {
        g_auto(GStrv) words = g_strsplit(*rows, " ", -1);
        g_string_append_printf(answer->body, "%s{\"id\":\"%s\",\"changes\":[",
                               rows == context ? "" : ",", words[0]);
        for (char **rev = words + 1; *rev != NULL; rev++)
            g_string_append_printf(answer->body, "%s{\"rev\":\"%s\"}", rev == words + 1 ? "" : ",",
                                   *rev);
        g_string_append(answer->body, "]}");
    }
    g_string_append(answer->body, "],\"last_seq\":\"1\",\"pending\":0}");
}

/* What the walk gives: "+a" only listed, "~b" both but different, "-c" only held. */
static char *
walk(const char *const *listed, const char *const *held, gboolean whole)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) log = g_string_new(NULL);
    AUTO(http_server) *server = http_server_new(answer_feed, (void *)listed);
    AUTO(http) *http = http_server_client(server, 0);
    AUTO(listing) *listing = listing_fetch(http, "db", NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    AUTO_FD int fd = file_temporary(&error);
    AUTO(row_reader) *reader = held != NULL ? rows_of(fd, held) : NULL;
    struct walk state = {.listing = listing, .held_rows = reader, .whole = whole};
    struct fetch_wanted wanted;
    gboolean end;
    for (;;) {
        g_assert_true(walk_next(&state, &wanted, &end, &error));
        if (end)
            break;
        char side = wanted.listed.leaves.size == 0 ? '-' : wanted.held.id.data != NULL ? '~' : '+';
        g_string_append_printf(log, "%c" SLICE_FORMAT " ", side, SLICE_ARGS(wanted.listed.id));
        g_assert_true(wanted.held.id.data == NULL ||
                      slice_compare(wanted.held.id, wanted.listed.id) == 0);
    }
    g_assert_true(walk_next(&state, &wanted, &end, &error) && end);
    return g_string_free(g_steal_pointer(&log), FALSE);
}

static const char *const listed[] = {"_design/z 1-a", "d 1-x",     "b 2-b 2-a",
                                     "a 1-a",         "c 3-n 2-o", "f 1-a",
                                     "_design/a 2-b", "f 2-b",     NULL};
static const char *const held[] = {"a 1-a",         "b 2-a 2-b", "bb 1-a", "c 3-n",
                                   "d 1-x 1-y",     "e 1-a",     "zz 1-a", "_design/a 1-a",
                                   "_design/y 1-a", NULL};
static const char *const nothing[] = {NULL};

static void
only_differences_are_fetched(void)
{
    g_autofree char *log = walk(listed, held, TRUE);
    g_assert_cmpstr(log, ==, "-bb ~c ~d -e +f -zz ~_design/a -_design/y +_design/z ");
}

static void
a_partial_listing_says_nothing_of_the_rest(void)
{
    g_autofree char *log = walk(listed, held, FALSE);
    g_assert_cmpstr(log, ==, "~c ~d +f ~_design/a +_design/z ");
}

static void
one_side_may_be_empty(void)
{
    g_autofree char *first = walk(listed, NULL, TRUE);
    g_assert_cmpstr(first, ==, "+a +b +c +d +f +_design/a +_design/z ");
    g_autofree char *empty = walk(listed, nothing, TRUE);
    g_assert_cmpstr(empty, ==, first);
    g_autofree char *emptied = walk(nothing, held, TRUE);
    g_assert_cmpstr(emptied, ==, "-a -b -bb -c -d -e -zz -_design/a -_design/y ");
    g_autofree char *both = walk(nothing, nothing, TRUE);
    g_assert_cmpstr(both, ==, "");
    g_autofree char *quiet = walk(nothing, held, FALSE);
    g_assert_cmpstr(quiet, ==, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/walk/only differences are fetched", only_differences_are_fetched);
    g_test_add_func("/walk/a partial listing says nothing of the rest",
                    a_partial_listing_says_nothing_of_the_rest);
    g_test_add_func("/walk/one side may be empty", one_side_may_be_empty);
    return g_test_run();
}
