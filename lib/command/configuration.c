/*
 * configuration: see the header.
 *
 * GKeyFile knows no line numbers and passes over what we want to refuse. So a first walk over the
 * lines checks the structure and notes where each key stands; GKeyFile then gives the values.
 */
#include "lib/command/configuration.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <fcntl.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* as Windows puts before UTF-8 */

/* What the file says in one place: the sections that stand there once, or an instance. */
struct part {
    struct configuration_instance *instance; /* NULL: the former */
    guint *places;                           /* line of each option's key, 0 when it is not there */
};

struct reading {
    const struct option_table *table;
    const char *path;
    const struct option_section *section; /* the one that the walk is in */
    guint line;                           /* from 1 */
    GArray *parts;                        /* struct part; the first one is of no instance */
    guint part;                           /* the one that the walk is in */
};

static gboolean wrong(const struct reading *reading, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean
wrong(const struct reading *reading, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    return fail_set(error, FAIL_USAGE, "%s:%u: %s", reading->path, reading->line, message);
}

/* "\nhint: did you mean …", or nothing. */
static char *
guess(const char *word, const char *const *candidates, gsize n_candidates)
{
    const char *closest = option_closest(word, candidates, n_candidates);
    return closest == NULL ? g_strdup("") : g_strdup_printf("\nhint: did you mean '%s'?", closest);
}

static void
add_part(struct reading *reading, const char *name)
{
    struct part part = {.places = g_new0(guint, reading->table->n_options)};
    if (name != NULL) {
        part.instance = g_new0(struct configuration_instance, 1);
        part.instance->section = reading->section;
        part.instance->name = g_strdup(name);
        part.instance->line = reading->line;
        part.instance->values = g_new0(struct option_value, reading->table->n_options);
        part.instance->n_values = reading->table->n_options;
    }
    g_array_append_val(reading->parts, part);
    reading->part = reading->parts->len - 1;
}

static gboolean
walk_instance(struct reading *reading, const char *name, GError **error)
{
    const char *section = reading->section->name;
    if (name == NULL || *name == '\0')
        return wrong(reading, error, "[%s] has no name\nhint: write [%s %s]", section, section,
                     reading->section->instance);
    for (guint i = 1; i < reading->parts->len; i++) {
        const struct configuration_instance *other =
            g_array_index(reading->parts, struct part, i).instance;
        if (other->section == reading->section && strcmp(other->name, name) == 0)
            return wrong(reading, error, "[%s %s] stands there already, in line %u", section, name,
                         other->line);
    }
    add_part(reading, name);
    return TRUE;
}

static gboolean
walk_section(struct reading *reading, char *line, GError **error)
{
    const struct option_table *table = reading->table;
    char *end = line + strlen(line) - 1;
    if (*end != ']')
        return wrong(reading, error, "the section's name does not end with ']'");
    *end = '\0';
    char *blank = strchr(line + 1, ' ');
    g_autofree char *first =
        blank != NULL ? g_strndup(line + 1, (gsize)(blank - line - 1)) : g_strdup(line + 1);
    reading->part = 0;
    reading->section = option_find_section(table, first);
    if (reading->section != NULL && reading->section->instance != NULL)
        return walk_instance(reading, blank != NULL ? blank + 1 : NULL, error);
    if (reading->section != NULL && blank == NULL)
        return TRUE;
    if (reading->section != NULL)
        return wrong(reading, error, "unknown section [%s]\nhint: [%s] has no name behind it",
                     line + 1, first);
    g_autofree const char **names = g_new0(const char *, table->n_sections);
    for (gsize i = 0; i < table->n_sections; i++)
        names[i] = table->sections[i].name;
    g_autofree char *hint = guess(first, names, table->n_sections);
    return wrong(reading, error, "unknown section [%s]%s", line + 1, hint);
}

static gboolean
walk_key(struct reading *reading, char *line, GError **error)
{
    const struct option_table *table = reading->table;
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return wrong(reading, error, "'%s' is neither 'key = value', '[section]' nor '# comment'",
                     line);
    if (reading->section == NULL)
        return wrong(reading, error, "a key before the first [section]");
    *equals = '\0';
    const char *key = g_strchomp(line);
    const char *section = reading->section->name;
    const struct option *option = option_find_key(table, section, key);
    if (option != NULL) {
        guint *places = g_array_index(reading->parts, struct part, reading->part).places;
        guint *place = &places[option - table->options];
        if (*place != 0)
            return wrong(reading, error, "'%s' stands in [%s] already, in line %u", key, section,
                         *place);
        *place = reading->line;
        return TRUE;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (gsize i = 0; i < table->n_options; i++) {
        if (g_strcmp0(table->options[i].section, section) == 0)
            g_ptr_array_add(names, (gpointer)table->options[i].key);
    }
    g_autofree char *hint = guess(key, (const char *const *)names->pdata, names->len);
    return wrong(reading, error, "unknown key '%s' in [%s]%s", key, section, hint);
}

/* GKeyFile would take it for a part of the value. */
static gboolean
has_comment_behind(const char *line)
{
    for (const char *at = strchr(line, '#'); at != NULL; at = strchr(at + 1, '#'))
        if (at > line && g_ascii_isspace(at[-1]))
            return TRUE;
    return FALSE;
}

static gboolean
walk_line(struct reading *reading, char *line, GError **error)
{
    if (*line == '\0' || *line == '#')
        return TRUE;
    if (has_comment_behind(line))
        return wrong(reading, error,
                     "a comment stands behind it\nhint: give the comment a line of its own; where "
                     "the # belongs to the value, write \\s for the blank before it");
    return *line == '[' ? walk_section(reading, line, error) : walk_key(reading, line, error);
}

static gboolean
walk(struct reading *reading, const char *text, gsize size, GError **error)
{
    for (const char *at = text, *end = text + size; at < end;) {
        const char *newline = memchr(at, '\n', (gsize)(end - at));
        gsize length = (gsize)((newline != NULL ? newline : end) - at);
        reading->line++;
        if (!g_utf8_validate_len(at, length, NULL))
            return wrong(reading, error, "the line is not UTF-8 text");
        g_autofree char *copy = g_strndup(at, length);
        if (!walk_line(reading, g_strstrip(copy), error))
            return FALSE;
        at += length + 1;
    }
    return TRUE;
}

static gboolean
set_text(struct reading *reading, const struct option *option, struct option_value *value,
         char *text, GError **error)
{
    g_strstrip(text); /* GKeyFile keeps spaces at the end, which nobody sees */
    gsize length = strlen(text);
    if (length >= 2 && (text[0] == '"' || text[0] == '\'') && text[length - 1] == text[0])
        return wrong(reading, error, "%s: values are written without quotation marks", option->key);
    if ((option->type == OPTION_PATH || option->type == OPTION_PATHS) && *text != '\0' &&
        *text != '/')
        return wrong(reading, error, "%s: '%s' is not an absolute path", option->key, text);
    g_autoptr(GError) cause = NULL;
    if (!option_value_set(value, option, text, OPTION_CONFIGURATION, &cause))
        return wrong(reading, error, "%s: %s", option->key, cause->message);
    return TRUE;
}

static gboolean
set_value(struct reading *reading, GKeyFile *file, const char *group, const struct option *option,
          struct option_value *value, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) texts = NULL;
    if (option_is_list(option)) {
        texts = g_key_file_get_string_list(file, group, option->key, NULL, &cause);
    } else {
        texts = g_new0(char *, 2);
        texts[0] = g_key_file_get_string(file, group, option->key, &cause);
    }
    if (cause != NULL)
        return wrong(reading, error, "%s: %s\nhint: a backslash is written \\\\", option->key,
                     cause->message);
    for (char **text = texts; *text != NULL; text++) {
        if (!set_text(reading, option, value, *text, error))
            return FALSE;
    }
    return TRUE;
}

/* Of one part. */
static gboolean
set_values(struct reading *reading, GKeyFile *file, const struct part *part,
           struct option_value *values, GError **error)
{
    const struct option_table *table = reading->table;
    g_autofree char *group =
        part->instance != NULL
            ? g_strdup_printf("%s %s", part->instance->section->name, part->instance->name)
            : NULL;
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        struct option_value checked = {0};
        if (part->places[i] == 0)
            continue;
        reading->line = part->places[i];
        if (!set_value(reading, file, group != NULL ? group : option->section, option, &checked,
                       error)) {
            option_value_clear(&checked);
            return FALSE;
        }
        checked.line = part->places[i];
        if (values[i].origin < OPTION_CONFIGURATION) {
            option_value_clear(&values[i]);
            values[i] = checked;
        } else {
            option_value_clear(
                &checked); /* read all the same: a bad file is told of at once, not one day */
        }
    }
    return TRUE;
}

static gboolean
read_parts(struct reading *reading, GBytes *text, struct option_value *values, GError **error)
{
    gsize size;
    const char *data = g_bytes_get_data(text, &size);
    add_part(reading, NULL);
    if (size >= strlen(BYTE_ORDER_MARK) &&
        memcmp(data, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
        data += strlen(BYTE_ORDER_MARK);
        size -= strlen(BYTE_ORDER_MARK);
    }
    if (!walk(reading, data, size, error))
        return FALSE;
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) cause = NULL;
    if (size > 0 && !g_key_file_load_from_data(file, data, size, G_KEY_FILE_NONE, &cause))
        return fail_set(error, FAIL_USAGE, "%s: %s", reading->path, cause->message);
    for (guint i = 0; i < reading->parts->len; i++) {
        const struct part *part = &g_array_index(reading->parts, struct part, i);
        if (!set_values(reading, file, part,
                        part->instance != NULL ? part->instance->values : values, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
configuration_parse(const struct option_table *table, const char *path, GBytes *text,
                    struct option_value *values, GPtrArray *instances, GError **error)
{
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(struct part));
    struct reading reading = {.table = table, .path = path, .parts = parts};
    gboolean done = read_parts(&reading, text, values, error);
    for (guint i = 0; i < parts->len; i++) {
        struct part *part = &g_array_index(parts, struct part, i);
        g_free(part->places);
        if (part->instance != NULL && done && instances != NULL)
            g_ptr_array_add(instances, part->instance);
        else
            configuration_instance_free(part->instance);
    }
    return done;
}

void
configuration_instance_free(gpointer data)
{
    struct configuration_instance *instance = data;
    if (instance == NULL)
        return;
    for (gsize i = 0; i < instance->n_values; i++)
        option_value_clear(&instance->values[i]);
    g_free(instance->values);
    g_free(instance->name);
    g_free(instance);
}

GBytes *
configuration_read(const char *path, gboolean needed, GError **error)
{
    if (!needed && file_is_absent(AT_FDCWD, path))
        return g_bytes_new(NULL, 0);
    gsize size;
    char *text = file_read_named(path, CONFIGURATION_MAX, &size, error);
    return text != NULL ? g_bytes_new_take(text, size) : NULL;
}

/* ---- of one with a mistake ---- */

/* A line by itself. */
static void
glean_key(const struct option_table *table, const char *section, const char *line, guint64 commands,
          struct option_value *values)
{
    g_autofree char *key = g_strndup(line, strcspn(line, "="));
    const struct option *option = option_find_key(table, section, g_strchomp(key));
    if (option == NULL || (option->commands & commands) == 0)
        return;
    char *alone = g_strdup_printf("[%s]\n%s\n", section, line);
    g_autoptr(GBytes) text = g_bytes_new_take(alone, strlen(alone));
    configuration_parse(table, "", text, values, NULL, NULL);
}

void
configuration_glean(const struct option_table *table, GBytes *text, guint64 commands,
                    struct option_value *values)
{
    gsize size;
    const char *data = g_bytes_get_data(text, &size);
    g_autofree char *copy = g_strndup(data, size);
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    const char *section = NULL;
    for (char **each = lines; *each != NULL; each++) {
        char *line = g_strstrip(*each);
        gsize length = strlen(line);
        if (*line == '[' && line[length - 1] == ']') {
            line[length - 1] = '\0';
            section = line + 1;
        } else if (*line != '#' && section != NULL) {
            glean_key(table, section, line, commands, values);
        }
    }
}
