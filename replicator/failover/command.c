#include "replicator/failover/command.h"

#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/confirm.h"
#include "replicator/failover/ask.h"
#include "replicator/failover/show.h"
#include "replicator/failover/watch.h"
#include "replicator/tell.h"

#include <stdio.h>
#include <string.h>

#define LOOK_SECONDS 60 /* both nodes look into their CouchDB */

/* What people see before the steps. Nothing where each line is to be JSON. */
static void
say(const struct command_line *line, const char *text)
{
    if (!options_flag(line, "json"))
        fputs(text, stdout);
    fflush(stdout);
}

static struct slice
whole(const GString *text)
{
    return (struct slice){text->str, text->len};
}

/* ---- doing it ---- */

static gboolean
order(const struct command_line *line, const char *members, GError **error)
{
    guint64 after = 0;
    stop_watch();
    g_autoptr(GString) begun = failover_ask(line, "switch", members, ASK_SECONDS, error);
    if (begun == NULL)
        return FALSE;
    json_member_unsigned(whole(begun), "after", &after);
    return watch_steps(line, after, error);
}

/* ---- planned ---- */

static gboolean
look(const struct command_line *line, GError **error)
{
    guint problems = 0;
    g_autoptr(GString) found = failover_ask(line, "look", "", LOOK_SECONDS, error);
    if (found == NULL)
        return FALSE;
    g_autofree char *text = show_findings(whole(found), &problems);
    if (options_flag(line, "json"))
        printf("%s\n", g_strchomp(found->str));
    say(line, text);
    return problems == 0 ||
           fail_set(error, FAIL_FAILED,
                    "%u thing%s in the way of a planned switch\nhint: mend what is named; if the "
                    "active node is lost, `lifeboat failover --force` on the standby",
                    problems, problems == 1 ? " is" : "s are");
}

static gboolean
planned(const struct command_line *line, struct slice pair, GError **error)
{
    g_autofree char *active = show_active(pair);
    if (active == NULL)
        return fail_set(
            error, FAIL_FAILED,
            "no node is active, as far as this one knows\nhint: mend what `lifeboat status` "
            "tells, on both; where that cannot be, `lifeboat failover --force` on the "
            "node that is to serve");
    if (!look(line, error))
        return FALSE;
    if (options_flag(line, "dry-run")) {
        say(line, "a switch is possible now; nothing was changed\n");
        return TRUE;
    }
    g_autofree char *question = g_strdup_printf(
        "The clinic's server moves away from node %s. Clients wait for a few seconds, and go on.",
        active);
    if (!options_flag(line, "yes") &&
        !confirm(question, "yes", "--yes switches without asking", error))
        return FALSE;
    return order(line, "", error);
}

/* ---- by force ---- */

static char *
question_alone(const char *own)
{
    return g_strdup_printf(
        "Node %s serves from now on, as the only one, with what its CouchDB has.\n"
        "Where another server was in use since, what that one took in is missing here: pair the "
        "two instead (`lifeboat peer pair` there).",
        own);
}

static char *
question_forced(const char *own, struct slice pair, gboolean fenced)
{
    g_autofree char *followed = show_followed(pair);
    return g_strdup_printf(
        "Node %s takes over by force.\n"
        "This node %s.\n"
        "What the other node took in after that is missing until that node is back, and then "
        "brought in by itself.%s",
        own, followed != NULL ? followed : "does not know how far it had followed",
        fenced ? "\nYou say that the other node's power or network cable is cut: if it still "
                 "serves clients, two servers do."
               : "");
}

static gboolean
forced(const struct command_line *line, struct slice pair, GError **error)
{
    g_autofree char *own = tell_text(pair, "node"), *role = tell_text(pair, "role");
    const gboolean fenced = options_flag(line, "fenced");
    if (g_strcmp0(role, "active") == 0 || g_strcmp0(role, "alone") == 0)
        return fail_set(error, FAIL_USAGE,
                        "this node is the active one already\nhint: --force is for the standby");
    g_autofree char *question =
        show_is_paired(pair) ? question_forced(own, pair, fenced) : question_alone(own);
    if (options_flag(line, "dry-run"))
        return say(line, question), say(line, "\nnothing was changed\n"), TRUE;
    if (!options_flag(line, "yes") &&
        !confirm(question, own, "--yes takes over without asking", error))
        return FALSE;
    return order(line, fenced ? ",\"fenced\":true" : ",\"force\":true", error);
}

/* ---- the commands ---- */

static GString *
ask_pair(const struct command_line *line, GError **error)
{
    g_autoptr(GString) pair = failover_ask(line, "status", "", ASK_SECONDS, error);
    if (pair == NULL)
        return NULL;
    g_autofree char *text = show_pair(whole(pair));
    say(line, text);
    return g_steal_pointer(&pair);
}

static int
done(const struct command_line *line, const char *text)
{
    if (!options_flag(line, "dry-run"))
        say(line, text);
    return 0;
}

int
failover_command(const struct command_line *line, GError **error)
{
    const gboolean force = options_flag(line, "force") || options_flag(line, "fenced");
    g_autoptr(GString) pair = ask_pair(line, error);
    if (pair == NULL)
        return FAIL_FAILED;
    if (!(force ? forced : planned)(line, whole(pair), error))
        return FAIL_FAILED;
    return done(line, "the switch is done\n");
}

int
failback_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) pair = ask_pair(line, error);
    if (pair == NULL)
        return FAIL_FAILED;
    g_autofree char *home = tell_text(whole(pair), "home"), *active = show_active(whole(pair));
    if (active != NULL && g_strcmp0(home, active) == 0) {
        g_autofree char *text = g_strdup_printf(
            "node %s, the first [peer], is the active one: all is as it was\n", home);
        say(line, text);
        return 0;
    }
    if (!planned(line, whole(pair), error))
        return FAIL_FAILED;
    return done(line, "the switch back is done\n");
}

int
node_restored_command(const struct command_line *line, GError **error)
{
    if (!options_flag(line, "yes") &&
        !confirm(
            "If this node serves clients now, it stops: what it remembers of its role may be out "
            "of date, and it waits until it has heard from the other one.",
            "yes", "--yes does it without asking", error))
        return FAIL_FAILED;
    g_autoptr(GString) answer = failover_ask(line, "restored", "", ASK_SECONDS, error);
    if (answer == NULL)
        return FAIL_FAILED;
    puts("this node waits now: what its record said may be out of date. If the other node serves, "
         "it follows that one; else `lifeboat failover --force` here takes over");
    return 0;
}
