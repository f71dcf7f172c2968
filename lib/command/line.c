/* line: what a command asks of its command line, by name. */
#include "lib/command/command_inside.h"

#include <string.h>

static const struct option_value *
value_of(const struct command_line *line, const char *name, guint types)
{
    const struct option_table *table = line->program->options;
    const struct option *option = option_find(table, name, line->command->takes);
    if (option == NULL)
        g_error("'%s' asks for --%s, which it does not take", line->command->name, name);
    if ((types & 1u << option->type) == 0)
        g_error("'%s' asks for --%s, which is of another type", line->command->name, name);
    if (line->of != NULL && g_strcmp0(option->section, line->instance->section->name) != 0)
        line = line->of;
    return &line->values[option - table->options];
}

static const char *
text_of(const struct option_value *value)
{
    return value->texts != NULL ? value->texts->pdata[0] : NULL;
}

const char *
options_string(const struct command_line *line, const char *name)
{
    return text_of(
        value_of(line, name, 1u << OPTION_STRING | 1u << OPTION_URL | 1u << OPTION_PATH));
}

const char *
options_text(const struct command_line *line, const char *name)
{
    return text_of(value_of(line, name, ~0u));
}

gboolean
options_flag(const struct command_line *line, const char *name)
{
    return value_of(line, name, 1u << OPTION_FLAG)->number != 0;
}

const char *const *
options_list(const struct command_line *line, const char *name)
{
    static const char *const none[] = {NULL};
    const struct option_value *value = value_of(line, name, 1u << OPTION_LIST | 1u << OPTION_PATHS);
    return value->texts != NULL ? (const char *const *)value->texts->pdata : none;
}

gint64
options_integer(const struct command_line *line, const char *name)
{
    const struct option_value *value = value_of(line, name, 1u << OPTION_INTEGER);
    if (value->origin == OPTION_UNSET)
        g_error("--%s has neither value nor default", name);
    return value->number;
}

gboolean
options_time(const struct command_line *line, const char *name, gint64 *microseconds)
{
    const struct option_value *value = value_of(line, name, 1u << OPTION_TIME);
    *microseconds = value->number;
    return value->origin != OPTION_UNSET;
}

gboolean
options_given(const struct command_line *line, const char *name)
{
    return value_of(line, name, ~0u)->origin > OPTION_DEFAULT;
}

gboolean
options_typed(const struct command_line *line, const char *name)
{
    return value_of(line, name, ~0u)->origin == OPTION_COMMAND_LINE;
}

void
options_blame(const struct command_line *line, const char *name, GError **error)
{
    const struct option_value *value = value_of(line, name, ~0u);
    const struct option *option = option_find(line->program->options, name, line->command->takes);
    if (value->origin == OPTION_CONFIGURATION)
        g_prefix_error(error, "%s:%u: %s: ", options_string(line, "config"), value->line,
                       option->key);
    else
        g_prefix_error(error, "--%s: ", name);
}

const char *
command_argument(const struct command_line *line, const char *name)
{
    const struct command_argument *known = line->command->arguments;
    for (guint i = 0; i < COMMAND_ARGUMENTS_MAX && known[i].name != NULL; i++) {
        if (strcmp(known[i].name, name) == 0)
            return i < line->arguments->len ? line->arguments->pdata[i] : NULL;
    }
    g_error("'%s' asks for the argument %s, which it does not take", line->command->name, name);
}

char *const *
command_rest(const struct command_line *line)
{
    return line->rest;
}

const struct command *
command_of(const struct command_line *line)
{
    return line->command;
}

GPtrArray *
options_instances(const struct command_line *line, const char *section)
{
    GPtrArray *found = g_ptr_array_new();
    for (guint i = 0; i < line->instances->len; i++) {
        struct command_line *view = line->instances->pdata[i];
        if (strcmp(view->instance->section->name, section) == 0)
            g_ptr_array_add(found, view);
    }
    return found;
}

void
options_each(const struct command_line *line, const char *section, options_visit visit,
             gpointer context)
{
    const struct option_table *table = line->program->options;
    for (gsize i = 0; i < table->n_options; i++) {
        const GPtrArray *texts = line->values[i].texts;
        if (texts != NULL && g_strcmp0(table->options[i].section, section) == 0)
            visit(context, &table->options[i], (const char *const *)texts->pdata);
    }
}

const char *
options_instance_section(const struct command_line *view)
{
    return view->instance->section->name;
}

const char *
options_instance_name(const struct command_line *view)
{
    return view->instance->name;
}

guint
options_instance_line(const struct command_line *view)
{
    return view->instance->line;
}
