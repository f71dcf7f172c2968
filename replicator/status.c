#include "replicator/status.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/net/status.h"
#include "replicator/switch/tell.h"
#include "replicator/tell.h"

#include <stdio.h>

#define BEHIND_SHOWN 5 /* databases of a standby that are behind, the worst ones */

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
    g_autofree char *message = tell_message(place, text);
    if (!json_member_unsigned(place, code, &exit_code) || (exit_code == 0 && message == NULL))
        return;
    g_autofree char *when = tell_time(json_member_time(place, time));
    printf("  %-11s  %s: %s%s%s\n", what, when,
           exit_code == 0                 ? "well, but"
           : exit_code == FAIL_INCOMPLETE ? "INCOMPLETE"
                                          : "FAILED",
           message != NULL ? ": " : "", message != NULL ? message : "");
}

static void
tell_next(struct slice place)
{
    gint64 next = json_member_time(place, "next");
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
    gint64 good = json_member_time(place, "last_good"),
           drill = json_member_time(place, "last_drill");
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

/* ---- the configuration ---- */

static void
tell_configuration(struct slice configuration)
{
    g_autofree char *problem = tell_text(configuration, "problem");
    g_autofree char *hint = tell_text(configuration, "hint");
    if (problem != NULL) {
        g_autofree char *read = tell_time(json_member_time(configuration, "read"));
        g_autofree char *mistake = fail_line(problem, hint);
        printf("configuration: MISTAKE: %s\n", mistake);
        printf("  in force     as it was read %s; mend it, then: lifeboat reload\n", read);
    }
    tell_waiting(configuration);
}

/* ---- the standby ---- */

static void
tell_database_behind(struct slice database)
{
    g_autofree char *name = tell_text(database, "database");
    g_autofree char *problem = tell_text(database, "problem");
    g_autofree char *changes = tell_changes(database, "changes", "counted");
    guint64 seconds = 0;
    json_member_unsigned(database, "seconds", &seconds);
    printf("  behind       '%s': %s, for %" G_GUINT64_FORMAT " s%s%s\n", name, changes, seconds,
           problem != NULL ? ": " : "", problem != NULL ? problem : "");
}

static void
tell_behind(struct slice standby)
{
    struct slice list, each;
    guint64 behind = 0, seconds = 0, shown = 0;
    g_autofree char *changes = tell_changes(standby, "changes_behind", "changes_counted");
    json_member_unsigned(standby, "databases_behind", &behind);
    json_member_unsigned(standby, "seconds_behind", &seconds);
    if (behind == 0) {
        printf("all up to date\n");
        return;
    }
    printf("%" G_GUINT64_FORMAT " behind: %s, for up to %" G_GUINT64_FORMAT " s\n", behind, changes,
           seconds);
    if (json_member(standby, "behind", &list))
        for (gsize place = 0; shown < BEHIND_SHOWN && json_next_element(list, &place, &each);
             shown++)
            tell_database_behind(each);
    if (behind > shown)
        printf("  behind       and %" G_GUINT64_FORMAT " more\n", behind - shown);
}

static void
tell_refused(struct slice revision)
{
    g_autofree char *name = tell_text(revision, "database"), *id = tell_text(revision, "id");
    g_autofree char *reason = tell_text(revision, "reason");
    printf("  NOT COPIED   '%s/%s': %s\n", name, id, reason);
}

/* Of one that does not run nobody knows. */
static void
tell_followed(struct slice standby)
{
    g_autofree char *settings = tell_text(standby, "settings");
    g_autofree char *idle = tell_text(standby, "idle");
    guint64 databases = 0, lacking = 0, gone = 0;
    if (!json_member_unsigned(standby, "databases", &databases))
        return;
    json_member_unsigned(standby, "revisions_lacking", &lacking);
    json_member_unsigned(standby, "databases_gone", &gone);
    printf("  databases    %" G_GUINT64_FORMAT ", ", databases);
    tell_behind(standby);
    if (gone > 0)
        printf("  gone         %" G_GUINT64_FORMAT " database%s dropped there, kept here for "
               "`keep_dropped` days\n",
               gone, gone == 1 ? "" : "s");
    if (idle != NULL)
        printf("  INCOMPLETE   no database there matches the include %s\n", idle);
    if (lacking > 0)
        printf("  INCOMPLETE   %" G_GUINT64_FORMAT " revisions cannot be copied\n", lacking);
    tell_list(standby, "refused", tell_refused);
    if (settings != NULL)
        printf("  settings     DIFFER: %s\n", settings);
}

static void
tell_standby(struct slice standby)
{
    g_autofree char *source = tell_text(standby, "source");
    g_autofree char *trouble = tell_text(standby, "trouble");
    gint64 contact = json_member_time(standby, "contact"), next = json_member_time(standby, "next");
    g_autofree char *when = contact > 0 ? tell_time(contact) : g_strdup("never");
    printf("standby of %s\n", source != NULL ? source : "the other node");
    printf("  contact      %s%s%s\n", when, trouble != NULL ? "  TROUBLE: " : "",
           trouble != NULL ? trouble : "");
    tell_followed(standby);
    if (next > 0) {
        g_autofree char *again = tell_time(next);
        printf("  next         %s\n", again);
    }
}

/* One that lives off drives. */
static void
tell_node(struct slice node)
{
    g_autofree char *name = tell_text(node, "node");
    g_autofree char *state = tell_time(json_member_time(node, "state"));
    g_autofree char *applied = tell_time(json_member_time(node, "applied"));
    printf("node '%s' has the state of %s\n  brought by a drive  %s\n", name, state, applied);
}

/* ---- the off-site copy ---- */

static void
tell_offsite_now(struct slice offsite)
{
    struct slice progress;
    guint64 bytes = 0;
    g_autofree char *folder = NULL;
    if (json_member(offsite, "progress", &progress)) {
        json_member_unsigned(progress, "bytes", &bytes);
        folder = tell_text(progress, "database");
    }
    g_autofree char *size = g_format_size(bytes);
    printf("  now          copying%s%s, %s\n", folder != NULL ? " " : "",
           folder != NULL ? folder : "", size);
}

static void
tell_offsite(struct slice offsite)
{
    g_autofree char *bucket = tell_text(offsite, "bucket"), *store = tell_text(offsite, "store");
    g_autofree char *doing = tell_text(offsite, "doing"), *why = tell_message(offsite, "message");
    gint64 good = json_member_time(offsite, "last_good");
    gint64 newest = json_member_time(offsite, "newest"), next = json_member_time(offsite, "next");
    g_autofree char *when = good > 0 ? tell_time(good) : g_strdup("never");
    g_autofree char *of = newest > 0 ? tell_time(newest) : NULL;
    guint64 exit_code = 0;
    json_member_unsigned(offsite, "exit", &exit_code);
    printf("off-site copy of '%s' in %s\n", store, bucket);
    printf("  complete     %s%s\n", when, json_member_true(offsite, "overdue") ? "  OVERDUE" : "");
    if (of != NULL)
        printf("  newest       %s\n", of);
    if (exit_code != FAIL_LATER)
        tell_outcome(offsite, "last run", "last_run", "exit", "message");
    else
        printf("  put off      %s\n", why != NULL ? why : "");
    if (doing != NULL) {
        tell_offsite_now(offsite);
    } else if (next > 0) {
        g_autofree char *again = tell_time(next);
        printf("  next         %s\n", again);
    }
}

/* That the bucket cannot be reached is no failure, until the copy is overdue. */
static int
judge_offsite(struct slice answer)
{
    struct slice offsite;
    guint64 exit_code = 0;
    if (!json_member(answer, "offsite", &offsite))
        return 0;
    json_member_unsigned(offsite, "exit", &exit_code);
    if (json_member_true(offsite, "overdue"))
        return FAIL_FAILED;
    return exit_code == 0 || exit_code == FAIL_LATER ? 0
           : exit_code == FAIL_INCOMPLETE            ? FAIL_INCOMPLETE
                                                     : FAIL_FAILED;
}

/* ---- all ---- */

static void
tell_all(struct slice answer)
{
    struct slice pair, standby, offsite, configuration;
    gint64 good = json_member_time(answer, "last_good");
    g_autofree char *when = good > 0 ? tell_time(good) : g_strdup("never");
    printf("%s: %s%s\n",
           json_member_true(answer, "imports") ? "last good import or backup" : "last good backup",
           when, json_member_true(answer, "overdue") ? "  OVERDUE" : "");
    if (json_member(answer, "configuration", &configuration))
        tell_configuration(configuration);
    tell_list(answer, "stores", tell_store);
    tell_list(answer, "drives", tell_drive);
    tell_list(answer, "unknown", tell_unknown);
    tell_list(answer, "nodes", tell_node);
    if (json_member(answer, "switch", &pair))
        tell_pair(pair);
    if (json_member(answer, "standby", &standby))
        tell_standby(standby);
    if (json_member(answer, "offsite", &offsite))
        tell_offsite(offsite);
    if (!json_member_true(answer, "watching"))
        printf("drives that are inserted go unnoticed: udev does not tell of them here\n");
}

static int
judge_pair(struct slice answer)
{
    struct slice pair;
    return json_member(answer, "switch", &pair) ? tell_pair_judge(pair) : 0;
}

/* Behind is no failure: a moment later it may not be. */
static int
judge_standby(struct slice answer)
{
    struct slice standby;
    guint64 lacking = 0;
    if (!json_member(answer, "standby", &standby))
        return 0;
    g_autofree char *trouble = tell_text(standby, "trouble"), *idle = tell_text(standby, "idle");
    json_member_unsigned(standby, "revisions_lacking", &lacking);
    return trouble != NULL ? FAIL_FAILED : lacking > 0 || idle != NULL ? FAIL_INCOMPLETE : 0;
}

/* One with a mistake would keep the daemon from starting the next time. */
static gboolean
is_mistaken(struct slice answer)
{
    struct slice configuration;
    if (!json_member(answer, "configuration", &configuration))
        return FALSE;
    g_autofree char *problem = tell_text(configuration, "problem");
    return problem != NULL;
}

static int
worse(int a, int b)
{
    return a == FAIL_FAILED || b == FAIL_FAILED ? FAIL_FAILED : MAX(a, b);
}

/* The worst of all places: overdue or failed is a failure, so that a script can ask. */
static int
judge(struct slice answer)
{
    static const char *const lists[] = {"stores", "drives"}, *const codes[] = {"exit",
                                                                               "drill_exit"};
    struct slice list, place;
    guint64 last;
    int code = json_member_true(answer, "overdue") || is_mistaken(answer) ? FAIL_FAILED : 0;
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
    return worse(worse(code, judge_pair(answer)),
                 worse(judge_standby(answer), judge_offsite(answer)));
}

/* ---- the LAN ---- */

/* What lifeboat-netsvc says of itself; NULL: it does not run here, or the error says why not. */
static GString *
ask_net(const char *socket, GError **error)
{
    gboolean absent;
    return net_status_ask(socket, &absent, error);
}

static struct slice
whole(const GString *text)
{
    return (struct slice){text->str, text->len};
}

/* One object: what the replicator says, with what the other says as a member. */
static void
print_json(const GString *text, const GString *net)
{
    g_autoptr(GString) out = g_string_new(text != NULL ? text->str : "{}");
    g_strchomp(out->str);
    g_string_truncate(out, strlen(out->str) - 1); /* the object's end */
    if (net != NULL)
        json_text_member_raw(out, "netsvc", whole(net));
    json_text_end_object(out);
    puts(out->str);
}

static void
print_text(const GString *text, const GString *net)
{
    if (text != NULL)
        tell_all(whole(text));
    if (net == NULL)
        return;
    g_autofree char *shown = net_status_text(whole(net));
    fputs(shown, stdout);
}

/* What can be told is, also where one of the two does not answer. */
int
status_command(const struct command_line *line, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    struct slice stores;
    g_autoptr(GString) text = ask_status(options_string(line, "control"), error);
    if (text != NULL && !json_member(whole(text), "stores", &stores)) {
        fail_set(error, FAIL_FAILED, "lifeboat-replicator gives no list of stores");
        return FAIL_FAILED;
    }
    g_autoptr(GString) net = ask_net(options_string(line, "net-control"), &trouble);
    if (text != NULL || net != NULL)
        (options_flag(line, "json") ? print_json : print_text)(text, net);
    if (trouble != NULL && text != NULL)
        g_propagate_error(error, g_steal_pointer(&trouble));
    return worse(text != NULL ? judge(whole(text)) : FAIL_FAILED,
                 net != NULL ? net_status_judge(whole(net)) : 0);
}
