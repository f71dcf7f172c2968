#include "replicator/drive/command.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/couch/json.h"
#include "replicator/ask.h"
#include "replicator/drive/list.h"
#include "replicator/drive/prepare/prepare.h"
#include "replicator/tell.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

/* Asks the daemon {"ask": what, NAME: value, …}; the names and values end with NULL, and one whose
 * value is NULL is left out. */
static GString *
ask(const struct command_line *line, guint seconds, const char *what,
    const char *const (*members)[2], GError **error)
{
    g_autoptr(GString) request = g_string_new(NULL);
    json_text_begin_object(request);
    json_text_member_string(request, "ask", what);
    for (; members != NULL && (*members)[0] != NULL; members++)
        if ((*members)[1] != NULL)
            json_text_member_string(request, (*members)[0], (*members)[1]);
    json_text_end_object(request);
    return ask_daemon(options_string(line, "control"), request->str, seconds, error);
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
    g_autoptr(GString) answer = ask(line, ASK_SECONDS, "status", NULL, error);
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

/* ---- add ---- */

static void
say(void *context, const char *sentence)
{
    (void)context;
    printf("%s\n", sentence);
    fflush(stdout);
}

static gboolean
check_root(GError **error)
{
    return geteuid() == 0 ||
           fail_set(error, FAIL_FAILED,
                    "only root may look into a device\nhint: sudo lifeboat drive add …");
}

static char *
prepare(const struct command_line *line, GError **error)
{
    const struct prepare prepare = {
        .device = command_argument(line, "DEVICE"),
        .patterns = options_list(line, "device"),
        .tell = say,
    };
    return prepare_device(&prepare, error);
}

int
drive_add_command(const struct command_line *line, GError **error)
{
    if (!check_root(error))
        return FAIL_FAILED;
    g_autoptr(GString) status = ask(line, ASK_SECONDS, "status", NULL, error);
    if (status == NULL) /* before anything is done */
        return FAIL_FAILED;
    g_autofree char *device = prepare(line, error);
    if (device == NULL)
        return fail_exit_code(*error);
    const char *label = options_string(line, "label");
    const char *const members[][2] = {{"device", device}, {"label", label}, {NULL, NULL}};
    g_autoptr(GString) answer = ask(line, ASK_LONG_SECONDS, "drive add", members, error);
    if (answer == NULL)
        return FAIL_FAILED;
    g_autofree char *name = name_of(answer);
    printf("%s is drive %s from now on%s\n"
           "its first snapshot begins now; `lifeboat status` shows it; wait for 'safe to remove'\n",
           device, name,
           json_member_true(whole(answer), "fresh") ? "" : ", with the snapshots that it holds");
    return 0;
}
