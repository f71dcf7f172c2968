/* manual: see the header. The man pages are in roff.c. */
#include "lib/command/manual.h"

#include "lib/base/fail.h"

#include <string.h>

#define COLUMNS 80     /* of --help */
#define HELP_COLUMN 24 /* where the sentences of --help begin */
#define COMMENT_COLUMNS 100

const struct manual_exit manual_exits[] = {
    {0, "done"},
    {FAIL_FAILED, "failed"},
    {FAIL_USAGE, "command line or configuration is wrong"},
    {FAIL_INCOMPLETE, "done, but incomplete: each missing thing is named"},
    {FAIL_DAMAGED, "the store is damaged, or signed by nobody whom we trust"},
    {FAIL_KEY, "wrong or missing key"},
    {FAIL_LATER, "try later: the store is in use or the server is busy"},
};
const gsize manual_n_exits = G_N_ELEMENTS(manual_exits);

gboolean
manual_takes(const struct program *program, const struct option *option)
{
    guint64 taken = 0;
    for (gsize i = 0; i < program->n_commands; i++)
        taken |= program->commands[i].takes;
    return option_is_typed(program->options, option, taken);
}

/* Appends `text` word by word, each new line after `before`; the text already in the line is
 * `column` wide. */
static void
wrap(GString *out, const char *text, gsize column, gsize columns, const char *before)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gboolean line_begins = TRUE;
    for (char **word = words; *word != NULL; word++) {
        gsize width = (gsize)g_utf8_strlen(*word, -1);
        if (!line_begins && column + 1 + width > columns) {
            g_string_append_printf(out, "\n%s", before);
            column = strlen(before);
            line_begins = TRUE;
        }
        g_string_append_printf(out, "%s%s", line_begins ? "" : " ", *word);
        column += width + !line_begins;
        line_begins = FALSE;
    }
    g_string_append_c(out, '\n');
    g_string_replace(out, MANUAL_JOIN, " ", 0);
}

static void
wrap_paragraphs(GString *out, const char *text)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);
    for (char **paragraph = paragraphs; *paragraph != NULL; paragraph++) {
        g_string_append_c(out, '\n');
        wrap(out, *paragraph, 0, COLUMNS, "");
    }
}

/* `  TERM                   what it means, wrapped` */
static void
entry(GString *out, const char *term, const char *meaning)
{
    g_autofree char *before = g_strnfill(HELP_COLUMN, ' ');
    g_string_append_printf(out, "  %s", term);
    if (strlen(term) + 4 > HELP_COLUMN)
        g_string_append_printf(out, "\n%s", before);
    else
        g_string_append_printf(out, "%*s", (int)(HELP_COLUMN - 2 - strlen(term)), "");
    wrap(out, meaning, HELP_COLUMN, COLUMNS, before);
}

char *
manual_help(const struct program *program)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "Usage: %s COMMAND [ARGUMENT | OPTION]...\n", program->name);
    wrap_paragraphs(out, program->text);
    g_string_append(out, "\nCommands:\n");
    for (gsize i = 0; i < program->n_commands; i++)
        entry(out, program->commands[i].name, program->commands[i].summary);
    g_string_append_printf(
        out,
        "\n'%s COMMAND --help' shows a command's options, 'man %s' all of them;\n"
        "--version the version.\n",
        program->name, program->name);
    return g_string_free(out, FALSE);
}

/* One option as it stands in a synopsis: `[--include GLOB]...`; no line ends within it. */
static void
synopsis_option(GString *out, const struct option *option, const struct command *command)
{
    gboolean required = (option->required & command->takes) != 0;
    g_string_append_printf(out, "%s--%s%s%s%s%s", required ? " " : " [", option->name,
                           option->placeholder != NULL ? MANUAL_JOIN : "",
                           option->placeholder != NULL ? option->placeholder : "",
                           required ? "" : "]", option_is_list(option) ? "..." : "");
}

char *
manual_synopsis(const struct program *program, const struct command *command)
{
    const struct option_table *table = program->options;
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%s %s", program->name, command->name);
    if (command->pass_to != NULL)
        g_string_append(out, " ...");
    for (gsize i = 0; i < COMMAND_ARGUMENTS_MAX && command->arguments[i].name != NULL; i++)
        g_string_append_printf(out, command->arguments[i].optional ? " [%s]" : " %s",
                               command->arguments[i].name);
    for (gsize i = 0; i < table->n_options; i++) {
        if (option_is_typed(table, &table->options[i], command->takes))
            synopsis_option(out, &table->options[i], command);
    }
    return g_string_free(out, FALSE);
}

static void
help_option(GString *out, const struct option *option)
{
    gboolean valued = option->placeholder != NULL;
    g_autofree char *term = g_strdup_printf("--%s%s%s", option->name, valued ? " " : "",
                                            valued ? option->placeholder : "");
    g_autoptr(GString) meaning = g_string_new(option->help);
    if (option->fallback != NULL)
        g_string_append_printf(meaning, " (default: %s)", option->fallback);
    entry(out, term, meaning->str);
}

char *
manual_command_help(const struct program *program, const struct command *command)
{
    const struct option_table *table = program->options;
    GString *out = g_string_new("Usage: ");
    g_autofree char *synopsis = manual_synopsis(program, command);
    wrap(out, synopsis, strlen("Usage: "), COLUMNS, "           ");
    wrap_paragraphs(out, command->text);
    g_string_append(out, "\nOptions:\n");
    for (gsize i = 0; i < table->n_options; i++) {
        if (option_is_typed(table, &table->options[i], command->takes))
            help_option(out, &table->options[i]);
    }
    entry(out, "--help", "Show this and exit.");
    g_string_append(out, "\nExit codes:\n");
    for (gsize i = 0; i < manual_n_exits; i++) {
        g_autofree char *code = g_strdup_printf("%d", manual_exits[i].code);
        if (manual_exits_with(command, manual_exits[i].code))
            entry(out, code, manual_exits[i].meaning);
    }
    return g_string_free(out, FALSE);
}

gboolean
manual_exits_with(const struct command *command, int code)
{
    if (code == 0)
        return TRUE;
    for (gsize i = 0; i < COMMAND_EXITS_MAX && command->exits[i] != 0; i++) {
        if (command->exits[i] == code)
            return TRUE;
    }
    return FALSE;
}

/* ---- lifeboat.conf ---- */

static void
comment(GString *out, const char *text)
{
    g_string_append(out, "# ");
    wrap(out, text, 2, COMMENT_COLUMNS, "# ");
}

static void
configuration_key(GString *out, const struct option *option)
{
    g_autoptr(GString) text = g_string_new(option->help);
    if (option->text != NULL)
        g_string_append_printf(text, " %s", option->text);
    if (option_is_list(option))
        g_string_append(text, " Several are separated by ;");
    if (option->type == OPTION_INTEGER)
        g_string_append_printf(text, " From %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "%s%s.",
                               option->minimum, option->maximum, option->unit != NULL ? " " : "",
                               option->unit != NULL ? option->unit : "");
    g_string_append_c(out, '\n');
    comment(out, text->str);
    g_string_append_printf(out, "#%s = %s\n", option->key,
                           option->fallback != NULL ? option->fallback : option->example);
}

char *
manual_configuration(const struct option_table *table)
{
    GString *out = g_string_new(NULL);
    comment(out, MANUAL_CONFIGURATION_TEXT);
    comment(out, "A line that begins with # is a comment. Remove the # before a key to set it; "
                 "what stands there now "
                 "is the default, or an example where there is none. The option of the same "
                 "meaning on the command "
                 "line wins.");
    for (gsize i = 0; i < table->n_sections; i++) {
        g_string_append_c(out, '\n');
        comment(out, table->sections[i].text);
        if (table->sections[i].instance != NULL)
            g_string_append_printf(out, "#[%s %s]\n", table->sections[i].name,
                                   table->sections[i].instance);
        else
            g_string_append_printf(out, "[%s]\n", table->sections[i].name);
        for (gsize j = 0; j < table->n_options; j++) {
            if (g_strcmp0(table->options[j].section, table->sections[i].name) == 0)
                configuration_key(out, &table->options[j]);
        }
    }
    return g_string_free(out, FALSE);
}

/* ---- bash ---- */

/* The other program's completion lies beside this one. It sees the words as if it had been called.
 */
static void
completion_passed(GString *out, const struct command *command)
{
    g_autofree char *function = g_strdelimit(g_strdup(command->pass_to), "-", '_');
    const int n_words = strchr(command->name, ' ') != NULL ? 2 : 1;
    g_string_append_printf(
        out,
        "    if [[ ${COMP_WORDS[*]:1:%d} == \"%s\" && COMP_CWORD -gt %d ]]; then\n"
        "        declare -F _%s >/dev/null || . \"${BASH_SOURCE[0]%%/*}/%s.bash\"\n"
        "        words=(%s%s%s \"${COMP_WORDS[@]:%d}\")\n"
        "        local at=$((COMP_CWORD-%d))\n"
        "        local -a COMP_WORDS=(\"${words[@]}\")\n"
        "        local COMP_CWORD=$at\n"
        "        _%s\n"
        "        return\n"
        "    fi\n",
        n_words, command->name, n_words, function, command->pass_to, command->pass_to,
        command->pass_as != NULL ? " " : "", command->pass_as != NULL ? command->pass_as : "",
        n_words + 1, command->pass_as != NULL ? n_words - 1 : n_words, function);
}

static void
completion_command(GString *out, const struct program *program, const struct command *command)
{
    const struct option_table *table = program->options;
    if (command->pass_to != NULL)
        return;
    g_string_append_printf(out, "    \" %s \"*) words=\"", command->name);
    for (gsize i = 0; i < table->n_options; i++) {
        if (option_is_typed(table, &table->options[i], command->takes))
            g_string_append_printf(out, "--%s ", table->options[i].name);
    }
    g_string_append(out, "--help\" ;;\n");
}

/*
 * After an option that takes a value the candidates are files (`-o default` with no answer of
 * ours). Of a command with two words the first and second are offered in turn.
 */
char *
manual_completion(const struct program *program)
{
    g_autoptr(GString) first = g_string_new(NULL), second = g_string_new(NULL),
                       options = g_string_new(NULL), passed = g_string_new(NULL);
    g_autoptr(GString) valued = g_string_new("--config");
    const struct option_table *table = program->options;
    for (gsize i = 0; i < program->n_commands; i++) {
        const char *name = program->commands[i].name;
        g_auto(GStrv) words = g_strsplit(name, " ", 2);
        if (i == 0 || !g_str_has_prefix(program->commands[i - 1].name, words[0]) ||
            words[1] == NULL)
            g_string_append_printf(first, "%s ", words[0]);
        if (words[1] != NULL)
            g_string_append_printf(second, "    \" %s \") words=\"$words %s\" ;;&\n", words[0],
                                   words[1]);
        completion_command(options, program, &program->commands[i]);
        if (program->commands[i].pass_to != NULL)
            completion_passed(passed, &program->commands[i]);
    }
    for (gsize i = 0; i < table->n_options; i++) {
        if (table->options[i].placeholder != NULL && manual_takes(program, &table->options[i]))
            g_string_append_printf(valued, "%s--%s", valued->len > 0 ? "|" : "",
                                   table->options[i].name);
    }
    g_autofree char *function = g_strdelimit(g_strdup(program->name), "-", '_');
    return g_strdup_printf("# bash completion for %s, made by `%s --print completion`\n"
                           "_%s()\n"
                           "{\n"
                           "    local current=${COMP_WORDS[COMP_CWORD]} words=\n"
                           "%s"
                           "    case ${COMP_WORDS[COMP_CWORD-1]} in\n"
                           "    %s) return ;;\n"
                           "    esac\n"
                           "    case \" ${COMP_WORDS[*]:1:COMP_CWORD-1} \" in\n"
                           "    \"  \") words=\"%s--help --version\" ;;\n"
                           "%s%s"
                           "    esac\n"
                           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                           "}\n"
                           "complete -o default -F _%s %s\n",
                           program->name, program->name, function, passed->str, valued->str,
                           first->str, second->str, options->str, function, program->name);
}

char *
manual_print(const struct program *program, const char *what)
{
    if (strcmp(what, "man") == 0)
        return manual_page(program);
    if (strcmp(what, "conf") == 0)
        return manual_configuration(program->options);
    if (strcmp(what, "conf-man") == 0)
        return manual_configuration_page(program->options);
    if (strcmp(what, "completion") == 0)
        return manual_completion(program);
    return NULL;
}
