/* jsontext: what is written is JSON, whatever the strings hold. */
#include "lib/base/jsontext.h"

static void
commas_stand_between_values_only(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "name", "medic");
    json_text_member_object(text, "empty");
    json_text_end_object(text);
    json_text_member_array(text, "list");
    json_text_integer(text, -1);
    json_text_begin_array(text);
    json_text_end_array(text);
    json_text_string(text, "{");
    json_text_string(text, ":");
    json_text_null(text);
    json_text_end_array(text);
    json_text_member_raw(text, "document", slice_of("{\"a\":1.0}\n"));
    json_text_member_boolean(text, "last", TRUE);
    json_text_end_object(text);
    g_assert_cmpstr(text->str, ==,
                    "{\"name\":\"medic\",\"empty\":{},\"list\":[-1,[],\"{\",\":\",null],"
                    "\"document\":{\"a\":1.0},\"last\":true}");
}

static void
lines_follow_one_another_without_commas(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int line = 0; line < 2; line++) {
        json_text_begin_object(text);
        json_text_end_object(text);
        g_string_append_c(text, '\n');
    }
    g_assert_cmpstr(text->str, ==, "{}\n{}\n");
}

static void
strings_are_escaped_and_stay_utf8(void)
{
    static const struct {
        struct slice in;
        const char *out;
    } cases[] = {
        {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
        {{"\b\f\n\r\t\x01\x1f\x7f", 8}, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {{"\0x", 2}, "\"\\u0000x\""},
        {{"日本語", 9}, "\"日本語\""},
        {{"\xf0\x9f\x9a\x91", 4}, "\"\xf0\x9f\x9a\x91\""},
        {{"a\xff"
          "b",
          3},
         "\"a\xef\xbf\xbd"
         "b\""},
        {{"\xc3", 1}, "\"\xef\xbf\xbd\""},                                 /* cut off */
        {{"\xc0\x80", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {{"\xf4\x90\x80\x80", 4},
         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* > 10FFFF */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        json_text_slice(text, cases[i].in);
        g_assert_cmpstr(text->str, ==, cases[i].out);
        g_assert_true(g_utf8_validate(text->str, -1, NULL));
    }
}

static void
numbers_keep_their_digits(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_array(text);
    json_text_unsigned(text, G_MAXUINT64);
    json_text_integer(text, G_MININT64);
    json_text_decimal(text, 1.25);
    json_text_decimal(text, 1.0 / 0.0);
    json_text_end_array(text);
    g_assert_cmpstr(text->str, ==, "[18446744073709551615,-9223372036854775808,1.250,null]");

    g_autoptr(GString) huge = g_string_new(NULL);
    json_text_decimal(huge, 1e300);
    g_assert_cmpuint(huge->len, ==, 305);
}

/* RFC 3339 has minutes in every offset; ISO 8601 would do without. */
static void
times_are_local_with_their_offset(void)
{
    static const char *const zones[][2] = {
        {"UTC", "{\"at\":\"2027-01-15T08:00:00Z\",\"never\":null}"},
        {"EAT-3", "{\"at\":\"2027-01-15T11:00:00+03:00\",\"never\":null}"},
        {"NPT-5:45", "{\"at\":\"2027-01-15T13:45:00+05:45\",\"never\":null}"},
        {"VET4:30", "{\"at\":\"2027-01-15T03:30:00-04:30\",\"never\":null}"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(zones); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_setenv("TZ", zones[i][0], TRUE);
        json_text_begin_object(text);
        json_text_member_time(text, "at", 1800000000);
        json_text_member_time(text, "never", 0);
        json_text_end_object(text);
        g_assert_cmpstr(text->str, ==, zones[i][1]);
    }
}

static void
texts_of_an_array_are_a_list(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    json_text_begin_object(text);
    json_text_member_strings(text, "none", values);
    g_ptr_array_add(values, (gpointer) "a\"b");
    g_ptr_array_add(values, (gpointer) "c");
    json_text_member_strings(text, "two", values);
    json_text_end_object(text);
    g_assert_cmpstr(text->str, ==, "{\"none\":[],\"two\":[\"a\\\"b\",\"c\"]}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jsontext/commas-stand-between-values-only", commas_stand_between_values_only);
    g_test_add_func("/jsontext/lines-follow-one-another-without-commas",
                    lines_follow_one_another_without_commas);
    g_test_add_func("/jsontext/strings-are-escaped-and-stay-utf8",
                    strings_are_escaped_and_stay_utf8);
    g_test_add_func("/jsontext/numbers-keep-their-digits", numbers_keep_their_digits);
    g_test_add_func("/jsontext/times-are-local-with-their-offset",
                    times_are_local_with_their_offset);
    g_test_add_func("/jsontext/texts-of-an-array-are-a-list", texts_of_an_array_are_a_list);
    return g_test_run();
}
