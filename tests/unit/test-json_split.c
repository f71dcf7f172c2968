/* json_split: however a stream is cut, the same elements come out; what is no stream of elements is
 * refused. */
#include "lib/json/json.h"

/* Feeds `text` in pieces that end at the offsets given, and writes down what comes: one line an
 * event. */
static char *
events_of(const char *outer, const char *inner, gsize cap, struct slice text, const gsize *cuts,
          guint n_cuts)
{
    AUTO(json_split) *split = json_split_new(outer, inner, cap);
    g_autoptr(GString) log = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    gsize from = 0;
    for (guint i = 0; i <= n_cuts; i++) {
        gsize to = i < n_cuts ? cuts[i] : text.size;
        g_autofree char *exact = g_memdup2(text.data + from, to - from);
        struct slice input = {exact, to - from}, element;
        enum json_event event;
        while ((event = json_split_feed(split, &input, &element, &error)) == JSON_ELEMENT ||
               event == JSON_BREAK)
            g_string_append_printf(log, "%c " SLICE_FORMAT "\n", event == JSON_BREAK ? 'B' : 'E',
                                   SLICE_ARGS(element));
        g_assert_true((event == JSON_FAILED) == (error != NULL));
        if (event == JSON_FAILED) {
            g_string_append(log, "failed\n");
            return g_string_free(g_steal_pointer(&log), FALSE);
        }
        g_assert_true(event == JSON_END || input.size == 0);
        if (event == JSON_END)
            break;
        from = to;
    }
    if (outer != NULL)
        g_string_append_printf(log, "rest " SLICE_FORMAT "\n", SLICE_ARGS(json_split_rest(split)));
    return g_string_free(g_steal_pointer(&log), FALSE);
}

static void
expect(const char *outer, const char *inner, const char *text, const char *expected)
{
    g_autofree char *whole = events_of(outer, inner, 1000, slice_of(text), NULL, 0);
    g_assert_cmpstr(whole, ==, expected);
}

static const char feed[] =
    " {\"results\":[\n{\"seq\":\"1-a\",\"id\":\"x\\\"]}\\\\\",\"changes\":[{\"rev\":\"1-a\"}]},\n"
    "{\"seq\":null,\"id\":\"\xe6\x97\xa5\\u65e5\"}, 12 , -0.5e3,\"a,]\", true ,[ ], {}\n],\n"
    "\"last_seq\":\"9-zz\", \"pending\" : 0,\"n\":[1,{\"results\":[2]}]}\n\n";

static const char bulk[] = "{\"a\":1,\"results\":[{\"id\":\"x\",\"docs\":[{\"ok\":{\"docs\":[1],"
                           "\"results\":[2]}},{\"error\":{\"id\":\"x\"}}]} ,"
                           "{\"docs\":[],\"id\":\"y\",\"n\":12},\n{} , "
                           "{\"docs\":{\"no\":\"array\"}},{\"docs\":[ 1 ,\"\\\\\"] }],\"b\":[ ]}";

static void
a_feed_is_cut_into_its_rows(void)
{
    expect("results", NULL, feed,
           "E {\"seq\":\"1-a\",\"id\":\"x\\\"]}\\\\\",\"changes\":[{\"rev\":\"1-a\"}]}\n"
           "E {\"seq\":null,\"id\":\"\xe6\x97\xa5\\u65e5\"}\nE 12\nE -0.5e3\nE \"a,]\"\nE true\nE "
           "[ ]\nE {}\n"
           "rest {\"last_seq\":\"9-zz\",\"pending\":0,\"n\":[1,{\"results\":[2]}]}\n");
}

static void
an_answer_is_cut_into_its_documents(void)
{
    expect(
        "results", "docs", bulk,
        "E {\"ok\":{\"docs\":[1],\"results\":[2]}}\nE {\"error\":{\"id\":\"x\"}}\nB "
        "{\"id\":\"x\"}\n"
        "B {\"id\":\"y\",\"n\":12}\nB {}\nB {\"docs\":{\"no\":\"array\"}}\nE 1\nE \"\\\\\"\nB {}\n"
        "rest {\"a\":1,\"b\":[ ]}\n");
}

static void
compare_all_cuts(const char *outer, const char *inner, struct slice text)
{
    g_autofree char *whole = events_of(outer, inner, 1000, text, NULL, 0);
    g_autofree gsize *every = g_new(gsize, text.size);
    for (gsize a = 0; a < text.size; a++) {
        every[a] = a;
        for (gsize b = a; b < text.size; b += 7) {
            gsize cuts[2] = {a, b};
            g_autofree char *pieces = events_of(outer, inner, 1000, text, cuts, 2);
            g_assert_cmpstr(pieces, ==, whole);
        }
    }
    g_autofree char *bytes = events_of(outer, inner, 1000, text, every, (guint)text.size);
    g_assert_cmpstr(bytes, ==, whole);
}

static void
wherever_the_stream_is_cut_the_same_comes_out(void)
{
    compare_all_cuts("results", NULL, slice_of(feed));
    compare_all_cuts("results", "docs", slice_of(bulk));
    compare_all_cuts(NULL, NULL, slice_of(" {\"a\":[1,\"}\\\"\"]}\r\n--x"));
    compare_all_cuts(NULL, NULL, slice_of("12\r\n"));
    compare_all_cuts("r\xc3\xa9", NULL, slice_of("{\"r\xc3\xa9\":[1]}"));
    compare_all_cuts("results", NULL, slice_of("{\"\\u0072esults\":[1,2]}"));
    compare_all_cuts("results", "docs",
                     slice_of("{\"results\":[{\"docs\":[1],\"docs\":[2]}],\"results\":[{}]}"));
}

static void
an_incomplete_stream_has_no_end(void)
{
    gsize size = strlen(feed) - 2; /* the last bytes are line breaks */
    for (gsize cut = 0; cut < size; cut++) {
        AUTO(json_split) *split = json_split_new("results", NULL, 1000);
        struct slice input = {feed, cut}, element;
        enum json_event event;
        while ((event = json_split_feed(split, &input, &element, NULL)) == JSON_ELEMENT)
            ;
        g_assert_cmpint(event, ==, JSON_MORE);
    }
}

static void
garbage_is_refused(void)
{
    static const char *const bad[] = {
        "[",
        "x",
        "\"results\"",
        "1",
        "{x:1}",
        "{1:2}",
        "{[1]:2}",
        "{{}:2}",
        "{\"a\"1}",
        "{\"a\":}",
        "{\"a\":,",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 2}",
        "{\"a\":1;}",
        "{\"a\":01}",
        "{\"a\":tru}",
        "{\"a\":\"\x01\"}",
        "{\"a\xff\":1}",
        "{\"results\":[1,]}",
        "{\"results\":[,1]}",
        "{\"results\":[1 2]}",
        "{\"results\":[1}",
        "{\"results\":[01]}",
        "{\"results\":[{\"a\":[}]]}",
        "{\"results\":[\"\\x\"]}",
        "{\"results\":[}",
        "{\"results\"]",
        "{\"results\":]}",
        "{\"results\":[1:2]}",
        "{\"results\":[12\"a\"]}",
        "{\"results\":[\"a\"\"b\"]}",
        "{\"results\":[{}{}]}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"results\":[\"\\ud8\"]}",
        "}",
        "]",
        ",",
        ":",
        "{]",
        "{:",
        "{\"a\":1]",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *log = events_of("results", NULL, 1000, slice_of(bad[i]), NULL, 0);
        if (!g_str_has_suffix(log, "failed\n"))
            g_error("accepted: %s: %s", bad[i], log);
        compare_all_cuts("results", NULL, slice_of(bad[i]));
    }
    expect("results", "docs", "{\"results\":[1]}", "failed\n");
    expect("results", "docs", "{\"results\":[[]]}", "failed\n");
    compare_all_cuts("results", NULL, (struct slice){"{\"results\":[1,\0]}", 17});
    compare_all_cuts("results", NULL, (struct slice){"{\"a\":1\0,\"b\":2}", 14});
    compare_all_cuts(NULL, NULL, (struct slice){"\0", 1});
}

static void
one_element_has_its_limit(void)
{
    g_autofree char *text =
        g_strdup_printf("{\"results\":[\"%098d\",\"%099d\"]}", 1, 1); /* 100 and 101 bytes */
    for (gsize cut = 0; cut < strlen(text); cut++) {
        g_autofree char *log = events_of("results", NULL, 100, slice_of(text), &cut, 1);
        g_assert_true(g_str_has_prefix(log, "E ") && g_str_has_suffix(log, "\nfailed\n"));
        g_assert_cmpuint(strlen(log), ==, 2 + 100 + 8);
    }
}

static void
the_rest_has_its_limit(void)
{
    g_autoptr(GString) text = g_string_new("{\"results\":[");
    for (guint i = 0; i < 20; i++)
        g_string_append(text, i > 0 ? ",1" : "1");
    g_string_append(text, "]");
    g_autofree char *few = g_strconcat(text->str, ",\"a\":1,\"b\":2}", NULL);
    expect("results", NULL, few,
           "E 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE 1\nE "
           "1\nE 1\nE 1\n"
           "rest {\"a\":1,\"b\":2}\n");
    for (guint i = 0; i < 20; i++)
        g_string_append_printf(text, ",\"k%u\":1", i);
    g_string_append(text, "}");
    g_autofree char *log =
        events_of("results", NULL, 100, (struct slice){text->str, text->len}, NULL, 0);
    g_assert_true(g_str_has_suffix(log, "failed\n"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json_split/a feed is cut into its rows", a_feed_is_cut_into_its_rows);
    g_test_add_func("/json_split/an answer is cut into its documents",
                    an_answer_is_cut_into_its_documents);
    g_test_add_func("/json_split/wherever the stream is cut the same comes out",
                    wherever_the_stream_is_cut_the_same_comes_out);
    g_test_add_func("/json_split/an incomplete stream has no end", an_incomplete_stream_has_no_end);
    g_test_add_func("/json_split/garbage is refused", garbage_is_refused);
    g_test_add_func("/json_split/one element has its limit", one_element_has_its_limit);
    g_test_add_func("/json_split/the rest has its limit", the_rest_has_its_limit);
    return g_test_run();
}
