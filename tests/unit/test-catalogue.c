/* catalogue: snapshot.json goes both ways, and what is wrong with one is named. */
#include "lib/store/catalogue.h"

#include "lib/base/fail.h"

static struct catalogue *
example(void)
{
    struct catalogue *catalogue = catalogue_new();
    catalogue->id = g_strdup("5d0e0c3a-7f3a-4c5e-9d5e-0123456789ab");
    catalogue->parent = g_strdup("6d0e0c3a-7f3a-4c5e-9d5e-0123456789ab");
    catalogue->store = g_strdup("7d0e0c3a-7f3a-4c5e-9d5e-0123456789ab");
    catalogue->site = g_strdup("clinic \"north\"");
    catalogue->node = g_strdup("a");
    catalogue->kind = g_strdup("increment");
    catalogue->number = 7;
    catalogue->started = g_strdup("2026-11-22T08:15:00Z");
    catalogue->finished = g_strdup("2026-11-22T08:16:00Z");
    catalogue->lifeboat = g_strdup("0.1.0");
    catalogue->couchdb = g_strdup("3.4.3");
    catalogue->complete = TRUE;
    catalogue->counts = (struct catalogue_counts){1, 2, 3, 4, 5, 6, 7};
    catalogue->bytes_plain = G_GUINT64_CONSTANT(1) << 60;
    catalogue->manifest = 4711;
    catalogue->sums = g_strnfill(64, 'a');
    return catalogue;
}

static void
what_was_written_is_read(void)
{
    AUTO(catalogue) *catalogue = example();
    g_autoptr(GString) text = catalogue_write(catalogue);
    g_autoptr(GError) error = NULL;
    AUTO(catalogue) *again = catalogue_parse((struct slice){text->str, text->len}, &error);
    g_assert_no_error(error);
    g_autoptr(GString) second = catalogue_write(again);
    g_assert_cmpstr(second->str, ==, text->str);
    g_assert_cmpuint(again->bytes_plain, ==, G_GUINT64_CONSTANT(1) << 60);
    g_assert_true(again->complete);
}

static void
a_full_one_has_no_parent(void)
{
    AUTO(catalogue) *catalogue = example();
    g_clear_pointer(&catalogue->parent, g_free);
    g_autoptr(GString) text = catalogue_write(catalogue);
    AUTO(catalogue) *again = catalogue_parse((struct slice){text->str, text->len}, NULL);
    g_assert_nonnull(again);
    g_assert_null(again->parent);
}

/* The example with one text replaced by another must be refused with a message that has `expected`
 * in it. */
static void
assert_refused(const char *find, const char *replace, int code, const char *expected)
{
    AUTO(catalogue) *catalogue = example();
    g_autoptr(GString) text = catalogue_write(catalogue);
    g_autoptr(GError) error = NULL;
    g_assert_cmpuint(g_string_replace(text, find, replace, 1), ==, 1);
    g_assert_null(catalogue_parse((struct slice){text->str, text->len}, &error));
    g_assert_error(error, FAIL, code);
    g_assert_nonnull(strstr(error->message, expected));
}

static void
what_is_wrong_is_named(void)
{
    assert_refused("{", "", FAIL_DAMAGED, "invalid JSON");
    assert_refused("\"format\":1", "\"format\":0", FAIL_DAMAGED, "names no format");
    assert_refused("\"format\":1", "\"format\":2", FAIL_FAILED, "use a newer Lifeboat");
    assert_refused("5d0e0c3a", "xxxx", FAIL_DAMAGED, "valid id");
    assert_refused("6d0e0c3a", "../..", FAIL_DAMAGED, "valid parent");
    assert_refused("\"increment\"", "\"copy\"", FAIL_DAMAGED, "valid kind");
    assert_refused("2026-11-22T08:15:00Z", "yesterday", FAIL_DAMAGED, "valid started");
    assert_refused("aaaa", "AAAA", FAIL_DAMAGED, "valid sums");
    assert_refused("\"manifest\":4711", "\"manifest\":-1", FAIL_DAMAGED, "manifest");
    assert_refused("\"gone\":5", "\"gone\":1e3", FAIL_DAMAGED, "counts");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/what-was-written-is-read", what_was_written_is_read);
    g_test_add_func("/catalogue/a-full-one-has-no-parent", a_full_one_has_no_parent);
    g_test_add_func("/catalogue/what-is-wrong-is-named", what_is_wrong_is_named);
    return g_test_run();
}
