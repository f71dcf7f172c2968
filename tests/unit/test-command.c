/* command: the command line means what its tables say, and each mistake is told as it is. */
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/command/command.h"
#include "lib/command/manual.h"

#include <glib/gstdio.h>
#include <string.h>

#define TAKE 1u
#define SHOW 2u

static const struct option_section sections[] = {{"source", "Where from."},
                                                 {"net", "A network.", "clinic"}};

static const struct option options[] = {
    {.name = "source",
     .placeholder = "URL",
     .type = OPTION_STRING,
     .commands = TAKE,
     .required = TAKE,
     .section = "source",
     .key = "url",
     .example = "http://h",
     .help = "Server."},
    {.name = "to", .placeholder = "DIR", .type = OPTION_PATH, .commands = SHOW, .help = "Folder."},
    {.name = "skip",
     .placeholder = "GLOB",
     .type = OPTION_LIST,
     .commands = TAKE,
     .help = "Not these."},
    {.name = "full", .type = OPTION_FLAG, .commands = TAKE, .help = "All."},
    {.name = "memory",
     .placeholder = "MB",
     .type = OPTION_INTEGER,
     .commands = TAKE | SHOW,
     .fallback = "16",
     .minimum = 4,
     .maximum = 64,
     .unit = "MB",
     .section = "source",
     .key = "memory",
     .help = "Memory."},
    {.name = "at", .placeholder = "TIME", .type = OPTION_TIME, .commands = TAKE, .help = "When."},
    {.name = "net-address",
     .placeholder = "ADDRESS",
     .type = OPTION_STRING,
     .commands = TAKE,
     .required = TAKE,
     .section = "net",
     .key = "address",
     .example = "10.0.0.1",
     .help = "Its address."},
    {.name = "net-size",
     .placeholder = "BITS",
     .type = OPTION_INTEGER,
     .commands = TAKE,
     .fallback = "24",
     .minimum = 1,
     .maximum = 32,
     .section = "net",
     .key = "size",
     .help = "Its size."},
    {.name = "config",
     .placeholder = "FILE",
     .type = OPTION_PATH,
     .commands = TAKE | SHOW,
     .fallback = "/nonexistent/lifeboat.conf",
     .help = "Configuration."},
};

static const struct option_table table = {options, G_N_ELEMENTS(options), sections,
                                          G_N_ELEMENTS(sections)};

static int
run_nothing(const struct command_line *line, GError **error)
{
    (void)line;
    (void)error;
    return 0;
}

static const struct command commands[] = {
    {.name = "take",
     .summary = "Take one",
     .text = "Takes one.",
     .takes = TAKE,
     .arguments = {{"STORE", FALSE}, {"SNAPSHOT", TRUE}},
     .exits = {FAIL_FAILED, FAIL_LATER},
     .run = run_nothing},
    {.name = "key init", .summary = "Make", .text = "Makes.", .takes = SHOW, .run = run_nothing},
    {.name = "key show",
     .summary = "Show",
     .text = "Shows.",
     .takes = SHOW,
     .forgives = TRUE,
     .run = run_nothing},
    {.name = "restore",
     .summary = "Pass",
     .text = "Passes.",
     .pass_to = "other",
     .run = run_nothing},
};

static const struct program program = {
    .name = "boat",
    .manual = "1",
    .summary = "a boat",
    .text = "A boat.\n\nIt's -- floating.",
    .commands = commands,
    .n_commands = G_N_ELEMENTS(commands),
    .options = &table,
};

/* Parses words separated by one space. The words live as long as the test program: lines borrow
 * them. */
static struct command_line *
parse(const char *words, GError **error)
{
    static GPtrArray *kept;
    if (kept == NULL)
        kept = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    char **argv = g_strsplit(words, " ", -1);
    g_ptr_array_add(kept, argv);
    return command_line_parse(&program, (int)g_strv_length(argv), argv, error);
}

static void
assert_refused(const char *words, const char *message)
{
    g_autoptr(GError) error = NULL;
    AUTO(command_line) *line = parse(words, &error);
    g_assert_null(line);
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_assert_cmpstr(error->message, ==, message);
}

static void
options_and_arguments_mix(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(command_line) *line =
        parse("boat take --source http://h /store --skip=a* --full --skip b= newest --memory=8 "
              "--at 1970-01-01T00:00:01Z",
              &error);
    g_assert_no_error(error);
    g_assert_cmpstr(options_string(line, "source"), ==, "http://h");
    g_assert_true(options_flag(line, "full"));
    g_assert_cmpint(options_integer(line, "memory"), ==, 8);
    const char *const *skip = options_list(line, "skip");
    g_assert_cmpstr(skip[0], ==, "a*");
    g_assert_cmpstr(skip[1], ==, "b=");
    g_assert_null(skip[2]);
    gint64 at;
    g_assert_true(options_time(line, "at", &at));
    g_assert_cmpint(at, ==, G_USEC_PER_SEC);
    g_assert_cmpstr(command_argument(line, "STORE"), ==, "/store");
    g_assert_cmpstr(command_argument(line, "SNAPSHOT"), ==, "newest");
}

static void
what_is_not_given_has_its_default(void)
{
    AUTO(command_line) *line = parse("boat take - --source x", NULL);
    g_assert_nonnull(line);
    gint64 at;
    g_assert_false(options_time(line, "at", &at));
    g_assert_false(options_flag(line, "full"));
    g_assert_null(options_list(line, "skip")[0]);
    g_assert_cmpint(options_integer(line, "memory"), ==, 16);
    g_assert_false(options_given(line, "memory"));
    g_assert_true(options_given(line, "source"));
    g_assert_cmpstr(command_argument(line, "STORE"), ==, "-");
    g_assert_null(command_argument(line, "SNAPSHOT"));

    AUTO(command_line) *show = parse("boat key show", NULL);
    g_assert_null(options_string(show, "to"));
    g_assert_cmpstr(command_of(show)->name, ==, "key show");
}

static void
two_dashes_end_the_options(void)
{
    AUTO(command_line) *line = parse("boat take --source x -- --full -y", NULL);
    g_assert_nonnull(line);
    g_assert_false(options_flag(line, "full"));
    g_assert_cmpstr(command_argument(line, "STORE"), ==, "--full");
    g_assert_cmpstr(command_argument(line, "SNAPSHOT"), ==, "-y");
}

static void
what_another_program_gets_is_untouched(void)
{
    AUTO(command_line) *line = parse("boat restore run --help -- --unknown", NULL);
    g_assert_nonnull(line);
    g_assert_null(command_line_text(line));
    g_autofree char *rest = g_strjoinv(" ", (char **)command_rest(line));
    g_assert_cmpstr(rest, ==, "run --help -- --unknown");
}

static void
mistakes_are_told(void)
{
    assert_refused("boat", "no command given\nhint: 'boat --help' lists the commands");
    assert_refused("boat tkae", "unknown command 'tkae'\nhint: did you mean 'boat take'?");
    assert_refused("boat swim", "unknown command 'swim'\nhint: 'boat --help' lists the commands");
    assert_refused("boat key", "'key' alone is not a command: 'key init' or 'key show'");
    assert_refused("boat key --site a", "'key' alone is not a command: 'key init' or 'key show'");
    assert_refused("boat key int", "'key int' is not a command: 'key init' or 'key show'");
    assert_refused("boat --full take", "'--full' where a command is expected\nhint: options follow "
                                       "the command: boat COMMAND --OPTION");
    assert_refused("boat take s --sorce x",
                   "unknown option '--sorce'\nhint: did you mean '--source'?");
    assert_refused("boat take s --ful=1", "unknown option '--ful'\nhint: did you mean '--full'?");
    assert_refused("boat take s --to /x",
                   "unknown option '--to'\nhint: 'boat take --help' lists the options");
    assert_refused("boat take s -v",
                   "unknown option '-v'\nhint: 'boat take --help' lists the options");
    assert_refused("boat take s ---full", "unknown option '---full'\nhint: did you mean '--full'?");
    assert_refused("boat take s --source", "--source needs a value: --source URL");
    assert_refused("boat take s --source --full", "--source needs a value: --source URL");
    assert_refused("boat take s --source=", "--source: the value is empty");
    assert_refused("boat take s --full=yes", "--full takes no value");
    assert_refused("boat take s --source a --source b", "--source is given twice");
    assert_refused("boat take s --source a --memory 65",
                   "--memory: '65' is not a whole number from 4 to 64 MB");
    assert_refused("boat take --source a",
                   "STORE is missing\nhint: 'boat take --help' shows what to give");
    assert_refused("boat take a b c --source x",
                   "unexpected argument 'c'\nhint: 'boat take --help' shows what to give");
    assert_refused("boat take s",
                   "--source URL is missing\nhint: give it, or set 'url' in [source] of "
                   "/nonexistent/lifeboat.conf");
}

static char *
make_configuration(const char *text)
{
    char *path = g_build_filename(g_get_tmp_dir(), "test-command-XXXXXX", NULL);
    int fd = g_mkstemp(path);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static void
the_configuration_gives_what_the_command_line_does_not(void)
{
    g_autofree char *path = make_configuration("[source]\nurl = http://conf\nmemory = 32\n");
    g_autofree char *words = g_strdup_printf("boat take s --memory 8 --config %s", path);
    g_autoptr(GError) error = NULL;
    AUTO(command_line) *line = parse(words, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(options_string(line, "source"), ==, "http://conf");
    g_assert_true(options_given(line, "source"));
    g_assert_cmpint(options_integer(line, "memory"), ==, 8);
    g_unlink(path);

    AUTO(command_line) *gone = parse(words, &error); /* --config names a file that must be there */
    g_assert_null(gone);
    g_assert_nonnull(error);
}

/* What is wrong with a configuration, behind the file's name. */
static char *
refusal(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = make_configuration(text);
    g_autofree char *words = g_strdup_printf("boat take S --config %s", path);
    AUTO(command_line) *line = parse(words, &error);
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_assert_null(line);
    g_remove(path);
    g_assert_true(g_str_has_prefix(error->message, path));
    return g_strdup(error->message + strlen(path));
}

static void
a_section_may_stand_there_several_times_with_a_name_of_each(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = make_configuration("[source]\nurl = http://one\n"
                                               "[net clinic]\naddress = 10.0.0.1\nsize = 16\n"
                                               "[net far away]\naddress = 10.1.0.1\n");
    g_autofree char *words = g_strdup_printf("boat take S --config %s", path);
    AUTO(command_line) *line = parse(words, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) nets = options_instances(line, "net");
    g_assert_cmpuint(nets->len, ==, 2);
    g_assert_cmpstr(options_instance_name(nets->pdata[0]), ==, "clinic");
    g_assert_cmpuint(options_instance_line(nets->pdata[0]), ==, 3);
    g_assert_cmpint(options_integer(nets->pdata[0], "net-size"), ==, 16);
    g_assert_cmpstr(options_instance_name(nets->pdata[1]), ==, "far away");
    g_assert_cmpstr(options_string(nets->pdata[1], "net-address"), ==, "10.1.0.1");
    g_assert_cmpint(options_integer(nets->pdata[1], "net-size"), ==, 24);
    g_assert_cmpstr(options_string(nets->pdata[1], "source"), ==, "http://one");
    g_remove(path);
}

static void
mistakes_in_such_a_section_are_named(void)
{
    static const char *const wrong[][2] = {
        {"[net]\n", ":1: [net] has no name\nhint: write [net clinic]"},
        {"[source]\nurl = http://h\n[net a]\n",
         ":3: [net a] has no 'address'\nhint: address = 10.0.0.1"},
        {"[net a]\naddress = 1\n[net a]\naddress = 2\n",
         ":3: [net a] stands there already, in line 1"},
        {"[net a]\nsize = 33\n", ":2: size: '33' is not a whole number from 1 to 32"},
        {"[source b]\n", ":1: unknown section [source b]\nhint: [source] has no name behind it"},
        {"[nat a]\n", ":1: unknown section [nat a]\nhint: did you mean 'net'?"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *message = refusal(wrong[i][0]);
        g_assert_cmpstr(message, ==, wrong[i][1]);
    }
    assert_refused("boat take S --source http://h --net-address 1",
                   "unknown option '--net-address'\nhint: 'boat take --help' lists the options");
}

static void
read_again_the_configuration_is_new_and_what_was_typed_stays(void)
{
    g_autofree char *path = make_configuration("[source]\nurl = http://one\nmemory = 32\n");
    g_autofree char *words = g_strdup_printf("boat take s --memory 8 --skip a --config %s", path);
    g_autoptr(GError) error = NULL;
    AUTO(command_line) *line = parse(words, &error);
    g_assert_no_error(error);
    g_assert_true(
        g_file_set_contents(path, "[source]\n#\nurl = http://two\nmemory = 33\n", -1, NULL));
    AUTO(command_line) *again = command_line_again(line, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(options_string(again, "source"), ==, "http://two");
    g_assert_cmpint(options_integer(again, "memory"), ==, 8);
    g_assert_cmpstr(options_list(again, "skip")[0], ==, "a");
    g_assert_cmpstr(command_argument(again, "STORE"), ==, "s");
    g_assert_cmpstr(options_string(line, "source"), ==, "http://one");

    g_autoptr(GPtrArray) changed = command_line_compare(line, again, TAKE);
    g_assert_cmpuint(changed->len, ==, 1);
    g_assert_cmpstr(((const struct option *)changed->pdata[0])->name, ==, "source");
    g_autoptr(GPtrArray) none = command_line_compare(line, again, SHOW);
    g_assert_cmpuint(none->len, ==, 0);

    g_set_error_literal(&error, FAIL, FAIL_USAGE, "it is wrong");
    options_blame(again, "source", &error);
    g_autofree char *blamed = g_strdup_printf("%s:3: url: it is wrong", path);
    g_assert_cmpstr(error->message, ==, blamed);
    g_clear_error(&error);

    g_assert_true(g_file_set_contents(path, "[source]\nmemory = 33\n", -1, NULL));
    AUTO(command_line) *lacking = command_line_again(line, &error);
    g_assert_null(lacking);
    g_assert_nonnull(strstr(error->message, "--source URL is missing"));
    g_unlink(path);
}

static void
a_command_that_forgives_goes_on_with_what_can_be_read(void)
{
    g_autofree char *path = make_configuration("[source]\nulr = x\nmemory = 32\n");
    g_autofree char *words = g_strdup_printf("boat key show --config %s", path);
    g_autofree char *strict = g_strdup_printf("boat key init --config %s", path);
    g_autoptr(GError) error = NULL;
    AUTO(command_line) *line = parse(words, &error);
    g_assert_no_error(error);
    g_assert_cmpint(options_integer(line, "memory"), ==, 32);
    AUTO(command_line) *refused = parse(strict, &error);
    g_assert_null(refused);
    g_assert_nonnull(strstr(error->message, ":2: unknown key 'ulr'"));
    g_unlink(path);
}

static void
asking_for_an_unknown_option_is_a_bug(void)
{
    if (g_test_subprocess()) {
        AUTO(command_line) *line = parse("boat key show", NULL);
        options_string(line, "source"); /* belongs to another command */
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*'key show' asks for --source*");
}

static void
help_and_man_page_name_every_option(void)
{
    AUTO(command_line) *line = parse("boat take --source --help", NULL);
    g_assert_null(line); /* a missing value comes first */
    AUTO(command_line) *help = parse("boat take --full --help --unknown", NULL);
    const char *text = command_line_text(help);
    g_assert_true(g_str_has_prefix(
        text, "Usage: boat take STORE [SNAPSHOT] --source URL [--skip GLOB]... [--full]\n"));
    g_assert_nonnull(strstr(text, "\n  --memory MB           Memory. (default: 16)\n"));
    g_assert_nonnull(strstr(text, "\n  75                    try later"));
    g_assert_null(strstr(text, "--to"));

    g_autofree char *page = manual_page(&program);
    for (gsize i = 0; i < table.n_options; i++) {
        g_autofree char *name = g_strdup_printf("\\-\\-%s", options[i].name);
        g_assert_true((strstr(page, name) != NULL) == !option_is_instanced(&table, &options[i]));
    }
    g_assert_nonnull(strstr(page, "It\\(aqs \\-\\- floating."));
}

static void
a_log_line_stays_one_line(void)
{
    g_autofree char *terminal = log_format(LOG_LEVEL_WARNING, TRUE, "drive 'a\nb\x1b[2J\xff' é");
    g_assert_cmpstr(terminal, ==, "warning: drive 'a\\nb\\x1b[2J\\xff' é\n");
    g_autofree char *journal = log_format(LOG_LEVEL_WARNING, FALSE, "c1 \xc2\x9b\tend");
    g_assert_cmpstr(journal, ==, "<4>c1 \\xc2\\x9b\\tend\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/command/options-and-arguments-mix", options_and_arguments_mix);
    g_test_add_func("/command/what-is-not-given-has-its-default",
                    what_is_not_given_has_its_default);
    g_test_add_func("/command/two-dashes-end-the-options", two_dashes_end_the_options);
    g_test_add_func("/command/what-another-program-gets-is-untouched",
                    what_another_program_gets_is_untouched);
    g_test_add_func("/command/mistakes-are-told", mistakes_are_told);
    g_test_add_func("/command/the-configuration-gives-what-the-command-line-does-not",
                    the_configuration_gives_what_the_command_line_does_not);
    g_test_add_func("/command/a-section-may-stand-there-several-times-with-a-name-of-each",
                    a_section_may_stand_there_several_times_with_a_name_of_each);
    g_test_add_func("/command/mistakes-in-such-a-section-are-named",
                    mistakes_in_such_a_section_are_named);
    g_test_add_func("/command/read-again-the-configuration-is-new-and-what-was-typed-stays",
                    read_again_the_configuration_is_new_and_what_was_typed_stays);
    g_test_add_func("/command/one-that-forgives-goes-on-with-what-can-be-read",
                    a_command_that_forgives_goes_on_with_what_can_be_read);
    g_test_add_func("/command/asking-for-an-unknown-option-is-a-bug",
                    asking_for_an_unknown_option_is_a_bug);
    g_test_add_func("/command/help-and-man-page-name-every-option",
                    help_and_man_page_name_every_option);
    g_test_add_func("/log/a-line-stays-one-line", a_log_line_stays_one_line);
    return g_test_run();
}
