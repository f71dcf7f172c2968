#include "replicator/status.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/couch/json.h"
#include "replicator/ask.h"
#include "replicator/tell.h"

#include <stdio.h>

static void
tell_doing(struct slice place, const char *doing)
{
    struct slice progress;
    guint64 documents = 0, total = 0;
    printf("  now          %s", tell_work(doing));
    if (json_member(place, "progress", &progress)) {
        g_autofree char *step = tell_text(progress, "doing");
        g_autofree char *database = tell_text(progress, "database");
        json_member_unsigned(progress, "documents", &documents);
        printf(": %s%s%s, %" G_GUINT64_FORMAT, step != NULL ? step : "",
               database != NULL ? " " : "", database != NULL ? database : "", documents);
        if (json_member_unsigned(progress, "total", &total))
            printf(" of %" G_GUINT64_FORMAT, total);
        printf(" documents");
    }
    printf("\n");
}

static void
tell_outcome(struct slice place, const char *what, const char *time, const char *code,
             const char *text)
{
    guint64 exit_code = 0;
    g_autofree char *message = tell_text(place, text);
    if (!json_member_unsigned(place, code, &exit_code) || (exit_code == 0 && message == NULL))
        return;
    g_autofree char *when = tell_time(tell_time_of(place, time));
    printf("  %-11s  %s: %s%s%s\n", what, when,
           exit_code == 0                 ? "well, but"
           : exit_code == FAIL_INCOMPLETE ? "INCOMPLETE"
                                          : "FAILED",
           message != NULL ? ": " : "", message != NULL ? message : "");
}

static void
tell_next(struct slice place)
{
    gint64 next = tell_time_of(place, "next");
    g_autofree char *when = next > 0 ? tell_time(next)
                                     : g_strdup(json_member_true(place, "scheduled")
                                                    ? "never: all times of the schedule are past"
                                                    : "never: no schedule is set");
    printf("  next         %s\n", when);
}

/* A store or drive, below its name. */
static void
tell_place(struct slice place, gboolean here)
{
    g_autofree char *doing = tell_text(place, "doing");
    gint64 good = tell_time_of(place, "last_good"), drill = tell_time_of(place, "last_drill");
    g_autofree char *when_good = good > 0 ? tell_time(good) : g_strdup("never");
    guint64 drill_exit;
    printf("  last good    %s%s\n", when_good,
           json_member_true(place, "overdue") ? "  OVERDUE" : "");
    tell_outcome(place, "last run", "last_run", "exit", "message");
    if (json_member_unsigned(place, "drill_exit", &drill_exit) && drill_exit == 0) {
        g_autofree char *when = tell_time(drill);
        printf("  last drill   %s: it restores\n", when);
    }
    tell_outcome(place, "last drill", "last_drill", "drill_exit", "drill_message");
    if (doing != NULL)
        tell_doing(place, doing);
    else if (here)
        tell_next(place);
}

static void
tell_store(struct slice store)
{
    g_autofree char *path = tell_text(store, "path");
    printf("store '%s'\n", path);
    tell_place(store, TRUE);
}

static void
tell_drive(struct slice drive)
{
    g_autofree char *label = tell_text(drive, "label"), *id = tell_text(drive, "id");
    g_autofree char *device = tell_text(drive, "device");
    printf("drive '%s' (%s) %s%s%s\n", label, id, device != NULL ? "is here, as " : "is away",
           device != NULL ? device : "",
           json_member_true(drive, "safe") && device != NULL ? ": safe to remove" : "");
    tell_place(drive, device != NULL && !json_member_true(drive, "safe"));
}

static void
tell_unknown(struct slice device)
{
    g_autofree char *node = tell_text(device, "device"), *label = tell_text(device, "label");
    g_autofree char *type = tell_text(device, "type"), *model = tell_text(device, "model");
    guint64 size = 0;
    json_member_unsigned(device, "size", &size);
    g_autofree char *shown = g_format_size(size);
    printf("%s (%s, %s, %s%s%s%s) is no drive of ours; to make it one: lifeboat drive add %s\n",
           node, model != NULL ? model : "no name", shown, type != NULL ? type : "?",
           label != NULL ? ", '" : "", label != NULL ? label : "", label != NULL ? "'" : "", node);
}

static void
tell_list(struct slice answer, const char *name, void (*tell)(struct slice place))
{
    struct slice list, each;
    if (json_member(answer, name, &list))
        for (gsize place = 0; json_next_element(list, &place, &each);)
            tell(each);
}

static void
tell_all(struct slice answer)
{
    gint64 good = tell_time_of(answer, "last_good");
    g_autofree char *when = good > 0 ? tell_time(good) : g_strdup("never");
    printf("last good backup: %s%s\n", when,
           json_member_true(answer, "overdue") ? "  OVERDUE" : "");
    tell_list(answer, "stores", tell_store);
    tell_list(answer, "drives", tell_drive);
    tell_list(answer, "unknown", tell_unknown);
    if (!json_member_true(answer, "watching"))
        printf("drives that are inserted go unnoticed: udev does not tell of them here\n");
}

/* The worst of all places: overdue or failed is a failure, so that a script can ask. */
static int
judge(struct slice answer)
{
    static const char *const lists[] = {"stores", "drives"}, *const codes[] = {"exit",
                                                                               "drill_exit"};
    struct slice list, place;
    guint64 last;
    int code = json_member_true(answer, "overdue") ? FAIL_FAILED : 0;
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (!json_member(answer, lists[i], &list))
            continue;
        for (gsize at = 0; json_next_element(list, &at, &place);) {
            if (json_member_true(place, "overdue"))
                return FAIL_FAILED;
            for (gsize k = 0; k < G_N_ELEMENTS(codes); k++)
                if (json_member_unsigned(place, codes[k], &last) && last != 0)
                    code = last == FAIL_INCOMPLETE && code != FAIL_FAILED ? FAIL_INCOMPLETE
                                                                          : FAIL_FAILED;
        }
    }
    return code;
}

int
status_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) text = ask_status(options_string(line, "control"), error);
    struct slice answer, stores;
    if (text == NULL)
        return FAIL_FAILED;
    answer = (struct slice){text->str, text->len};
    if (!json_member(answer, "stores", &stores)) {
        fail_set(error, FAIL_FAILED, "lifeboat-replicator gives no list of stores");
        return FAIL_FAILED;
    }
    if (options_flag(line, "json"))
        fwrite(text->str, 1, text->len, stdout);
    else
        tell_all(answer);
    return judge(answer);
}
