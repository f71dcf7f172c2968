#include "netsvc/check/check.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <string.h>

struct finding {
    enum check_level level;
    char *text; /* with where it stands, and its hint */
};

struct check {
    const struct command_line *line;
    struct config *config;
    GPtrArray *subnets, *zones; /* struct command_line */
    GArray *findings;           /* struct finding */
};

static const char *const words[CHECK_LEVELS] = {"note", "in the way", "wrong"};

/* ---- finding ---- */

static void
add(struct check *check, enum check_level level, const char *text)
{
    struct finding finding = {level, g_strdup(text)};
    g_array_append_val(check->findings, finding);
}

/* As options_blame, also for what was not set. */
static void
blame(const struct check *check, const struct command_line *view, const char *option,
      GError **error)
{
    const char *file = options_string(check->line, "config");
    if (option != NULL && options_given(view, option))
        options_blame(view, option, error);
    else if (view != check->line)
        g_prefix_error(error, "%s:%u: [%s %s]: ", file, options_instance_line(view),
                       options_instance_section(view), options_instance_name(view));
    else
        g_prefix_error(error, "%s: ", file);
}

void
check_found(struct check *check, enum check_level level, const struct command_line *view,
            const char *option, const char *hint, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    fail_set(&error, FAIL_FAILED, "%s", message);
    if (view != NULL)
        blame(check, view, option, &error);
    if (hint != NULL)
        fail_add_hint(&error, hint);
    add(check, level, error->message);
}

const struct config *
check_config(const struct check *check)
{
    return check->config;
}

const struct command_line *
check_line(const struct check *check)
{
    return check->line;
}

const struct command_line *
check_view(const struct check *check, const char *section, guint i)
{
    const GPtrArray *views = strcmp(section, "subnet") == 0 ? check->subnets : check->zones;
    g_assert(i < views->len);
    return views->pdata[i];
}

/* ---- showing ---- */

/* `FILE:LINE: rest`, where the text begins so. */
static gboolean
split_place(const struct check *check, const char *text, guint64 *line, const char **rest)
{
    g_autofree char *begin = g_strconcat(options_string(check->line, "config"), ":", NULL);
    if (!g_str_has_prefix(text, begin))
        return FALSE;
    char *end = NULL;
    *line = g_ascii_strtoull(text + strlen(begin), &end, 10);
    if (*line == 0 || !g_str_has_prefix(end, ": "))
        return FALSE;
    *rest = end + strlen(": ");
    return TRUE;
}

static void
print_json(const struct check *check, const struct finding *finding)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *message = fail_message(finding->text);
    const char *rest = message;
    guint64 line;
    json_text_begin_object(out);
    json_text_member_string(out, "event", "finding");
    json_text_member_string(out, "level", words[finding->level]);
    if (split_place(check, message, &line, &rest)) {
        json_text_member_string(out, "file", options_string(check->line, "config"));
        json_text_member_unsigned(out, "line", line);
    }
    json_text_member_string(out, "text", rest);
    json_text_member_string(out, "hint", fail_hint(finding->text));
    json_text_end_object(out);
    puts(out->str);
}

static void
print_text(const struct finding *finding)
{
    g_autofree char *message = fail_message(finding->text);
    g_autofree char *shown = log_escape(message);
    const char *hint = fail_hint(finding->text);
    printf("%s: %s\n", words[finding->level], shown);
    if (hint == NULL)
        return;
    g_autofree char *mend = log_escape(hint);
    printf("  hint: %s\n", mend);
}

/* `names at 10.66.0.10; addresses in 1 subnet` */
static char *
describe(const struct check *check)
{
    const struct config *config = check->config;
    GString *out = g_string_new(NULL);
    if (config->dns.enabled)
        g_string_append_printf(out, "names (%u zone%s and %u name%s configured)",
                               config->dns.zones->len, config->dns.zones->len == 1 ? "" : "s",
                               config->dns.names->len, config->dns.names->len == 1 ? "" : "s");
    guint64 addresses = 0;
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        for (guint k = 0; k < subnet->pools->len; k++) {
            const struct config_range *pool = &g_array_index(subnet->pools, struct config_range, k);
            addresses += (guint64)pool->last - pool->first + 1;
        }
    }
    if (config->dhcp.enabled)
        g_string_append_printf(
            out, "%saddresses (%u subnet%s, %" G_GUINT64_FORMAT " in pools, %u reserved)",
            out->len > 0 ? " and " : "", config->dhcp.subnets->len,
            config->dhcp.subnets->len == 1 ? "" : "s", addresses, config->dhcp.hosts->len);
    if (out->len == 0)
        g_string_append(out, "nothing");
    return g_string_free(out, FALSE);
}

static void
print_summary(const struct check *check, gboolean json, int code)
{
    g_autofree char *would = check->config != NULL ? describe(check) : NULL;
    if (json) {
        g_autoptr(GString) out = g_string_new(NULL);
        json_text_begin_object(out);
        json_text_member_string(out, "event", "summary");
        json_text_member_unsigned(out, "findings", check->findings->len);
        json_text_member_string(out, "serves", would);
        json_text_member_integer(out, "exit", code);
        json_text_end_object(out);
        puts(out->str);
    } else if (code == FAIL_USAGE) {
        printf("the configuration is not right: mend it, and check it again\n");
    } else if (code != 0) {
        printf("the configuration is right, but this machine stands in its way; it is to serve "
               "%s\n",
               would);
    } else {
        printf("all is well: it serves %s\n", would);
    }
}

/* ---- the whole ---- */

static enum check_level
worst(const struct check *check)
{
    enum check_level worst = CHECK_NOTE;
    for (guint i = 0; i < check->findings->len; i++)
        worst = MAX(worst, g_array_index(check->findings, struct finding, i).level);
    return worst;
}

gboolean
check_is_wrong(const struct check *check)
{
    return worst(check) == CHECK_WRONG;
}

static int
judge(const struct check *check)
{
    static const int codes[CHECK_LEVELS] = {0, FAIL_FAILED, FAIL_USAGE};
    return codes[worst(check)];
}

static void
look(struct check *check)
{
    void (*const kinds[])(struct check *) = {
        check_subnets, check_names, check_roles,  check_place,    check_hooks, check_interfaces,
        check_pair,    check_ports, check_routes, check_firewall, check_lan,
    };
    g_autoptr(GPtrArray) mistakes = g_ptr_array_new_with_free_func((GDestroyNotify)g_error_free);
    check->config = config_read_all(check->line, mistakes);
    for (guint i = 0; i < mistakes->len; i++)
        add(check, CHECK_WRONG, ((const GError *)mistakes->pdata[i])->message);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds) && check->config != NULL; i++)
        kinds[i](check);
}

static int
compare(gconstpointer a, gconstpointer b)
{
    const struct finding *first = a, *second = b;
    return (int)second->level - (int)first->level;
}

static void
clear_finding(gpointer finding)
{
    g_free(((struct finding *)finding)->text);
}

/* The worst first; of the same, in the order in which they were found. */
int
check_command(const struct command_line *line)
{
    struct check check = {.line = line};
    const gboolean json = options_flag(line, "json");
    check.subnets = options_instances(line, "subnet");
    check.zones = options_instances(line, "zone");
    check.findings = g_array_new(FALSE, TRUE, sizeof(struct finding));
    g_array_set_clear_func(check.findings, clear_finding);
    look(&check);
    g_array_sort(check.findings, compare);
    for (guint i = 0; i < check.findings->len; i++) {
        const struct finding *finding = &g_array_index(check.findings, struct finding, i);
        if (json)
            print_json(&check, finding);
        else
            print_text(finding);
    }
    int code = judge(&check);
    print_summary(&check, json, code);
    g_array_unref(check.findings);
    g_ptr_array_unref(check.subnets);
    g_ptr_array_unref(check.zones);
    config_free(check.config);
    return code;
}
