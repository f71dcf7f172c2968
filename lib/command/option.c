/* option: see the header. */
#include "lib/command/option.h"

#include "lib/base/fail.h"

#include <string.h>

const struct option *
option_find(const struct option_table *table, const char *name, guint64 commands)
{
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        if ((option->commands & commands) != 0 && strcmp(option->name, name) == 0)
            return option;
    }
    return NULL;
}

const struct option *
option_find_key(const struct option_table *table, const char *section, const char *key)
{
    for (gsize i = 0; i < table->n_options; i++) {
        const struct option *option = &table->options[i];
        if (g_strcmp0(option->section, section) == 0 && g_strcmp0(option->key, key) == 0)
            return option;
    }
    return NULL;
}

const struct option_section *
option_find_section(const struct option_table *table, const char *name)
{
    for (gsize i = 0; i < table->n_sections; i++) {
        if (strcmp(table->sections[i].name, name) == 0)
            return &table->sections[i];
    }
    return NULL;
}

gboolean
option_is_instanced(const struct option_table *table, const struct option *option)
{
    const struct option_section *section =
        option->section != NULL ? option_find_section(table, option->section) : NULL;
    return section != NULL && section->instance != NULL;
}

gboolean
option_is_typed(const struct option_table *table, const struct option *option, guint64 commands)
{
    return (option->commands & commands) != 0 && !option_is_instanced(table, option);
}

static gboolean
check_integer(const struct option *option, const char *value, gint64 *number, GError **error)
{
    const char *unit = option->unit != NULL ? option->unit : "";
    if (g_ascii_string_to_signed(value, 10, option->minimum, option->maximum, number, NULL))
        return TRUE;
    return fail_set(error, FAIL_USAGE,
                    "'%s' is not a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                    "%s%s",
                    value, option->minimum, option->maximum, *unit != '\0' ? " " : "", unit);
}

static gboolean
check_time(const char *value, gint64 *number, GError **error)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(value, NULL);
    if (time == NULL)
        return fail_set(error, FAIL_USAGE,
                        "'%s' is not a time like 2026-11-22T08:15:00Z or 2026-11-22T11:15:00+03:00",
                        value);
    *number = g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time);
    return TRUE;
}

gboolean
option_is_list(const struct option *option)
{
    return option->type == OPTION_LIST || option->type == OPTION_PATHS;
}

gboolean
option_check(const struct option *option, const char *value, gint64 *number, GError **error)
{
    *number = 0;
    if (*value == '\0')
        return fail_set(error, FAIL_USAGE, "the value is empty");
    switch (option->type) {
    case OPTION_INTEGER:
        return check_integer(option, value, number, error);
    case OPTION_TIME:
        return check_time(value, number, error);
    case OPTION_FLAG:
        return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0 ||
               fail_set(error, FAIL_USAGE, "'%s' is neither yes nor no", value);
    case OPTION_URL: /* may hold a password: it is not shown */
        return g_ascii_strncasecmp(value, "http://", 7) == 0 ||
               g_ascii_strncasecmp(value, "https://", 8) == 0 ||
               fail_set(error, FAIL_USAGE,
                        "the address is no URL that begins with http:// or https://");
    case OPTION_STRING:
    case OPTION_LIST:
    case OPTION_PATH:
    case OPTION_PATHS:
        break;
    }
    return TRUE;
}

gboolean
option_value_set(struct option_value *value, const struct option *option, const char *text,
                 enum option_origin origin, GError **error)
{
    gint64 number;
    if (!option_check(option, text, &number, error))
        return FALSE;
    if (value->origin != origin || !option_is_list(option))
        option_value_clear(value);
    if (value->texts == NULL)
        value->texts = g_ptr_array_new_null_terminated(0, g_free, TRUE);
    g_ptr_array_add(value->texts, g_strdup(text));
    value->number = option->type == OPTION_FLAG ? strcmp(text, "yes") == 0 : number;
    value->origin = origin;
    return TRUE;
}

void
option_value_clear(struct option_value *value)
{
    if (value->texts != NULL)
        g_ptr_array_unref(value->texts);
    *value = (struct option_value){0};
}

guint
option_distance(const char *a, const char *b)
{
    gsize length = strlen(b);
    gsize width = length + 1;
    /* rows of the table of distances: two before, one before, this one */
    g_autofree guint *memory = g_new0(guint, 3 * width);
    guint *older = memory, *old = memory + width, *now = memory + 2 * width;
    for (gsize j = 0; j <= length; j++)
        now[j] = (guint)j;
    for (gsize i = 1; a[i - 1] != '\0'; i++) {
        guint *reused = older;
        older = old;
        old = now;
        now = reused;
        now[0] = (guint)i;
        for (gsize j = 1; j <= length; j++) {
            guint replaced = old[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = MIN(replaced, MIN(old[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = MIN(now[j], older[j - 2] + 1);
        }
    }
    return now[length];
}

const char *
option_closest(const char *word, const char *const *candidates, gsize n_candidates)
{
    const char *closest = NULL;
    guint best = G_MAXUINT;
    if (strlen(word) > 64)
        return NULL;
    for (gsize i = 0; i < n_candidates; i++) {
        gboolean begins = strlen(word) >= 2 && g_str_has_prefix(candidates[i], word);
        guint distance = begins ? 1 : option_distance(word, candidates[i]);
        guint tolerated = strlen(candidates[i]) < 5 ? 1 : 2;
        if (distance <= tolerated && distance < best) {
            best = distance;
            closest = candidates[i];
        }
    }
    return closest;
}
