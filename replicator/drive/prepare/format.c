#include "replicator/drive/prepare/format.h"

#include "lib/base/fail.h"
#include "lib/base/tool.h"

#include <string.h>
#include <sys/wait.h>

#define ARGUMENTS_MAX 16

struct format {
    const char *name;
    const char *tool;
    const char *package;                  /* Debian's */
    const char *arguments[ARGUMENTS_MAX]; /* LABEL, OWNER: what goes in their place */
    gsize label_bytes;                    /* at most; 0: no limit */
    glong label_characters;               /* likewise, in UTF-16 */
    gboolean ascii;                       /* capitals, and not those below */
};

#define LABEL "LABEL"
#define OWNER "OWNER"
#define NOT_IN_VFAT "\"*+,./:;<=>?[\\]|"

static const struct format formats[] = {
    /* no blocks kept for root; -F: a whole disk, too */
    {"ext4",
     "mkfs.ext4",
     "e2fsprogs",
     {"-q", "-F", "-m", "0", "-L", LABEL, "-E", OWNER},
     16,
     0,
     FALSE},
    {"exfat", "mkfs.exfat", "exfatprogs", {"-L", LABEL}, 0, 11, FALSE},
    /* -I: a whole disk, too */
    {"vfat", "mkfs.vfat", "dosfstools", {"-I", "--mbr=no", "-n", LABEL}, 0, 11, TRUE},
};

const struct format *
format_find(const char *name, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    fail_set(error, FAIL_USAGE, "--format: '%s' is none of ext4, exfat, vfat", name);
    return NULL;
}

const char *
format_name(const struct format *format)
{
    return format->name;
}

/* ---- labels ---- */

static gboolean
is_for_vfat(const char *label)
{
    return g_str_is_ascii(label) && strpbrk(label, NOT_IN_VFAT) == NULL;
}

gboolean
format_check_label(const struct format *format, const char *label, GError **error)
{
    glong units = 0;
    g_autofree gunichar2 *wide = g_utf8_to_utf16(label, -1, NULL, &units, NULL);
    if (wide == NULL)
        return fail_set(error, FAIL_USAGE, "--label: the text is not UTF-8");
    if (format->label_bytes > 0 && strlen(label) > format->label_bytes)
        return fail_set(error, FAIL_USAGE,
                        "--label: '%s' is too long: %s takes %" G_GSIZE_FORMAT " bytes", label,
                        format->name, format->label_bytes);
    if (format->label_characters > 0 && units > format->label_characters)
        return fail_set(error, FAIL_USAGE, "--label: '%s' is too long: %s takes %ld characters",
                        label, format->name, format->label_characters);
    if (format->ascii && !is_for_vfat(label))
        return fail_set(error, FAIL_USAGE,
                        "--label: '%s' cannot be written on vfat, which takes ASCII without %s",
                        label, NOT_IN_VFAT);
    return TRUE;
}

/* ---- the tool ---- */

gboolean
format_check_tool(const struct format *format, GError **error)
{
    g_autofree char *tool = tool_find(format->tool);
    return tool != NULL ||
           fail_set(error, FAIL_FAILED, "cannot make %s: '%s' is missing\nhint: apt install %s",
                    format->name, format->tool, format->package);
}

static GPtrArray *
arguments_for(const struct format *format, const char *tool, const char *device, const char *label,
              uid_t user, gid_t group)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(arguments, g_strdup(tool));
    for (guint i = 0; i < ARGUMENTS_MAX && format->arguments[i] != NULL; i++) {
        const char *argument = format->arguments[i];
        if (strcmp(argument, LABEL) == 0)
            g_ptr_array_add(arguments, format->ascii ? g_ascii_strup(label, -1) : g_strdup(label));
        else if (strcmp(argument, OWNER) == 0)
            g_ptr_array_add(arguments, g_strdup_printf("root_owner=%u:%u", user, group));
        else
            g_ptr_array_add(arguments, g_strdup(argument));
    }
    g_ptr_array_add(arguments, g_strdup(device));
    g_ptr_array_add(arguments, NULL);
    return arguments;
}

gboolean
format_make(const struct format *format, const char *device, const char *label, uid_t user,
            gid_t group, GError **error)
{
    g_autofree char *printed = NULL;
    g_autofree char *complaint = NULL;
    int status;
    g_autofree char *tool = tool_find(format->tool);
    if (tool == NULL)
        return format_check_tool(format, error);
    g_autoptr(GPtrArray) arguments = arguments_for(format, tool, device, label, user, group);
    if (!g_spawn_sync(NULL, (char **)arguments->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &printed,
                      &complaint, &status, error))
        return FALSE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TRUE;
    const char *told = *g_strstrip(complaint) != '\0' ? complaint : g_strstrip(printed);
    return fail_set(error, FAIL_FAILED, "'%s' cannot make %s on '%s': %s", format->tool,
                    format->name, device, *told != '\0' ? told : "it ended without a word");
}
