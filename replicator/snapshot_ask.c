#include "replicator/snapshot_ask.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/progress.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/snapshot/command.h"
#include "replicator/tell.h"

#include <poll.h>
#include <stdio.h>

#define LOOK_MILLISECONDS 500 /* between two looks at how it goes on */

/* What says where, whence or how: then the daemon, which knows its own, is not meant. */
static gboolean
is_said_otherwise(const struct command_line *line)
{
    static const char *const names[] = {"source",  "credentials", "to",   "full",
                                        "include", "exclude",     "file", "scrub",
                                        "state",   "keys",        "store"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (options_typed(line, names[i]))
            return TRUE;
    return FALSE;
}

/* ---- while it goes on ---- */

struct shown {
    struct progress *progress;
    char *doing, *database;
    guint64 documents, bytes;
};

static void
show(struct shown *shown, struct slice progress)
{
    g_autofree char *doing = NULL, *database = NULL;
    guint64 documents = 0, bytes = 0, total = 0;
    json_member_text(progress, "doing", &doing);
    json_member_text(progress, "database", &database);
    json_member_unsigned(progress, "documents", &documents);
    json_member_unsigned(progress, "bytes", &bytes);
    json_member_unsigned(progress, "total", &total);
    if (g_strcmp0(doing, shown->doing) != 0 || g_strcmp0(database, shown->database) != 0 ||
        documents < shown->documents || bytes < shown->bytes) {
        progress_begin(shown->progress, doing != NULL ? doing : "working", database, total);
        g_free(shown->doing);
        g_free(shown->database);
        shown->doing = g_steal_pointer(&doing);
        shown->database = g_steal_pointer(&database);
        shown->documents = shown->bytes = 0;
    }
    progress_total(shown->progress, total);
    progress_add(shown->progress, documents - shown->documents, bytes - shown->bytes);
    shown->documents = documents;
    shown->bytes = bytes;
}

static void
look(struct shown *shown, const char *control)
{
    static const char *const lists[] = {"stores", "drives"};
    g_autoptr(GString) status = ask_status(control, NULL);
    struct slice list, place, progress;
    for (gsize i = 0; i < G_N_ELEMENTS(lists) && status != NULL; i++)
        if (json_member((struct slice){status->str, status->len}, lists[i], &list))
            for (gsize at = 0; json_next_element(list, &at, &place);)
                if (json_member(place, "progress", &progress))
                    show(shown, progress);
}

static void
wait_for(int fd, const struct command_line *line)
{
    struct shown shown = {
        .progress = progress_new(options_flag(line, "json"), options_flag(line, "quiet"))};
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (poll(&readable, 1, LOOK_MILLISECONDS) <= 0)
        look(&shown, options_string(line, "control"));
    progress_free(shown.progress);
    g_free(shown.doing);
    g_free(shown.database);
}

/* ---- what became of it ---- */

static int
tell(struct slice place, gboolean aloud)
{
    g_autofree char *name = NULL, *why = tell_message(place, "message");
    guint64 exit_code = FAIL_FAILED;
    json_member_text(place, "name", &name);
    json_member_unsigned(place, "exit", &exit_code);
    g_autofree char *shown = log_escape(name != NULL ? name : "?");
    if (aloud)
        printf("%s: %s%s%s%s\n", shown,
               exit_code == 0                 ? "the snapshot is done"
               : exit_code == FAIL_INCOMPLETE ? "INCOMPLETE"
                                              : "FAILED",
               why != NULL ? ": " : "", why != NULL ? why : "",
               json_member_true(place, "safe") ? "; it is safe to remove" : "");
    return (int)exit_code;
}

/* The exit code is that of the first that failed, else of the first that is incomplete. */
static int
tell_all(const struct command_line *line, const GString *answer)
{
    struct slice places, place;
    int worst = 0;
    gboolean aloud = !options_flag(line, "json") && !options_flag(line, "quiet");
    if (!json_member((struct slice){answer->str, answer->len}, "places", &places))
        return FAIL_FAILED;
    if (options_flag(line, "json"))
        printf("{\"event\":\"summary\",\"places\":%.*s}\n", (int)places.size, places.data);
    for (gsize at = 0; json_next_element(places, &at, &place);) {
        int exit_code = tell(place, aloud);
        if (worst == 0 || (worst == FAIL_INCOMPLETE && exit_code != 0))
            worst = exit_code;
    }
    return worst;
}

int
snapshot_or_ask(const struct command_line *line, GError **error)
{
    g_autoptr(GError) failure = NULL;
    const char *control = options_string(line, "control");
    if (is_said_otherwise(line))
        return snapshot_command(line, error);
    AUTO_FD int fd = ask_begin(ASK_REPLICATOR, control, "{\"ask\":\"snapshot\"}", 0, &failure);
    if (fd < 0 && ask_is_absent(failure))
        return snapshot_command(line, error);
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FAIL_FAILED;
    }
    wait_for(fd, line);
    g_autoptr(GString) answer = ask_end(fd, ASK_REPLICATOR, control, error);
    return answer != NULL ? tell_all(line, answer) : FAIL_FAILED;
}
