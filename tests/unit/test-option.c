/* option: what a value may be, and the table of all programs is sound. */
#include "lib/base/fail.h"
#include "lib/command/configuration.h"
#include "lib/command/manual.h"
#include "lib/command/settings.h"

#include <string.h>

static const struct option_section sections[] = {{"source", ""}, {"snapshot", ""}};

static const struct option options[] = {
    {.name = "url",
     .placeholder = "URL",
     .type = OPTION_STRING,
     .commands = 1,
     .section = "source",
     .key = "url"},
    {.name = "to",
     .placeholder = "DIR",
     .type = OPTION_PATH,
     .commands = 1,
     .section = "source",
     .key = "folder"},
    {.name = "skip",
     .placeholder = "GLOB",
     .type = OPTION_LIST,
     .commands = 1,
     .section = "snapshot",
     .key = "skip"},
    {.name = "full", .type = OPTION_FLAG, .commands = 1, .section = "snapshot", .key = "full"},
    {.name = "memory",
     .placeholder = "MB",
     .type = OPTION_INTEGER,
     .commands = 1,
     .fallback = "16",
     .minimum = 4,
     .maximum = 64,
     .unit = "MB",
     .section = "snapshot",
     .key = "memory"},
    {.name = "at", .placeholder = "TIME", .type = OPTION_TIME, .commands = 1},
    {.name = "from",
     .placeholder = "URL",
     .type = OPTION_URL,
     .commands = 1,
     .section = "source",
     .key = "from"},
};

static const struct option_table table = {options, G_N_ELEMENTS(options), sections,
                                          G_N_ELEMENTS(sections)};

enum { URL, TO, SKIP, FULL, MEMORY, AT, N_OPTIONS };

static void
clear(struct option_value values[N_OPTIONS])
{
    for (int i = 0; i < N_OPTIONS; i++)
        option_value_clear(&values[i]);
}

static gboolean
parse(const struct option_table *known, const char *text, struct option_value *values,
      GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    return configuration_parse(known, "f", bytes, values, NULL, error);
}

/* The message of a refused configuration, without the file's name. */
static char *
refusal(const char *text)
{
    struct option_value values[N_OPTIONS] = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(parse(&table, text, values, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    clear(values);
    g_assert_true(g_str_has_prefix(error->message, "f:"));
    return g_strdup(error->message + 2);
}

static void
assert_refused(const char *text, const char *message)
{
    g_autofree char *refused = refusal(text);
    g_assert_cmpstr(refused, ==, message);
}

static void
integers_keep_their_limits(void)
{
    gint64 number;
    g_assert_true(option_check(&options[MEMORY], "4", &number, NULL));
    g_assert_cmpint(number, ==, 4);
    g_assert_true(option_check(&options[MEMORY], "64", &number, NULL));
    static const char *const refused[] = {
        "3", "65", "", " 5", "5 ", "5MB", "0x10", "99999999999999999999", "-4"};
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
        g_assert_false(option_check(&options[MEMORY], refused[i], &number, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_false(option_check(&options[MEMORY], "65", &number, &error));
    g_assert_cmpstr(error->message, ==, "'65' is not a whole number from 4 to 64 MB");
}

static void
times_need_an_offset(void)
{
    gint64 utc, kampala;
    g_assert_true(option_check(&options[AT], "2026-11-22T08:15:00Z", &utc, NULL));
    g_assert_cmpint(utc, ==, G_GINT64_CONSTANT(1795335300) * G_USEC_PER_SEC);
    g_assert_true(option_check(&options[AT], "2026-11-22T11:15:00.5+03:00", &kampala, NULL));
    g_assert_cmpint(kampala - utc, ==, G_USEC_PER_SEC / 2);
    static const char *const refused[] = {"2026-11-22T08:15:00", "2026-11-22", "yesterday",
                                          "2026-13-22T08:15:00Z"};
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
        g_assert_false(option_check(&options[AT], refused[i], &utc, NULL));
}

static void
the_closest_word_is_guessed_and_no_far_one(void)
{
    static const char *const words[] = {"include", "exclude", "full", "to", "server-config"};
    gsize n = G_N_ELEMENTS(words);
    g_assert_cmpuint(option_distance("kitten", "sitting"), ==, 3);
    g_assert_cmpuint(option_distance("ab", "ba"), ==, 1);
    g_assert_cmpstr(option_closest("inlcude", words, n), ==, "include");
    g_assert_cmpstr(option_closest("exlude", words, n), ==, "exclude");
    g_assert_cmpstr(option_closest("server", words, n), ==, "server-config");
    g_assert_null(option_closest("quiet", words, n));
    g_assert_null(option_closest("x", words, n));
    g_assert_null(option_closest("", words, n));
}

static void
a_configuration_sets_values(void)
{
    static const char text[] = "\xef\xbb\xbf# comment\n"
                               "\n"
                               "[source]\n"
                               "url = http://x:y@h/ \r\n"
                               "folder=/a b#c\\s#d\n"
                               "[snapshot]\n"
                               "  # indented\n"
                               "skip = a*; b ;\n"
                               "full = yes\n"
                               "memory = 32";
    struct option_value values[N_OPTIONS] = {0};
    g_autoptr(GError) error = NULL;
    parse(&table, text, values, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(values[URL].texts->pdata[0], ==, "http://x:y@h/");
    g_assert_cmpstr(values[TO].texts->pdata[0], ==, "/a b#c #d");
    g_assert_cmpuint(values[SKIP].texts->len, ==, 2);
    g_assert_cmpstr(values[SKIP].texts->pdata[1], ==, "b");
    g_assert_cmpint(values[FULL].number, ==, 1);
    g_assert_cmpint(values[MEMORY].number, ==, 32);
    g_assert_cmpint(values[MEMORY].origin, ==, OPTION_CONFIGURATION);
    g_assert_cmpint(values[AT].origin, ==, OPTION_UNSET);
    clear(values);
}

static void
the_command_line_wins_but_a_bad_file_is_told(void)
{
    struct option_value values[N_OPTIONS] = {0};
    g_assert_true(
        option_value_set(&values[MEMORY], &options[MEMORY], "8", OPTION_COMMAND_LINE, NULL));
    static const char good[] = "[snapshot]\nmemory = 32\n";
    g_assert_true(parse(&table, good, values, NULL));
    g_assert_cmpint(values[MEMORY].number, ==, 8);
    static const char bad[] = "[snapshot]\nmemory = 65\n";
    g_assert_false(parse(&table, bad, values, NULL));
    clear(values);
}

static void
a_list_grows_within_its_origin_and_replaces_a_lesser(void)
{
    struct option_value value = {0};
    g_assert_true(option_value_set(&value, &options[SKIP], "default", OPTION_DEFAULT, NULL));
    g_assert_true(option_value_set(&value, &options[SKIP], "a", OPTION_COMMAND_LINE, NULL));
    g_assert_true(option_value_set(&value, &options[SKIP], "b", OPTION_COMMAND_LINE, NULL));
    g_assert_cmpuint(value.texts->len, ==, 2);
    g_assert_cmpstr(value.texts->pdata[0], ==, "a");
    option_value_clear(&value);
}

static void
mistakes_are_named_with_their_line(void)
{
    assert_refused("[source]\nurl = a\n\n[sourc]\n",
                   "4: unknown section [sourc]\nhint: did you mean 'source'?");
    assert_refused("[source]\n#\nulr = a\n",
                   "3: unknown key 'ulr' in [source]\nhint: did you mean 'url'?");
    assert_refused("[snapshot]\nurl = a\n", "2: unknown key 'url' in [snapshot]");
    assert_refused("url = a\n", "1: a key before the first [section]");
    assert_refused("[source]\nurl\n",
                   "2: 'url' is neither 'key = value', '[section]' nor '# comment'");
    assert_refused("[source]\nurl = a\nurl = b\n",
                   "3: 'url' stands in [source] already, in line 2");
    assert_refused("[source]\nurl = a\n[snapshot]\n[source]\nurl = b\n",
                   "5: 'url' stands in [source] already, in line 2");
    assert_refused("[source\n", "1: the section's name does not end with ']'");
    assert_refused("[source]\nurl = \n", "2: url: the value is empty");
    static const char *const no_urls[] = {"127.0.0.1:5984", "htp://a:secret@b", "localhost"};
    for (gsize k = 0; k < G_N_ELEMENTS(no_urls); k++) {
        g_autofree char *text = g_strdup_printf("[source]\nfrom = %s\n", no_urls[k]);
        assert_refused(text, "2: from: the address is no URL that begins with http:// or https://");
    }
    assert_refused("[source]\nfolder = a/b\n", "2: folder: 'a/b' is not an absolute path");
    assert_refused("[source]\nurl = \"a\"\n", "2: url: values are written without quotation marks");
    assert_refused("[source]\nurl = 'a'\n", "2: url: values are written without quotation marks");
    static const char comment[] =
        "2: a comment stands behind it\nhint: give the comment a line of its own; where the # "
        "belongs to the value, write \\s for the blank before it";
    assert_refused("[source]\nurl = a # b\n", comment);
    assert_refused("\n[source]\t# b\n", comment);
    assert_refused("\n[snapshot]\nmemory = 65\n",
                   "3: memory: '65' is not a whole number from 4 to 64 MB");
    assert_refused("[snapshot]\nfull = true\n", "2: full: 'true' is neither yes nor no");
    assert_refused("[source]\nurl = \xff\n", "2: the line is not UTF-8 text");
    g_autofree char *escape = refusal("[source]\nurl = a\\q\n");
    g_assert_true(g_str_has_prefix(escape, "2: url: "));
    g_assert_nonnull(strstr(escape, "\nhint: a backslash is written \\\\"));
}

static void
an_absent_file_is_fine_unless_asked_for(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) none = configuration_read("/nonexistent/lifeboat.conf", FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(none), ==, 0);
    g_autoptr(GBytes) needed = configuration_read("/nonexistent/lifeboat.conf", TRUE, &error);
    g_assert_null(needed);
    g_assert_nonnull(strstr(error->message, "/nonexistent/lifeboat.conf"));
}

static void
what_can_be_read_of_one_with_mistakes_is_gleaned_for_who_takes_it(void)
{
    static const char text[] = "memory = 8\n"
                               "[sourc]\nurl = a\n"
                               "[source]\nnonsense\nurl = b\n url = c\nfolder = relative\n"
                               "[snapshot\n[snapshot]\n# memory = 9\nmemory = 32\nskip = x\n";
    struct option_value values[N_OPTIONS] = {0};
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    configuration_glean(&table, bytes, 1, values);
    g_assert_cmpstr(values[URL].texts->pdata[0], ==, "b");
    g_assert_cmpint(values[TO].origin, ==, OPTION_UNSET);
    g_assert_cmpint(values[MEMORY].number, ==, 32);
    clear(values);
    configuration_glean(&table, bytes, 1 << 10, values);
    g_assert_cmpint(values[URL].origin, ==, OPTION_UNSET);
}

/* ---- the real table ---- */

static void
every_setting_is_complete_and_unambiguous(void)
{
    for (gsize i = 0; i < settings.n_options; i++) {
        const struct option *option = &settings.options[i];
        gint64 number;
        g_assert_cmpuint(option->commands, !=, 0);
        g_assert_cmpuint(option->required & ~option->commands, ==, 0);
        g_assert_true((option->placeholder == NULL) == (option->type == OPTION_FLAG));
        g_assert_true(g_str_has_suffix(option->help, "."));
        g_assert_true(option->type != OPTION_INTEGER || option->fallback != NULL);
        g_assert_true(option->fallback == NULL ||
                      option_check(option, option->fallback, &number, NULL));
        g_assert_true((option->section == NULL) == (option->key == NULL));
        if (option->section != NULL) {
            g_assert_nonnull(option_find_section(&settings, option->section));
            g_assert_true(option->fallback != NULL || option->example != NULL);
            g_assert_true(option_find_key(&settings, option->section, option->key) == option);
        }
        for (gsize j = 0; j < i; j++) {
            const struct option *other = &settings.options[j];
            g_assert_true(strcmp(option->name, other->name) != 0 ||
                          (option->commands & other->commands) == 0);
        }
    }
}

static void
the_commented_configuration_is_valid_when_uncommented(void)
{
    g_autofree char *text = manual_configuration(&settings);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) uncommented = g_string_new(NULL);
    for (char **line = lines; *line != NULL; line++) {
        gboolean key = (*line)[0] == '#' && (*line)[1] != ' ';
        g_string_append_printf(uncommented, "%s\n", key ? *line + 1 : *line);
    }
    g_autofree struct option_value *values = g_new0(struct option_value, settings.n_options);
    g_autoptr(GError) error = NULL;
    parse(&settings, uncommented->str, values, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < settings.n_options; i++) {
        const struct option *option = &settings.options[i];
        g_assert_true((values[i].origin == OPTION_CONFIGURATION) ==
                      (option->key != NULL && !option_is_instanced(&settings, option)));
        option_value_clear(&values[i]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/option/integers-keep-their-limits", integers_keep_their_limits);
    g_test_add_func("/option/times-need-an-offset", times_need_an_offset);
    g_test_add_func("/option/the-closest-word-is-guessed-and-no-far-one",
                    the_closest_word_is_guessed_and_no_far_one);
    g_test_add_func("/option/a-list-grows-within-its-origin-and-replaces-a-lesser",
                    a_list_grows_within_its_origin_and_replaces_a_lesser);
    g_test_add_func("/configuration/sets-values", a_configuration_sets_values);
    g_test_add_func("/configuration/the-command-line-wins-but-a-bad-file-is-told",
                    the_command_line_wins_but_a_bad_file_is_told);
    g_test_add_func("/configuration/mistakes-are-named-with-their-line",
                    mistakes_are_named_with_their_line);
    g_test_add_func("/configuration/an-absent-file-is-fine-unless-asked-for",
                    an_absent_file_is_fine_unless_asked_for);
    g_test_add_func("/configuration/what-can-be-read-of-one-with-mistakes-is-gleaned",
                    what_can_be_read_of_one_with_mistakes_is_gleaned_for_who_takes_it);
    g_test_add_func("/settings/every-one-is-complete-and-unambiguous",
                    every_setting_is_complete_and_unambiguous);
    g_test_add_func("/settings/the-commented-configuration-is-valid-when-uncommented",
                    the_commented_configuration_is_valid_when_uncommented);
    return g_test_run();
}
