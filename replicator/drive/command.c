#include "replicator/drive/command.h"
#include "replicator/confirm.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/drive/list.h"
#include "replicator/drive/prepare/format.h"
#include "replicator/drive/prepare/prepare.h"
#include "replicator/tell.h"

#include <stdio.h>
#include <unistd.h>

#define DEFAULT_LABEL "LIFEBOAT"
#define LABEL_MAX 64 /* bytes; what a file system takes is less */

/* Asks the daemon {"ask": what, NAME: value, …}; the names and values end with NULL, and one whose
 * value is NULL is left out. */
static GString *
ask(const struct command_line *line, guint seconds, const char *what,
    const char *const (*members)[2], GError **error)
{
    g_autoptr(GString) request = g_string_new(NULL);
    json_text_begin_object(request);
    json_text_member_string(request, "ask", what);
    for (; (*members)[0] != NULL; members++)
        if ((*members)[1] != NULL)
            json_text_member_string(request, (*members)[0], (*members)[1]);
    json_text_end_object(request);
    return ask_daemon(ASK_REPLICATOR, options_string(line, "control"), request->str, seconds,
                      error);
}

static struct slice
whole(const GString *text)
{
    return (struct slice){text->str, text->len};
}

/* `1a2b3c4d 'monday'`; caller frees. */
static char *
name_of(const GString *answer)
{
    g_autofree char *id = tell_text(whole(answer), "drive");
    g_autofree char *label = tell_text(whole(answer), "label");
    return g_strdup_printf("%s '%s'", id != NULL ? id : "?", label != NULL ? label : "");
}

/* ---- list ---- */

static void
append_array(GString *out, const GString *answer, const char *name)
{
    struct slice array;
    json_text_name(out, name);
    if (json_member(whole(answer), name, &array))
        json_text_raw(out, array);
    else
        json_text_null(out);
}

int
drive_list_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) answer = ask_status(options_string(line, "control"), error);
    if (answer == NULL)
        return FAIL_FAILED;
    if (options_flag(line, "json")) {
        g_autoptr(GString) out = g_string_new(NULL);
        json_text_begin_object(out);
        append_array(out, answer, "drives");
        append_array(out, answer, "unknown");
        json_text_end_object(out);
        printf("%s\n", out->str);
    } else {
        g_autofree char *table = list_drives(whole(answer));
        printf("%s", table);
    }
    return 0;
}

/* ---- remove, eject ---- */

int
drive_remove_command(const struct command_line *line, GError **error)
{
    const char *const members[][2] = {{"drive", command_argument(line, "ID")}, {NULL, NULL}};
    g_autoptr(GString) answer = ask(line, ASK_SECONDS, "drive remove", members, error);
    if (answer == NULL)
        return FAIL_FAILED;
    g_autofree char *name = name_of(answer);
    printf("drive %s is forgotten; what is on it stays, and can be restored from\n", name);
    return 0;
}

int
drive_eject_command(const struct command_line *line, GError **error)
{
    const char *const members[][2] = {{"drive", command_argument(line, "ID")}, {NULL, NULL}};
    g_autoptr(GString) answer = ask(line, ASK_LONG_SECONDS, "drive eject", members, error);
    if (answer == NULL)
        return FAIL_FAILED;
    g_autofree char *name = name_of(answer);
    printf("drive %s is %s: it is safe to remove\n", name,
           json_member_true(whole(answer), "powered_off") ? "powered off" : "unmounted");
    return 0;
}

/* ---- add: what the operator is asked and told ---- */

static void
say(void *context, const char *sentence)
{
    (void)context;
    printf("%s\n", sentence);
    fflush(stdout);
}

/* A line that is redrawn, and gone at the end. */
static void
show_count(void *context, guint done, guint total)
{
    (void)context;
    if (!isatty(STDERR_FILENO))
        return;
    if (done < total)
        fprintf(stderr, "\r%3u %%", 100 * done / total);
    else
        fprintf(stderr, "\r     \r");
    fflush(stderr);
}

static gboolean
ask_operator(void *context, const struct disk *disk, GError **error)
{
    g_autofree char *described = disk_describe(disk);
    g_autofree char *question = g_strdup_printf(
        "%s (%s) will be erased, and hold nothing but Lifeboat's backups.", disk->path, described);
    if (options_flag(context, "yes") || confirm(question, "yes", "--yes asks nothing", error))
        return TRUE;
    g_prefix_error(error, "'%s' stays as it is: ", disk->path);
    return FALSE;
}

/* ---- add ---- */

static gboolean
check_label(const char *label, GError **error)
{
    g_autofree char *shown = label != NULL ? log_escape(label) : NULL;
    if (label != NULL && strlen(label) > LABEL_MAX)
        return fail_set(error, FAIL_USAGE, "--label: the text is longer than %d bytes", LABEL_MAX);
    return g_strcmp0(label, shown) == 0 ||
           fail_set(error, FAIL_USAGE, "--label: '%s' holds what cannot be shown", shown);
}

/* Who is to own the root folder of a new file system: root where there is no such user. */
static gboolean
take_user(const struct command_line *line, struct prepare *prepare, GError **error)
{
    const char *name = options_string(line, "user");
    struct account account = {0};
    if (!account_find(name, &account) && options_given(line, "user"))
        return fail_set(error, FAIL_USAGE, "--user: there is none of the name '%s'", name);
    prepare->user = account.uid;
    prepare->group = account.gid;
    return TRUE;
}

static gboolean
take_format(const struct command_line *line, struct prepare *prepare, GError **error)
{
    const char *name = options_string(line, "format");
    if (name == NULL)
        return TRUE;
    prepare->format = format_find(name, error);
    if (prepare->format == NULL || !format_check_label(prepare->format, prepare->label, error))
        return FALSE;
    return options_flag(line, "yes") || isatty(STDIN_FILENO) ||
           fail_set(error, FAIL_USAGE,
                    "there is no terminal to ask at before '%s' is erased\nhint: --yes formats "
                    "without asking",
                    prepare->device);
}

/* The device that holds the file system; caller frees. */
static char *
prepare_named(const struct command_line *line, GError **error)
{
    const char *label = options_string(line, "label");
    struct prepare prepare = {
        .device = command_argument(line, "DEVICE"),
        .patterns = options_list(line, "device"),
        .label = label != NULL ? label : DEFAULT_LABEL,
        .agree = ask_operator,
        .tell = say,
        .count = show_count,
        .context = (gpointer)line,
    };
    if (!check_label(label, error) || !take_format(line, &prepare, error) ||
        !take_user(line, &prepare, error))
        return NULL;
    if (geteuid() != 0) {
        fail_set(error, FAIL_FAILED,
                 "only root may make '%s' a drive\nhint: sudo lifeboat drive "
                 "add …",
                 prepare.device);
        return NULL;
    }
    g_autoptr(GString) status = ask_status(options_string(line, "control"), error);
    return status != NULL ? prepare_device(&prepare, error)
                          : NULL; /* nothing is erased for nobody */
}

int
drive_add_command(const struct command_line *line, GError **error)
{
    g_autofree char *device = prepare_named(line, error);
    if (device == NULL)
        return FAIL_FAILED;
    const char *const members[][2] = {
        {"device", device}, {"label", options_string(line, "label")}, {NULL, NULL}};
    printf("asking lifeboat-replicator to take %s as a drive\n", device);
    fflush(stdout);
    g_autoptr(GString) answer = ask(line, ASK_LONG_SECONDS, "drive add", members, error);
    if (answer == NULL)
        return FAIL_FAILED;
    g_autofree char *name = name_of(answer), *strange = tell_message(whole(answer), "message");
    if (strange != NULL)
        printf("%s: %s\n", device, strange);
    printf(
        "%s is drive %s from now on%s\n%s"
        "its first snapshot begins now; `lifeboat status` shows it; wait for 'safe to remove'\n",
        device, name,
        json_member_true(whole(answer), "fresh") ? "" : ", with the snapshots that it holds",
        json_member_true(whole(answer), "moved")
            ? "it takes the place of the one that held the same store before: nothing is written "
              "to that one any more\n"
            : "");
    return 0;
}
