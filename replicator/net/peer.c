#include "replicator/net/peer.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/confirm.h"
#include "replicator/failover/ask.h"
#include "replicator/net/own_data.h"
#include "replicator/tell.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200 /* between looks whether Ctrl-C was pressed */
#define JOIN_SECONDS 60

static struct slice
whole(const GString *text)
{
    return (struct slice){text->str, text->len};
}

/* For who has not told the nodes of each other yet. */
static GString *
ask(const struct command_line *line, const char *what, const char *members, guint seconds,
    GError **error)
{
    GString *answer = failover_ask(line, what, members, seconds, error);
    if (answer == NULL && error != NULL && strstr((*error)->message, "is not served") != NULL)
        fail_add_hint(error, "the configuration needs [peer a] and [peer b], the same two on both "
                             "nodes; then `lifeboat net reload`");
    return answer;
}

/* ---- what came of it ---- */

static void
show_unreached(struct slice each)
{
    g_autofree char *from = tell_text(each, "from"), *to = tell_text(each, "to"),
                    *why = tell_text(each, "why");
    fprintf(stderr, "warning: %s does not get through to %s%s%s\n", from != NULL ? from : "?",
            to != NULL ? to : "?", why != NULL ? ": " : "", why != NULL ? why : "");
}

/* Whether each node reaches all addresses of the other one. */
static gboolean
show_reach(struct slice answer)
{
    struct slice list, each;
    guint n = 0;
    if (!json_member(answer, "unreached", &list) || json_type(list) != JSON_ARRAY)
        return TRUE;
    for (gsize place = 0; json_next_element(list, &place, &each); n++)
        show_unreached(each);
    if (n > 0)
        fprintf(
            stderr,
            "hint: let that port in (TCP) at the firewall of the one that is called, "
            "and see that the cable is in: `lifeboat-netsvc check-config` there tells more. The "
            "nodes go on trying.\n");
    return n == 0;
}

static int
report(const GString *answer)
{
    g_autofree char *name = tell_text(whole(answer), "name");
    printf("this node is paired with '%s'\n", name != NULL ? name : "?");
    fflush(stdout);
    return show_reach(whole(answer)) ? 0 : FAIL_INCOMPLETE;
}

/* ---- the side that shows a code ---- */

static void
take_back(const struct command_line *line, const char *what)
{
    g_autoptr(GString) answer = failover_ask(line, what, ",\"cancel\":true", ASK_SECONDS, NULL);
    if (answer != NULL)
        fprintf(stderr, "\nthe code is good no longer; nothing was changed\n");
}

/* The answer to the question that waits; Ctrl-C takes the code back. */
static GString *
wait_for_end(const struct command_line *line, const char *what, guint seconds, GError **error)
{
    const char *socket = options_string(line, "net-control");
    g_autofree char *request = g_strdup_printf("{\"ask\":\"failover/%s\",\"wait\":true}", what);
    AUTO_FD int fd = ask_begin(ASK_NETSVC, socket, request, seconds, error);
    if (fd < 0)
        return NULL;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (poll(&readable, 1, LOOK_MS) <= 0)
        if (stop_requested()) {
            take_back(line, what);
            stop_check(error);
            return NULL;
        }
    return ask_end(fd, ASK_NETSVC, socket, error);
}

static void
show_code(struct slice answer)
{
    guint64 seconds = 0, tries = 0;
    g_autofree char *code = tell_text(answer, "code"), *other = tell_text(answer, "other");
    json_member_unsigned(answer, "seconds", &seconds);
    json_member_unsigned(answer, "tries", &tries);
    printf(
        "On node '%s', as root, type:\n\n    lifeboat peer pair %s\n\n"
        "It is good once, for %" G_GUINT64_FORMAT " minutes and %" G_GUINT64_FORMAT
        " tries. A node that has data of its own says so first.\nwaiting; Ctrl-C takes it back …\n",
        other != NULL ? other : "?", code != NULL ? code : "?", seconds / 60, tries);
    fflush(stdout);
}

static int
show(const struct command_line *line, const char *what, GError **error)
{
    guint64 seconds = 0;
    stop_watch();
    g_autoptr(GString) begun = ask(line, what, "", ASK_SECONDS, error);
    if (begun == NULL)
        return FAIL_FAILED;
    json_member_unsigned(whole(begun), "seconds", &seconds);
    show_code(whole(begun));
    g_autoptr(GString) answer =
        wait_for_end(line, what, (guint)MIN(seconds, 3600) + ASK_SECONDS, error);
    return answer != NULL ? report(answer) : FAIL_FAILED;
}

/* ---- the side that is given it ---- */

/* A CouchDB that cannot be used yet is told, and in nobody's way: the link needs none. */
static gboolean
may_join(const struct command_line *line, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    g_autofree char *data = own_data_find(line, &trouble);
    if (trouble != NULL) {
        g_autofree char *message = fail_message(trouble->message);
        log_warning("this node's CouchDB cannot be used yet: %s", message);
    }
    return data == NULL ||
           fail_set(error, FAIL_USAGE,
                    "this node's CouchDB has data of its own: %s\nhint: if that is to stay, show "
                    "the code here and type it on the other node; else delete these databases, "
                    "since they would be mixed with the other node's; --discard pairs all the same",
                    data);
}

static int
join(const struct command_line *line, const char *code, GError **error)
{
    if (!options_flag(line, "discard") && !may_join(line, error))
        return FAIL_USAGE;
    g_autoptr(GString) members = g_string_new(",\"code\":");
    json_append_string(members, slice_of(code));
    if (options_flag(line, "discard"))
        g_string_append(members, ",\"discard\":true");
    printf("calling the other node …\n");
    fflush(stdout);
    g_autoptr(GString) answer = ask(line, "pair", members->str, JOIN_SECONDS, error);
    return answer != NULL ? report(answer) : FAIL_FAILED;
}

/* ---- the commands ---- */

int
peer_pair_command(const struct command_line *line, GError **error)
{
    const char *code = command_argument(line, "CODE");
    if (code != NULL)
        return join(line, code, error);
    if (!options_flag(line, "discard"))
        return show(line, "pair", error);
    fail_set(error, FAIL_USAGE,
             "--discard goes with a CODE\nhint: it is said on the node that joins and gives up "
             "what it has");
    return FAIL_USAGE;
}

int
peer_replace_command(const struct command_line *line, GError **error)
{
    return show(line, "replace", error);
}

int
peer_forget_command(const struct command_line *line, GError **error)
{
    static const char question[] =
        "This node is alone from then on, and serves. The other one is told so when it calls, and "
        "serves nothing until it is paired again.";
    if (!options_flag(line, "yes") &&
        !confirm(question, "yes", "--yes parts them without asking", error))
        return FAIL_FAILED;
    g_autoptr(GString) answer = failover_ask(line, "forget", "", ASK_SECONDS, error);
    if (answer == NULL)
        return FAIL_FAILED;
    printf("this node is alone now\n");
    return 0;
}
