#include "replicator/daemon/configured.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/command/settings.h"
#include "replicator/switch/pair.h"

#include <fcntl.h>

/* What the process was made with, or the one that stays root: it is given no new ones by a daemon
 * that handles data. `file` takes a right that was given away at start if there was none. */
static const char *const at_start[] = {"state", "control", "user", "hooks", "device", NULL};

/* ---- what it says ---- */

static gboolean
read_times(const struct command_line *line, const char *name, struct timetable **times,
           GError **error)
{
    *times = timetable_parse(options_list(line, name), error);
    if (*times == NULL)
        options_blame(line, name, error);
    return *times != NULL;
}

/* The off-site copy is one of a store that we write. */
static gboolean
check_offsite(const struct command_line *line, GError **error)
{
    const char *store = options_string(line, "store");
    if (options_string(line, "bucket") == NULL)
        return TRUE;
    if (store == NULL)
        return options_require(line, "store", error);
    return g_strv_contains(options_list(line, "to"), store) ||
           fail_set(error, FAIL_USAGE, "the store '%s' of [offsite] is none of `[store] path`",
                    store);
}

static gboolean
check_paths(const struct command_line *line, GError **error)
{
    const char *const *stores = options_list(line, "to");
    for (gsize i = 0; stores[i] != NULL; i++)
        if (!g_utf8_validate(stores[i], -1, NULL))
            return fail_set(error, FAIL_USAGE, "the path of the store '%s' is not in UTF-8",
                            stores[i]);
    return check_offsite(line, error);
}

static void
timing_clear(struct timing *timing)
{
    timetable_free(timing->snapshots);
    timetable_free(timing->drills);
    *timing = (struct timing){0};
}

static gboolean
read_timing(const struct command_line *line, struct timing *timing, GError **error)
{
    *timing = (struct timing){
        .delay = (guint)options_integer(line, "delay"),
        .overdue = (guint)options_integer(line, "overdue"),
        .drive_overdue = (guint)options_integer(line, "drive-overdue"),
        .offsite_overdue = (guint)options_integer(line, "offsite-overdue"),
    };
    if (read_times(line, "schedule", &timing->snapshots, error) &&
        read_times(line, "drill", &timing->drills, error))
        return TRUE;
    timing_clear(timing);
    return FALSE;
}

static gboolean
write_copy(const struct configured *configured, const struct command_line *line, GError **error)
{
    gsize size;
    const char *text = g_bytes_get_data(command_configuration(line), &size);
    AUTO_FD int fd = file_open_folder(AT_FDCWD, configured->folder, FALSE, error);
    return fd >= 0 &&
           file_replace(fd, CONFIGURED_COPY, text != NULL ? text : "", size, 0600, error);
}

/* Puts it in force, or changes nothing. */
static gboolean
take(struct configured *configured, const struct command_line *line, GError **error)
{
    struct timing timing;
    struct pair pair;
    if (!check_paths(line, error) || !pair_read(line, &pair, error))
        return FALSE;
    gboolean follows = pair.url != NULL, paired = pair.own != NULL;
    pair_clear(&pair);
    if (!read_timing(line, &timing, error))
        return FALSE;
    if (configured->folder != NULL && !write_copy(configured, line, error)) {
        timing_clear(&timing);
        return FALSE;
    }
    timing_clear(&configured->timing);
    configured->timing = timing;
    configured->stores = options_list(line, "to");
    configured->power_off = !options_flag(line, "keep-powered");
    configured->follows = follows;
    configured->paired = paired;
    configured->bucket = options_string(line, "bucket");
    configured->offsite_store = options_string(line, "store");
    configured->imports = options_flag(line, "import");
    configured->read = g_get_real_time() / G_USEC_PER_SEC;
    configured->line = line;
    return TRUE;
}

struct configured *
configured_new(const struct command_line *line, GError **error)
{
    AUTO(configured) *configured = g_new0(struct configured, 1);
    configured->started = line;
    configured->waiting = g_ptr_array_new_with_free_func(g_free);
    return take(configured, line, error) ? g_steal_pointer(&configured) : NULL;
}

void
configured_free(struct configured *configured)
{
    if (configured == NULL)
        return;
    timing_clear(&configured->timing);
    command_line_free(configured->again);
    g_ptr_array_unref(configured->waiting);
    g_free(configured->problem);
    g_free(configured->folder);
    g_free(configured);
}

gboolean
configured_begin(struct configured *configured, const char *folder, GError **error)
{
    configured->folder = g_strdup(folder);
    return write_copy(configured, configured->line, error);
}

/* ---- reading it again ---- */

static gboolean
waits(const struct configured *configured, const struct option *option)
{
    return g_strv_contains(at_start, option->name) ||
           (g_str_equal(option->name, "file") &&
            options_list(configured->started, "file")[0] == NULL);
}

static void
note_waiting(struct configured *configured)
{
    g_autoptr(GPtrArray) changed =
        command_line_compare(configured->started, configured->line, FOR_DAEMON);
    g_ptr_array_set_size(configured->waiting, 0);
    for (guint i = 0; i < changed->len; i++) {
        const struct option *option = changed->pdata[i];
        if (waits(configured, option))
            g_ptr_array_add(configured->waiting,
                            g_strdup_printf("[%s] %s", option->section, option->key));
    }
}

static gboolean
differ(const struct command_line *line, const struct command_line *again, guint64 commands)
{
    g_autoptr(GPtrArray) changed = command_line_compare(line, again, commands);
    return changed->len > 0;
}

static gboolean
read_again(struct configured *configured, struct configured_changes *changes, GError **error)
{
    AUTO(command_line) *again = command_line_again(configured->started, error);
    if (again == NULL)
        return FALSE;
    *changes = (struct configured_changes){
        .follower = differ(configured->line, again, FOR_FOLLOW),
        .courier = differ(configured->line, again, FOR_OFFSITE_PUSH),
    };
    if (!take(configured, again, error))
        return FALSE;
    struct command_line *before = configured->again;
    configured->again = g_steal_pointer(&again);
    command_line_free(before);
    return TRUE;
}

gboolean
configured_read_again(struct configured *configured, struct configured_changes *changes)
{
    g_autoptr(GError) failure = NULL;
    gboolean done = read_again(configured, changes, &failure);
    g_clear_pointer(&configured->problem, g_free);
    if (!done)
        configured->problem = g_strdup(failure->message);
    else
        note_waiting(configured);
    return done;
}

void
configured_append(const struct configured *configured, GString *out)
{
    g_autofree char *problem =
        configured->problem != NULL ? fail_message(configured->problem) : NULL;
    json_text_begin_object(out);
    json_text_member_time(out, "read", configured->read);
    json_text_member_string(out, "problem", problem);
    json_text_member_string(out, "hint", problem != NULL ? fail_hint(configured->problem) : NULL);
    json_text_member_strings(out, "waiting", configured->waiting);
    json_text_end_object(out);
}
