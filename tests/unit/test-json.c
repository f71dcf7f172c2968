/* json: accepts RFC 8259 and nothing else, hands out the bytes as they came. */
#include "lib/base/fail.h"
#include "lib/json/json.h"
#include "lib/json/json_scan.h"

static gboolean
accepts(const char *data, gsize size)
{
    /* An exact copy, so that a sanitizer sees one byte too far. */
    g_autofree char *exact = g_memdup2(data, size);
    g_autoptr(GError) error = NULL;
    gboolean good = json_check((struct slice){exact, size}, &error);
    g_assert_true(good == (error == NULL));
    return good;
}

static void
what_the_rfc_allows_is_accepted(void)
{
    static const char *const good[] = {
        "0",
        "-0",
        "-0.0",
        "1e-7",
        "1E+7",
        "0e0",
        "0.5",
        "-12.34e56",
        "1e400",
        "123456789012345678901234567890",
        "9007199254740993",
        "1.0",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        " \t\r\n1 \t\r\n",
        "[1,2]",
        "[ 1 , 2 ]",
        "[[],[[]],{}]",
        "{\"a\":1}",
        "{ \"a\" : 1 , \"b\" : [ ] }",
        "{\"\":0}",
        "{\"a\":1,\"a\":2}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\x7f\"",
        "\"\xc2\x80\"",
        "\"\xdf\xbf\"",
        "\"\xe0\xa0\x80\"",
        "\"\xed\x9f\xbf\"",
        "\"\xee\x80\x80\"",
        "\"\xef\xbf\xbf\"",
        "\"\xf0\x90\x80\x80\"",
        "\"\xf4\x8f\xbf\xbf\"",
        "\"\xe2\x80\xa8\"",
        "[0]",
        "[-1]",
        "[1.5e3]",
        "[\"]\"]",
        "{\"}\":\"{\"}",
        "[true,false,null]",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        if (!accepts(good[i], strlen(good[i])))
            g_error("refused: %s", good[i]);
}

static void
what_the_rfc_forbids_is_refused(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "01",
        "-01",
        "00",
        ".5",
        "1.",
        "+1",
        "-",
        "1e",
        "1e+",
        "1.e1",
        "-.5",
        "0x10",
        "1_0",
        "1a",
        "--1",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "True",
        "nul",
        "nulls",
        "'a'",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\",
        "\"\\x41\"",
        "\"\\u123\"",
        "\"\\u12g4\"",
        "\"\\u\"",
        "\"\\U0041\"",
        "\"\\'\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x01\"",
        "\"\x1f\"",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[,]",
        "[1 2]",
        "[1;2]",
        "[1}",
        "{",
        "}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "{\"a\"::1}",
        "{\"a\":}",
        "[1]]",
        "{}{}",
        "1 2",
        "[] x",
        "\"a\"b",
        "// c\n1",
        "/**/1",
        "\357\273\2771",
        "\v1",
        "\f1",
        "\302\2401",
        "[\"a\",\n",
        "\"\x80\"",
        "\"\xbf\"",
        "\"\xc0\x80\"",
        "\"\xc1\xbf\"",
        "\"\xc2\"",
        "\"\xc2\x41\"",
        "\"\xe0\x80\x80\"",
        "\"\xe0\x9f\xbf\"",
        "\"\xe2\x82\"",
        "\"\xed\xa0\x80\"",
        "\"\xed\xbf\xbf\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf0\x8f\xbf\xbf\"",
        "\"\xf0\x9f\x98\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xfe\"",
        "\"\xff\"",
        "\"\xf8\x88\x80\x80\x80\"",
        "\"\xe2\x82",
        "\xc3\xa9",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        if (accepts(bad[i], strlen(bad[i])))
            g_error("accepted: %s", bad[i]);
}

static void
a_nul_is_nowhere_accepted(void)
{
    static const char inputs[][8] = {"1\0", "\0 1", "\"\0\"", "\"\\\0\"", "[1\0]", "{\"a\":\0}"};
    static const gsize sizes[] = {2, 3, 3, 4, 4, 7};
    for (gsize i = 0; i < G_N_ELEMENTS(inputs); i++)
        g_assert_false(accepts(inputs[i], sizes[i]));
}

static void
every_prefix_of_a_value_is_refused(void)
{
    static const char text[] =
        "{\"a\":[1,-2.5e-3,\"\\u00e9\xc3\xa9\xf0\x9f\x98\x80\",true,null,{}],\"b\":{\"c\":\"\"}}";
    g_assert_true(accepts(text, sizeof text - 1));
    for (gsize size = 0; size < sizeof text - 1; size++)
        g_assert_false(accepts(text, size));
}

static char *
nested(guint depth, gboolean objects, gsize *size)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < depth; i++)
        g_string_append(text, objects ? "{\"a\":" : "[");
    if (objects)
        g_string_append(text, "1");
    for (guint i = 0; i < depth; i++)
        g_string_append_c(text, objects ? '}' : ']');
    *size = text->len;
    return g_string_free(text, FALSE);
}

static void
nesting_has_its_limit(void)
{
    for (int objects = 0; objects < 2; objects++) {
        gsize size;
        g_autofree char *deep = nested(JSON_DEPTH_MAX, objects, &size);
        g_assert_true(accepts(deep, size));
        struct slice text = {deep, size}, key, value;
        gsize place = 0;
        g_assert_true(objects ? json_next_member(text, &place, &key, &value)
                              : json_next_element(text, &place, &value));
        g_assert_cmpuint(value.size, ==, size - (objects ? 6 : 2));
        g_autofree char *deeper = nested(JSON_DEPTH_MAX + 1, objects, &size);
        g_assert_false(accepts(deeper, size));
    }
}

static void
mixed_brackets_are_told_apart_at_every_level(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < 40; i++)
        g_string_append(text, i % 3 == 0 ? "{\"k\":" : "[");
    gsize open = text->len;
    g_string_append(text, "0");
    for (guint i = 40; i-- > 0;)
        g_string_append_c(text, i % 3 == 0 ? '}' : ']');
    g_assert_true(accepts(text->str, text->len));
    for (gsize at = open + 1; at < text->len; at++) {
        char right = text->str[at];
        text->str[at] = right == '}' ? ']' : '}';
        g_assert_false(accepts(text->str, text->len));
        text->str[at] = right;
    }
}

static void
an_error_names_the_place(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(json_check(slice_of("{\"a\":01}"), &error));
    g_assert_error(error, FAIL, FAIL_FAILED);
    g_assert_nonnull(strstr(error->message, "byte 6 of 8"));
}

static void
values_come_out_as_they_went_in(void)
{
    static const char text[] =
        " { \"int\" : 123456789012345678901234567890 ,\"f\":1.0,\"z\":-0.0,\"e\":1e-7,\n"
        "\"es\\u0063\\/\": \"\\u00e9\\/\" , \"o\":{ \"x\" : [ ] }, \"int\": 2 } ";
    static const char *const expected[][2] = {
        {"int", "123456789012345678901234567890"},
        {"f", "1.0"},
        {"z", "-0.0"},
        {"e", "1e-7"},
        {"es\\u0063\\/", "\"\\u00e9\\/\""},
        {"o", "{ \"x\" : [ ] }"},
        {"int", "2"},
    };
    struct slice object = slice_of(text), key, value;
    gsize place = 0;
    g_assert_true(json_check(object, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_true(json_next_member(object, &place, &key, &value));
        g_assert_true(slice_is(key, expected[i][0]));
        g_assert_true(slice_is(value, expected[i][1]));
    }
    g_assert_false(json_next_member(object, &place, &key, &value));
    g_assert_true(json_member(object, "int", &value) &&
                  slice_is(value, "123456789012345678901234567890"));
    g_assert_true(json_member(object, "esc/", &value) && slice_is(value, "\"\\u00e9\\/\""));
    g_assert_false(json_member(object, "x", &value));
}

static void
elements_are_walked_and_other_types_have_none(void)
{
    static const char *const others[] = {"{}", "1", "\"[1]\"", "null", "true", "{\"a\":1}", "[]"};
    struct slice array = slice_of(" [ 1 ,\"a,]\", [2,3] ,{\"b\":4}, null ] "), value, key;
    static const char *const expected[] = {"1", "\"a,]\"", "[2,3]", "{\"b\":4}", "null"};
    gsize place = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
        g_assert_true(json_next_element(array, &place, &value) && slice_is(value, expected[i]));
    g_assert_false(json_next_element(array, &place, &value));
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        place = 0;
        g_assert_false(json_next_element(slice_of(others[i]), &place, &value));
        place = 0;
        g_assert_true(json_next_member(slice_of(others[i]), &place, &key, &value) == (i == 5));
    }
}

static void
strings_are_unescaped(void)
{
    static const char *const pairs[][2] = {
        {"\"\"", ""},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz"},
        {"\"\\u0041\\u00e9\\u65E5\"", "A\xc3\xa9\xe6\x97\xa5"},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
        {"\"\\ud83dx\"", "\xed\xa0\xbdx"},
        {"\"\\ud83d\\u0041\"", "\xed\xa0\xbd"
                               "A"},
        {"\"\\ud83d\\n\"", "\xed\xa0\xbd\n"},
        {"\"\\ude00\\ud83d\"", "\xed\xb8\x80\xed\xa0\xbd"},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xed\xa0\xbd\xf0\x9f\x98\x80"},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(GString) out = g_string_new("+");
        g_assert_true(json_check(slice_of(pairs[i][0]), NULL));
        json_unescape(slice_of(pairs[i][0]), out);
        g_assert_cmpstr(out->str + 1, ==, pairs[i][1]);
    }
    g_autoptr(GString) nul = g_string_new(NULL);
    json_unescape(slice_of("\"a\\u0000b\""), nul);
    g_assert_cmpmem(nul->str, (int)nul->len, "a\0b", 3);
}

static void
members_of_the_wrong_type_are_absent(void)
{
    struct slice object =
        slice_of("{\"s\":\"x\",\"n\":18446744073709551615,\"m\":18446744073709551616,\"neg\":-1,"
                 "\"f\":1.0,\"e\":1e3,\"t\":true,\"nul\":\"a\\u0000b\",\"q\":\"1\"}");
    char *text = NULL;
    guint64 number = 7;
    g_assert_false(json_member_text(object, "n", &text) || json_member_text(object, "nul", &text) ||
                   json_member_text(object, "no", &text));
    g_assert_true(json_member_text(object, "s", &text));
    g_assert_cmpstr(text, ==, "x");
    g_free(text);
    static const char *const no[] = {"m", "neg", "f", "e", "t", "q", "no"};
    for (gsize i = 0; i < G_N_ELEMENTS(no); i++)
        g_assert_false(json_member_unsigned(object, no[i], &number));
    g_assert_true(json_member_unsigned(object, "n", &number) && number == G_MAXUINT64);
    g_assert_true(json_member_true(object, "t"));
    g_assert_false(json_member_true(object, "s"));
}

static void
any_bytes_become_a_valid_string(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    for (guint round = 0; round < 20000; round++) {
        char bytes[12];
        gsize size = (gsize)g_rand_int_range(rand, 0, sizeof bytes + 1);
        for (gsize i = 0; i < size; i++)
            bytes[i] = (char)g_rand_int_range(rand, 0, 256);
        g_autoptr(GString) out = g_string_new(NULL);
        json_append_string(out, (struct slice){bytes, size});
        g_assert_true(accepts(out->str, out->len));
        g_autoptr(GString) back = g_string_new(NULL);
        json_unescape((struct slice){out->str, out->len}, back);
        if (size == 0 || g_utf8_validate_len(bytes, size, NULL))
            g_assert_cmpmem(back->str, (int)back->len, bytes, (int)size);
    }
}

/* Each pair of bytes at each place of two words, the second of which a borrow from the first could
 * spoil. */
static void
a_scan_stops_at_the_first_byte_that_matters(void)
{
    for (guint pair = 0; pair < 1 << 16; pair++)
        for (gsize place = 0; place < 9; place++) {
            char text[17] = "aaaaaaaaaaaaaaaaa";
            const char *end = text + sizeof text;
            text[place] = (char)(pair >> 8);
            text[place + 1] = (char)pair;
            const char *quote = text, *unplain = text;
            while (quote < end && *quote != '"' && *quote != '\\')
                quote++;
            while (unplain < quote && (guint8)*unplain >= 0x20 && (guint8)*unplain < 0x80)
                unplain++;
            g_assert_true(json_scan_to_quote(text, end) == quote);
            g_assert_true(json_scan_to_unplain(text, end) == unplain);
        }
}

/* The leading value of an exact copy, or -1. */
static gssize
leading(const char *text, gsize size)
{
    g_autofree char *exact = g_memdup2(text, size);
    struct json_outline outline;
    gsize found;
    return json_check_leading((struct slice){exact, size}, &found, &outline) ? (gssize)found : -1;
}

static void
a_leading_value_ends_where_its_bracket_is(void)
{
    static const char value[] = "{\"a\":[1,{\"b\":\"}\\\"\"}, -0.5e3 ],\"\xe6\x97\xa5\":{} }";
    static const char *const none[] = {"", "1,", "true", " {}", "]", "{\"a\":01}", "[1}", "\"a"};
    gsize size = sizeof value - 1;
    g_autofree char *more = g_strconcat(value, ",\xff", NULL);
    for (gsize cut = 0; cut < size; cut++)
        g_assert_cmpint(leading(value, cut), ==, -1);
    g_assert_cmpint(leading(value, size), ==, (gssize)size);
    g_assert_cmpint(leading(more, size + 2), ==, (gssize)size);
    g_assert_cmpint(leading("\"a\\\"\",", 6), ==, 5);
    for (gsize i = 0; i < G_N_ELEMENTS(none); i++)
        g_assert_cmpint(leading(none[i], strlen(none[i])), ==, -1);
    g_assert_cmpint(leading("\0", 1), ==, -1);
}

/* The object outlined and the names noted in it, with blanks between. */
static char *
outlined(const char *text)
{
    struct json_outline outline;
    g_assert_true(json_check_outlined(slice_of(text), &outline, NULL));
    g_autoptr(GString) told =
        g_string_new_len(text + outline.begin, (gssize)(outline.end - outline.begin));
    for (guint i = 0; i < outline.n_names && i < JSON_OUTLINE_NAMES; i++) {
        struct slice key, value, object = {text + outline.begin, outline.end - outline.begin};
        gsize place = outline.names[i];
        g_assert_true(json_next_member(object, &place, &key, &value));
        g_string_append_printf(told, " " SLICE_FORMAT "=" SLICE_FORMAT, SLICE_ARGS(key),
                               SLICE_ARGS(value));
    }
    return g_string_free(g_steal_pointer(&told), FALSE);
}

static void
an_outline_is_of_the_first_object_inside(void)
{
    static const char *const known[][2] = {
        {"{\"ok\":{\"_id\":\"a\",\"n\":{\"_x\":1}, \"_rev\" : [2] },\"_no\":{\"_no\":1}}",
         "{\"_id\":\"a\",\"n\":{\"_x\":1}, \"_rev\" : [2] } _id=\"a\" _rev=[2]"},
        {"[1,[{\"_no\":1}],{\"_a\":1,\"_a\":2}]", "{\"_a\":1,\"_a\":2} _a=1 _a=2"},
        {"{\"ok\":{}}", "{}"},
        {" {\"ok\": {\"\":0,\"a_\":\"_\"} }", "{\"\":0,\"a_\":\"_\"}"},
        {"{\"_no\":1}", ""},
        {"[[{\"_no\":1}]]", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        g_autofree char *told = outlined(known[i][0]);
        g_assert_cmpstr(told, ==, known[i][1]);
    }
    struct json_outline outline;
    g_autoptr(GString) many = g_string_new("{\"ok\":{\"_\":0");
    for (guint i = 0; i < JSON_OUTLINE_NAMES; i++)
        g_string_append(many, ",\"_\":0");
    g_string_append(many, "}}");
    g_assert_true(json_check_outlined((struct slice){many->str, many->len}, &outline, NULL));
    g_assert_cmpuint(outline.n_names, ==, JSON_OUTLINE_NAMES + 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/what the RFC allows is accepted", what_the_rfc_allows_is_accepted);
    g_test_add_func("/json/what the RFC forbids is refused", what_the_rfc_forbids_is_refused);
    g_test_add_func("/json/a NUL is nowhere accepted", a_nul_is_nowhere_accepted);
    g_test_add_func("/json/every prefix of a value is refused", every_prefix_of_a_value_is_refused);
    g_test_add_func("/json/nesting has its limit", nesting_has_its_limit);
    g_test_add_func("/json/mixed brackets are told apart at every level",
                    mixed_brackets_are_told_apart_at_every_level);
    g_test_add_func("/json/an error names the place", an_error_names_the_place);
    g_test_add_func("/json/values come out as they went in", values_come_out_as_they_went_in);
    g_test_add_func("/json/elements are walked and other types have none",
                    elements_are_walked_and_other_types_have_none);
    g_test_add_func("/json/strings are unescaped", strings_are_unescaped);
    g_test_add_func("/json/members of the wrong type are absent",
                    members_of_the_wrong_type_are_absent);
    g_test_add_func("/json/any bytes become a valid string", any_bytes_become_a_valid_string);
    g_test_add_func("/json/a leading value ends where its bracket is",
                    a_leading_value_ends_where_its_bracket_is);
    g_test_add_func("/json/an outline is of the first object inside",
                    an_outline_is_of_the_first_object_inside);
    g_test_add_func("/json/a scan stops at the first byte that matters",
                    a_scan_stops_at_the_first_byte_that_matters);
    return g_test_run();
}
