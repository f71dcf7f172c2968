/* roff: the man pages of manual.h, in the man(7) macros. */
#include "lib/command/manual.h"

#include "config.h"

#include <string.h>

/* Plain text; `back quotes` around a command make it bold. */
static void
text_of(GString *out, const char *text)
{
    gboolean bold = FALSE;
    if (*text == '.' || *text == '\'')
        g_string_append(out, "\\&");
    for (; *text != '\0'; text++) {
        if (g_str_has_prefix(text, MANUAL_JOIN)) {
            g_string_append(out, "\\ ");
            text += strlen(MANUAL_JOIN) - 1;
            continue;
        }
        switch (*text) {
        case '\\':
            g_string_append(out, "\\e");
            break;
        case '-':
            g_string_append(out, "\\-");
            break;
        case '\'':
            g_string_append(out, "\\(aq");
            break;
        case '`':
            bold = !bold;
            g_string_append(out, bold ? "\\fB" : "\\fR");
            break;
        default:
            g_string_append_c(out, *text);
            break;
        }
    }
}

static void
paragraphs_of(GString *out, const char *text)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);
    for (char **paragraph = paragraphs; *paragraph != NULL; paragraph++) {
        g_string_append(out, paragraph == paragraphs ? "" : ".PP\n");
        text_of(out, *paragraph);
        g_string_append_c(out, '\n');
    }
}

static void
heading(GString *out, const char *name, const char *manual, const char *summary)
{
    g_autofree char *upper = g_ascii_strup(name, -1);
    g_string_append(out, ".TH ");
    text_of(out, upper);
    g_string_append_printf(out, " %s \"\" \"Lifeboat %s\" Lifeboat\n.SH NAME\n", manual,
                           LIFEBOAT_VERSION);
    text_of(out, name);
    g_string_append(out, " \\- ");
    text_of(out, summary);
    g_string_append_c(out, '\n');
}

/* Help, further text, limits and default of an option. */
static void
meaning_of(GString *out, const struct option *option)
{
    text_of(out, option->help);
    g_string_append_c(out, '\n');
    if (option->text != NULL) {
        text_of(out, option->text);
        g_string_append_c(out, '\n');
    }
    if (option->type == OPTION_INTEGER)
        g_string_append_printf(out, "From %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ".\n",
                               option->minimum, option->maximum);
    if (option->fallback == NULL)
        return;
    g_string_append(out, "Default: ");
    text_of(out, option->fallback);
    g_string_append(out, option->unit != NULL ? " " : "");
    g_string_append_printf(out, "%s.\n", option->unit != NULL ? option->unit : "");
}

/* " (run, extract)": the program's commands that take the option, unless all do. */
static void
takers_of(GString *out, const struct program *program, const struct option *option)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    gboolean all = TRUE;
    for (gsize i = 0; i < program->n_commands; i++) {
        const struct command *command = &program->commands[i];
        if ((command->takes & option->commands) != 0)
            g_ptr_array_add(names, (gpointer)command->name);
        else if (command->pass_to == NULL)
            all = FALSE;
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *list = g_strjoinv(", ", (char **)names->pdata);
    if (!all)
        g_string_append_printf(out, " (%s)", list);
}

static void
options_of(GString *out, const struct program *program)
{
    const struct option_table *table = program->options;
    g_string_append(
        out, ".SH OPTIONS\nIn brackets the commands that take an option, where not all do.\n");
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        if (!manual_takes(program, option))
            continue;
        g_string_append(out, ".TP\n\\fB\\-\\-");
        text_of(out, option->name);
        g_string_append(out, "\\fR");
        if (option->placeholder != NULL)
            g_string_append_printf(out, " \\fI%s\\fR", option->placeholder);
        takers_of(out, program, option);
        g_string_append_c(out, '\n');
        meaning_of(out, option);
        if (option_is_list(option))
            g_string_append(out, "May be given more than once.\n");
        if (option->key != NULL)
            g_string_append_printf(out, "In the configuration: \\fB%s\\fR in [%s].\n", option->key,
                                   option->section);
    }
    g_string_append(
        out, ".TP\n\\fB\\-\\-help\\fR, \\fB\\-\\-version\\fR\nShow help or version and exit.\n");
}

static void
commands_of(GString *out, const struct program *program)
{
    g_string_append(out, ".SH COMMANDS\n");
    for (gsize i = 0; i < program->n_commands; i++) {
        const struct command *command = &program->commands[i];
        g_autofree char *synopsis = manual_synopsis(program, command);
        g_string_append(out, ".SS ");
        text_of(out, command->name);
        g_string_append(out, "\n.nh\n.ad l\n");
        text_of(out, synopsis);
        g_string_append(out, "\n.hy\n.ad b\n.PP\n");
        paragraphs_of(out, command->text);
        if (command->exits[0] == 0)
            continue;
        g_string_append(out, ".PP\nExits with 0");
        for (gsize j = 0; j < COMMAND_EXITS_MAX && command->exits[j] != 0; j++)
            g_string_append_printf(out, ", %d", command->exits[j]);
        g_string_append(out, ".\n");
    }
}

/* The pages to look at next, but for the one that this is. */
static void
ending(GString *out, const char *page)
{
    static const struct {
        const char *name;
        int section;
    } pages[] = {{"lifeboat", 1}, {"lifeboat-restore", 1}, {"age", 1},
                 {"minisign", 1}, {"lifeboat.conf", 5},    {"lifeboat-replicator", 8}};
    const char *comma = "";
    g_string_append(out, ".SH SEE ALSO\n");
    for (gsize i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (g_str_equal(pages[i].name, page))
            continue;
        g_string_append_printf(out, "%s.BR ", comma);
        text_of(out, pages[i].name);
        g_string_append_printf(out, " (%d)", pages[i].section);
        comma = ",\n";
    }
    g_string_append_c(out, '\n');
}

char *
manual_page(const struct program *program)
{
    GString *out = g_string_new(NULL);
    heading(out, program->name, program->manual, program->summary);
    g_string_append(out, ".SH SYNOPSIS\n.B ");
    text_of(out, program->name);
    g_string_append(out, "\n.I COMMAND\n[ARGUMENT | OPTION]...\n.SH DESCRIPTION\n");
    paragraphs_of(out, program->text);
    commands_of(out, program);
    options_of(out, program);
    g_string_append(out, ".SH EXIT STATUS\n");
    for (gsize i = 0; i < manual_n_exits; i++) {
        g_string_append_printf(out, ".TP\n%d\n", manual_exits[i].code);
        text_of(out, manual_exits[i].meaning);
        g_string_append_c(out, '\n');
    }
    g_string_append(out, ".SH ENVIRONMENT\n"
                         ".TP\n\\fBLIFEBOAT_DEBUG\\fR\n1 shows debug messages on standard error.\n"
                         ".TP\n\\fBTMPDIR\\fR\nFolder for temporary files, /var/tmp by default.\n");
    if (program->example != NULL) {
        g_string_append(out, ".SH EXAMPLES\n.EX\n");
        g_auto(GStrv) lines = g_strsplit(program->example, "\n", -1);
        for (char **line = lines; *line != NULL; line++) {
            text_of(out, *line);
            g_string_append_c(out, '\n');
        }
        g_string_append(out, ".EE\n");
    }
    ending(out, program->name);
    return g_string_free(out, FALSE);
}

static void
configuration_key(GString *out, const struct option *option)
{
    g_string_append(out, ".TP\n\\fB");
    text_of(out, option->key);
    g_string_append_printf(out, "\\fR = \\fI%s\\fR%s\n",
                           option->placeholder != NULL ? option->placeholder : "yes|no",
                           option_is_list(option) ? ";..." : "");
    meaning_of(out, option);
    g_string_append(out, "On the command line: \\fB\\-\\-");
    text_of(out, option->name);
    g_string_append(out, "\\fR.\n");
}

char *
manual_configuration_page(const struct option_table *table)
{
    GString *out = g_string_new(NULL);
    heading(out, "lifeboat.conf", "5", "configuration of Lifeboat's programs");
    g_string_append(out, ".SH SYNOPSIS\n" LIFEBOAT_SYSCONFDIR "/lifeboat.conf\n.SH DESCRIPTION\n");
    text_of(out, MANUAL_CONFIGURATION_TEXT);
    g_string_append(out,
                    "\n.PP\nLines are \\fB[section]\\fR, \\fIkey\\fR = \\fIvalue\\fR, or # and a "
                    "comment. Values "
                    "stand without quotation marks, a backslash in them is written twice, and the "
                    "elements of a "
                    "list are separated by semicolons. What is given on the command line wins.\n");
    for (gsize i = 0; i < table->n_sections; i++) {
        const struct option_section *section = &table->sections[i];
        g_string_append_printf(out, ".SH [%s%s]\n", section->name,
                               section->instance != NULL ? " \\fINAME\\fR" : "");
        text_of(out, section->text);
        g_string_append_c(out, '\n');
        for (gsize j = 0; j < table->n_options; j++) {
            if (g_strcmp0(table->options[j].section, section->name) == 0)
                configuration_key(out, &table->options[j]);
        }
    }
    ending(out, "lifeboat.conf");
    return g_string_free(out, FALSE);
}
