/* command: see the header. */
#include "lib/command/command_inside.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/progress.h"
#include "lib/command/configuration.h"
#include "lib/command/manual.h"

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- which command ---- */

/* The words of argv that name the command: 1 or 2, or 0 when it is another. */
static int
command_words(const struct command *command, int argc, char **argv)
{
    g_auto(GStrv) words = g_strsplit(command->name, " ", 2);
    int n_words = (int)g_strv_length(words);
    if (argc <= n_words)
        return 0;
    for (int i = 0; i < n_words; i++) {
        if (strcmp(words[i], argv[i + 1]) != 0)
            return 0;
    }
    return n_words;
}

static gboolean
unknown_command(const struct program *program, int argc, char **argv, GError **error)
{
    g_autoptr(GPtrArray) firsts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) seconds = g_string_new(NULL);
    for (gsize i = 0; i < program->n_commands; i++) {
        const char *name = program->commands[i].name;
        gsize first = strcspn(name, " ");
        g_ptr_array_add(firsts, g_strndup(name, first));
        if (name[first] == ' ' && strcmp(firsts->pdata[i], argv[1]) == 0)
            g_string_append_printf(seconds, "%s'%s'", seconds->len > 0 ? " or " : "", name);
    }
    if (seconds->len > 0 && (argc < 3 || argv[2][0] == '-'))
        return fail_set(error, FAIL_USAGE, "'%s' alone is not a command: %s", argv[1],
                        seconds->str);
    if (seconds->len > 0)
        return fail_set(error, FAIL_USAGE, "'%s %s' is not a command: %s", argv[1], argv[2],
                        seconds->str);
    const char *closest = option_closest(argv[1], (const char *const *)firsts->pdata, firsts->len);
    if (closest != NULL)
        return fail_set(error, FAIL_USAGE, "unknown command '%s'\nhint: did you mean '%s %s'?",
                        argv[1], program->name, closest);
    return fail_set(error, FAIL_USAGE, "unknown command '%s'\nhint: '%s --help' lists the commands",
                    argv[1], program->name);
}

static gboolean
is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* What stands in the place of a command: --help, --version or --print. */
static gboolean
parse_program_option(struct command_line *line, int argc, char **argv, GError **error)
{
    const struct program *program = line->program;
    if (is_help(argv[1]))
        line->text = manual_help(program);
    else if (strcmp(argv[1], "--version") == 0)
        line->text = g_strdup_printf("%s %s\n", program->name, LIFEBOAT_VERSION);
    else if (strcmp(argv[1], "--print") == 0 && argc == 3)
        line->text = manual_print(program, argv[2]);
    if (line->text != NULL)
        return TRUE;
    return fail_set(
        error, FAIL_USAGE,
        "'%s' where a command is expected\nhint: options follow the command: %s COMMAND --OPTION",
        argv[1], program->name);
}

/* Help on each command whose first of two words this is; on the program where it is none. */
static char *
help_of_all(const struct program *program, const char *word)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < program->n_commands; i++) {
        const struct command *command = &program->commands[i];
        gsize size = strlen(word);
        if (strncmp(command->name, word, size) != 0 || command->name[size] != ' ')
            continue;
        g_autofree char *help = manual_command_help(program, command);
        g_string_append_printf(text, "%s%s", text->len > 0 ? "\n\n" : "", help);
    }
    return text->len > 0 ? g_string_free(g_steal_pointer(&text), FALSE) : manual_help(program);
}

/* Gives the number of words that the command took, 0 when there is a text to print; -1 on error. */
static int
parse_command(struct command_line *line, int argc, char **argv, GError **error)
{
    const struct program *program = line->program;
    if (argc < 2) {
        fail_set(error, FAIL_USAGE, "no command given\nhint: '%s --help' lists the commands",
                 program->name);
        return -1;
    }
    if (argv[1][0] == '-')
        return parse_program_option(line, argc, argv, error) ? 0 : -1;
    for (gsize i = 0; i < program->n_commands; i++) {
        int words = command_words(&program->commands[i], argc, argv);
        if (words > 0) {
            line->command = &program->commands[i];
            return words;
        }
    }
    if (argc == 3 && is_help(argv[2])) { /* `lifeboat key --help` */
        line->text = help_of_all(program, argv[1]);
        return 0;
    }
    unknown_command(program, argc, argv, error);
    return -1;
}

/* ---- its options and arguments ---- */

static gboolean
unknown_option(const struct command_line *line, const char *given, const char *name, GError **error)
{
    const struct option_table *table = line->program->options;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (gsize i = 0; i < table->n_options; i++) {
        if (option_is_typed(table, &table->options[i], line->command->takes))
            g_ptr_array_add(names, (gpointer)table->options[i].name);
    }
    const char *closest = option_closest(name, (const char *const *)names->pdata, names->len);
    if (closest != NULL)
        return fail_set(error, FAIL_USAGE, "unknown option '%s'\nhint: did you mean '--%s'?", given,
                        closest);
    return fail_set(error, FAIL_USAGE,
                    "unknown option '%s'\nhint: '%s %s --help' lists the options", given,
                    line->program->name, line->command->name);
}

/* Parses argv[*at] and, if it takes one from there, its value; *at moves to the last one used. */
static gboolean
parse_option(struct command_line *line, int argc, char **argv, int *at, GError **error)
{
    const struct option_table *table = line->program->options;
    const char *given = argv[*at];
    const char *text = strchr(given, '=');
    g_autofree char *name = g_strndup(given, text != NULL ? (gsize)(text - given) : strlen(given));
    const char *bare = name + strspn(name, "-");
    const struct option *option = option_find(table, bare, line->command->takes);
    if (option == NULL || !option_is_typed(table, option, line->command->takes) ||
        !g_str_has_prefix(name, "--") || bare != name + 2)
        return unknown_option(line, name, bare, error);

    struct option_value *value = &line->values[option - table->options];
    if (value->origin == OPTION_COMMAND_LINE && !option_is_list(option) &&
        option->type != OPTION_FLAG)
        return fail_set(error, FAIL_USAGE, "%s is given twice", name);
    if (option->type == OPTION_FLAG) {
        if (text != NULL)
            return fail_set(error, FAIL_USAGE, "%s takes no value", name);
        return option_value_set(value, option, "yes", OPTION_COMMAND_LINE, error);
    }
    if (text != NULL)
        text++;
    else if (*at + 1 < argc && !g_str_has_prefix(argv[*at + 1], "--"))
        text = argv[++*at];
    else
        return fail_set(error, FAIL_USAGE, "%s needs a value: %s %s", name, name,
                        option->placeholder);
    if (option_value_set(value, option, text, OPTION_COMMAND_LINE, error))
        return TRUE;
    g_prefix_error(error, "%s: ", name);
    return FALSE;
}

static gboolean
check_arguments(const struct command_line *line, GError **error)
{
    guint n_known = 0;
    for (const struct command_argument *known = line->command->arguments;
         n_known < COMMAND_ARGUMENTS_MAX && known[n_known].name != NULL; n_known++) {
        if (n_known >= line->arguments->len && !known[n_known].optional)
            return fail_set(error, FAIL_USAGE,
                            "%s is missing\nhint: '%s %s --help' shows what to give",
                            known[n_known].name, line->program->name, line->command->name);
    }
    if (line->arguments->len > n_known)
        return fail_set(error, FAIL_USAGE,
                        "unexpected argument '%s'\nhint: '%s %s --help' shows what to give",
                        (const char *)line->arguments->pdata[n_known], line->program->name,
                        line->command->name);
    return TRUE;
}

static gboolean
parse_arguments(struct command_line *line, int argc, char **argv, int first, GError **error)
{
    gboolean options_ended = FALSE;
    for (int at = first; at < argc; at++) {
        const char *argument = argv[at];
        if (options_ended || argument[0] != '-' || argument[1] == '\0') {
            g_ptr_array_add(line->arguments, argv[at]);
        } else if (strcmp(argument, "--") == 0) {
            options_ended = TRUE;
        } else if (is_help(argument)) {
            line->text = manual_command_help(line->program, line->command);
            return TRUE;
        } else if (!parse_option(line, argc, argv, &at, error)) {
            return FALSE;
        }
    }
    return check_arguments(line, error);
}

/* ---- what the command line leaves open ---- */

/* Of an instance, its section's only: the rest is not looked for there. */
static void
set_defaults(struct command_line *line)
{
    const struct option_table *table = line->program->options;
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        g_autoptr(GError) error = NULL;
        if (option->fallback == NULL || line->values[i].origin != OPTION_UNSET ||
            (line->of != NULL && g_strcmp0(option->section, line->instance->section->name) != 0))
            continue;
        if (!option_value_set(&line->values[i], option, option->fallback, OPTION_DEFAULT, &error))
            g_error("the default of --%s: %s", option->name, error->message);
    }
}

static struct command_line *
instance_new(const struct command_line *line, struct configuration_instance *instance)
{
    struct command_line *view = g_new0(struct command_line, 1);
    view->program = line->program;
    view->command = line->command;
    view->of = line;
    view->instance = instance;
    view->values = instance->values;
    set_defaults(view);
    return view;
}

static void
instance_free(gpointer view)
{
    configuration_instance_free(((struct command_line *)view)->instance);
    g_free(view);
}

static gboolean
parse_configuration(struct command_line *line, const char *path, GError **error)
{
    g_autoptr(GPtrArray) instances = g_ptr_array_new();
    if (!configuration_parse(line->program->options, path, line->configuration, line->values,
                             instances, error))
        return FALSE;
    for (guint i = 0; i < instances->len; i++)
        g_ptr_array_add(line->instances, instance_new(line, instances->pdata[i]));
    return TRUE;
}

static gboolean
read_configuration(struct command_line *line, GError **error)
{
    const struct option_table *table = line->program->options;
    guint64 takes = line->command->takes;
    if (option_find(table, "config", takes) == NULL)
        return TRUE;
    const char *path = options_string(line, "config");
    const char *copy =
        option_find(table, "in-force", takes) != NULL ? options_string(line, "in-force") : NULL;
    line->configuration = configuration_read(copy != NULL ? copy : path,
                                             copy != NULL || options_given(line, "config"), error);
    return line->configuration != NULL && parse_configuration(line, path, error);
}

/* Or what can be read of it, for a command that can live with that. */
static gboolean
load_configuration(struct command_line *line, GError **error)
{
    const struct command *command = line->command;
    g_autoptr(GError) failure = NULL;
    if (read_configuration(line, &failure))
        return TRUE;
    if (!command->forgives && !command->rereads) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_autofree char *message = fail_message(failure->message);
    if (command->forgives)
        log_warning("%s; going on with what can be read", message);
    if (line->configuration != NULL)
        configuration_glean(line->program->options, line->configuration, command->takes,
                            line->values);
    return TRUE;
}

static gboolean
tell_missing(const struct command_line *line, const struct option *option, GError **error)
{
    if (option->key == NULL)
        return fail_set(error, FAIL_USAGE, "--%s %s is missing\nhint: %s", option->name,
                        option->placeholder, option->help);
    return fail_set(error, FAIL_USAGE,
                    "--%s %s is missing\nhint: give it, or set '%s' in [%s] of %s", option->name,
                    option->placeholder, option->key, option->section,
                    options_string(line, "config"));
}

static gboolean
check_instance(const struct command_line *view, GError **error)
{
    const struct option_table *table = view->program->options;
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        if ((option->required & view->command->takes) != 0 &&
            g_strcmp0(option->section, view->instance->section->name) == 0 &&
            view->values[i].origin == OPTION_UNSET)
            return fail_set(error, FAIL_USAGE, "%s:%u: [%s %s] has no '%s'\nhint: %s = %s",
                            options_string(view, "config"), view->instance->line, option->section,
                            view->instance->name, option->key, option->key, option->example);
    }
    return TRUE;
}

static gboolean
check_required(const struct command_line *line, GError **error)
{
    const struct option_table *table = line->program->options;
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        if ((option->required & line->command->takes) != 0 &&
            line->values[i].origin == OPTION_UNSET && !option_is_instanced(table, option))
            return tell_missing(line, option, error);
    }
    for (guint i = 0; i < line->instances->len; i++)
        if (!check_instance(line->instances->pdata[i], error))
            return FALSE;
    return TRUE;
}

gboolean
options_require(const struct command_line *line, const char *name, GError **error)
{
    const struct option *option = option_find(line->program->options, name, line->command->takes);
    g_assert(option != NULL);
    return options_given(line, name) || tell_missing(line, option, error);
}

static gboolean
parse(struct command_line *line, int argc, char **argv, GError **error)
{
    int words = parse_command(line, argc, argv, error);
    if (words <= 0)
        return words == 0;
    if (line->command->pass_to != NULL) {
        line->rest = argv + 1 + words;
        return TRUE;
    }
    set_defaults(line);
    if (!parse_arguments(line, argc, argv, 1 + words, error))
        return FALSE;
    return line->text != NULL || (load_configuration(line, error) && check_required(line, error));
}

static struct command_line *
command_line_new(const struct program *program)
{
    struct command_line *line = g_new0(struct command_line, 1);
    line->program = program;
    line->values = g_new0(struct option_value, program->options->n_options);
    line->arguments = g_ptr_array_new();
    line->instances = g_ptr_array_new_with_free_func(instance_free);
    return line;
}

struct command_line *
command_line_parse(const struct program *program, int argc, char **argv, GError **error)
{
    AUTO(command_line) *line = command_line_new(program);
    if (!parse(line, argc, argv, error))
        return NULL;
    return g_steal_pointer(&line);
}

const char *
command_line_text(const struct command_line *line)
{
    return line->text;
}

void
command_line_free(struct command_line *line)
{
    if (line == NULL)
        return;
    for (gsize i = 0; i < line->program->options->n_options; i++)
        option_value_clear(&line->values[i]);
    g_free(line->values);
    g_ptr_array_unref(line->arguments);
    g_ptr_array_unref(line->instances);
    g_clear_pointer(&line->configuration, g_bytes_unref);
    g_free(line->text);
    g_free(line);
}

/* ---- the configuration again ---- */

GBytes *
command_configuration(const struct command_line *line)
{
    return line->configuration;
}

GPtrArray *
command_line_typed(const struct command_line *line)
{
    const struct option_table *table = line->program->options;
    GPtrArray *typed = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        const struct option_value *value = &line->values[i];
        for (guint k = 0; value->origin == OPTION_COMMAND_LINE && k < value->texts->len; k++)
            g_ptr_array_add(typed, option->type == OPTION_FLAG
                                       ? g_strdup_printf("--%s", option->name)
                                       : g_strdup_printf("--%s=%s", option->name,
                                                         (const char *)value->texts->pdata[k]));
    }
    return typed;
}

/* What was typed, from the values: argv shows no passwords any more. */
static struct command_line *
typed_again(const struct command_line *line, GError **error)
{
    const struct option_table *table = line->program->options;
    AUTO(command_line) *again = command_line_new(line->program);
    again->command = line->command;
    for (guint i = 0; i < line->arguments->len; i++)
        g_ptr_array_add(again->arguments, line->arguments->pdata[i]);
    set_defaults(again);
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option_value *typed = &line->values[i];
        for (guint k = 0; typed->origin == OPTION_COMMAND_LINE && k < typed->texts->len; k++)
            if (!option_value_set(&again->values[i], &table->options[i], typed->texts->pdata[k],
                                  OPTION_COMMAND_LINE, error))
                return NULL;
    }
    return g_steal_pointer(&again);
}

struct command_line *
command_line_again(const struct command_line *line, GError **error)
{
    AUTO(command_line) *again = typed_again(line, error);
    gboolean done = again != NULL &&
                    (line->command->forgives ? load_configuration(again, error)
                                             : read_configuration(again, error)) &&
                    check_required(again, error);
    return done ? g_steal_pointer(&again) : NULL;
}

struct command_line *
command_line_with(const struct command_line *line, GBytes *configuration, GError **error)
{
    AUTO(command_line) *with = typed_again(line, error);
    if (with == NULL)
        return NULL;
    with->configuration = g_bytes_ref(configuration);
    gboolean done = parse_configuration(with, options_string(with, "config"), error) &&
                    check_required(with, error);
    return done ? g_steal_pointer(&with) : NULL;
}

static gboolean
is_equal(const struct option_value *a, const struct option_value *b)
{
    static char *const none[] = {NULL};
    return g_strv_equal(
        (const char *const *)(a->texts != NULL ? (char *const *)a->texts->pdata : none),
        (const char *const *)(b->texts != NULL ? (char *const *)b->texts->pdata : none));
}

GPtrArray *
command_line_compare(const struct command_line *a, const struct command_line *b, guint64 commands)
{
    const struct option_table *table = a->program->options;
    GPtrArray *different = g_ptr_array_new();
    for (gsize i = 0; i < table->n_options; i++)
        if ((table->options[i].commands & commands) != 0 && !is_equal(&a->values[i], &b->values[i]))
            g_ptr_array_add(different, (gpointer)&table->options[i]);
    return different;
}

/* ---- main ---- */

static int
run(const struct command_line *line, GError **error)
{
    if (line->text != NULL) {
        fputs(line->text, stdout);
        return 0;
    }
    g_assert(line->command != NULL);
    const struct option *quiet = option_find(line->program->options, "quiet", line->command->takes);
    if (quiet != NULL && options_flag(line, "quiet"))
        log_limit(LOG_LEVEL_WARNING);
    return line->command->run(line, error);
}

/* A list or summary that did not reach its file must not pass for one that did. */
static gboolean
flush_output(GError **error)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return TRUE;
    return fail_errno(error, errno, "cannot write to standard output");
}

/* What stood on the command line is read by now: other users shall not find a URL's password in the
 * list of processes. */
static void
hide_passwords(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *begin = strstr(argv[i], "://");
        if (begin == NULL)
            continue;
        begin += strlen("://");
        char *end = begin + strcspn(begin, "/?#");
        char *at = memrchr(begin, '@', (gsize)(end - begin));
        if (at != NULL)
            memset(begin, '*', (gsize)(at - begin));
    }
}

/* With --json the last line is a summary, of a failure too. */
static void
sum_up_failure(const struct command_line *line, const GError *error)
{
    const struct option *json =
        line->command != NULL ? option_find(line->program->options, "json", line->command->takes)
                              : NULL;
    if (json == NULL || !options_flag(line, "json"))
        return;
    AUTO(progress) *progress = progress_new(TRUE, TRUE);
    g_autofree char *message = fail_message(error->message);
    const char *hint = fail_hint(error->message);
    GString *event = progress_event_begin(progress, "summary");
    json_text_member_string(event, "error", message);
    if (hint != NULL)
        json_text_member_string(event, "hint", hint);
    json_text_member_integer(event, "exit", fail_exit_code(error));
    progress_event_end(progress);
}

int
program_main(const struct program *program, int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_autoptr(GError) error = NULL;
    AUTO(command_line) *line = command_line_parse(program, argc, argv, &error);
    if (line != NULL &&
        line->rest == NULL) /* a program that it is passed on to hides it by itself */
        hide_passwords(argc, argv);
    int code = line != NULL ? run(line, &error) : FAIL_USAGE;
    if (error != NULL && line != NULL)
        sum_up_failure(line, error);
    else if (error == NULL)
        flush_output(&error);
    if (error == NULL)
        return code;
    log_failure(program->name, error);
    return fail_exit_code(error);
}
