/* xml: elements come with their paths and texts, and what is wrong or too much is refused. */
#include "replicator/offsite/xml.h"

#include "lib/base/fail.h"

static gboolean
note(void *context, const char *path, const char *text, GError **error)
{
    if (g_str_equal(text, "stop"))
        return fail_set(error, FAIL_LATER, "told to");
    g_string_append_printf(context, "%s=%s;", path, text);
    return TRUE;
}

/* What was read, or what was wrong. */
static char *
read_text(const char *text)
{
    g_autoptr(GString) noted = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    return xml_read(slice_of(text), note, noted, &error)
               ? g_string_free(g_steal_pointer(&noted), FALSE)
               : g_strconcat("! ", error->message, NULL);
}

static void
expect(const char *text, const char *expected)
{
    g_autofree char *found = read_text(text);
    g_assert_cmpstr(found, ==, expected);
}

static void
expect_failure(const char *text, const char *part)
{
    g_autofree char *found = read_text(text);
    g_assert_true(g_str_has_prefix(found, "! "));
    if (strstr(found, part) == NULL)
        g_error("'%s' is not in '%s'", part, found);
}

static void
elements(void)
{
    expect("<a/>", "a=;");
    expect("<?xml version=\"1.0\"?>\n<a xmlns=\"http://x/\"><b>1</b>\n<b c='d'>2</b></a>\n",
           "a/b=1;a/b=2;a=\n;");
    expect("<a><b><c>x</c></b></a>", "a/b/c=x;a/b=;a=;");
    expect("<a>&lt;&amp;&gt;&quot;&apos;&#65;<!-- no --></a>", "a=<&>\"'A;");
    expect("<a>1<b/>2</a>", "a/b=;a=12;");
}

static void
refusals(void)
{
    expect_failure("", "");
    expect_failure("  ", "");
    expect_failure("text", "");
    expect_failure("<a>", "");
    expect_failure("<a></b>", "");
    expect_failure("<a/><b/>", "");
    expect_failure("<a>&other;</a>", "");
    expect_failure("<a>\xff</a>", "");
    expect_failure("<a>stop</a>", "told to");
}

static void
limits(void)
{
    g_autofree char *text = g_strnfill(XML_TEXT_MAX, 'x');
    g_autofree char *fits = g_strconcat("<a>", text, "</a>", NULL);
    g_autofree char *too_long = g_strconcat("<a>", text, "<b/>x</a>", NULL);
    g_autofree char *told = g_strconcat("a=", text, ";", NULL);
    g_autofree char *name = g_strnfill(XML_NAME_MAX + 1, 'n');
    g_autofree char *long_name = g_strconcat("<", name, "/>", NULL);
    expect(fits, told);
    expect_failure(too_long, "longer than");
    expect_failure(long_name, "name is too long");
    expect("<a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a>",
           "a/a/a/a/a/a/a/a=;a/a/a/a/a/a/a=;a/a/a/a/a/a=;a/a/a/a/a=;a/a/a/a=;a/a/a=;a/a=;a=;");
    expect_failure("<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>", "too deep");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/each element comes with its path and text", elements);
    g_test_add_func("/xml/what is no XML is refused", refusals);
    g_test_add_func("/xml/what is too deep or too long is refused", limits);
    return g_test_run();
}
