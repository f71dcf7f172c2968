#include "netsvc/config/alike.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

#define SUM_DIGITS 16

static const char *const sections[] = {"net",  "dns",      "dhcp", "subnet", "host",
                                       "peer", "failover", "cert", "web"};
static const char *const of_the_machine[] = {"interface", "listen", "user", NULL};

/* ---- sums ---- */

struct sum {
    GPtrArray *lines; /* "clinic\nlease\n3600\n" */
    const char *instance;
};

static void
add_option(gpointer context, const struct option *option, const char *const *values)
{
    struct sum *sum = context;
    if (option->type == OPTION_PATH || option->type == OPTION_PATHS ||
        g_strv_contains(of_the_machine, option->key))
        return;
    GString *line = g_string_new(sum->instance);
    g_string_append_printf(line, "\n%s\n", option->key);
    for (; *values != NULL; values++)
        g_string_append_printf(line, "%s\n", *values);
    g_ptr_array_add(sum->lines, g_string_free(line, FALSE));
}

static void
add_section(struct sum *sum, const struct command_line *line, const char *section)
{
    g_autoptr(GPtrArray) instances = options_instances(line, section);
    options_each(line, section, add_option, sum);
    for (guint i = 0; i < instances->len; i++) {
        sum->instance = options_instance_name(instances->pdata[i]);
        options_each(instances->pdata[i], section, add_option, sum);
    }
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
sum_of(const struct command_line *line, const char *section)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    struct sum sum = {lines, ""};
    add_section(&sum, line, section);
    g_ptr_array_sort(lines, compare_lines);
    for (guint i = 0; i < lines->len; i++)
        g_checksum_update(checksum, lines->pdata[i], (gssize)strlen(lines->pdata[i]) + 1);
    return g_strndup(g_checksum_get_string(checksum), SUM_DIGITS);
}

char *
alike_sums(const struct command_line *line)
{
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autofree char *sum = sum_of(line, sections[i]);
        json_text_member_string(out, sections[i], sum);
    }
    json_text_end_object(out);
    return g_string_free(out, FALSE);
}

/* ---- the other node's ---- */

char *
alike_compare(struct slice own, struct slice other)
{
    GString *found = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autofree char *ours = NULL;
        g_autofree char *theirs = NULL;
        if (json_member_text(own, sections[i], &ours) &&
            json_member_text(other, sections[i], &theirs) && strcmp(ours, theirs) != 0)
            g_string_append_printf(found, "%s[%s]", found->len > 0 ? ", " : "", sections[i]);
    }
    return g_string_free(found, found->len == 0);
}
