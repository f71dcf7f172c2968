#include "replicator/failover/show.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/tell.h"

#include <string.h>

#define LATE_SECONDS 120 /* that a standby has heard nothing of the other's CouchDB */

/* ---- who is what ---- */

static gboolean
is_serving(const char *role)
{
    return g_strcmp0(role, "active") == 0 || g_strcmp0(role, "alone") == 0;
}

/* What the other node told of itself last; FALSE: nothing. */
static gboolean
told_of(struct slice pair, struct slice *other, struct slice *told)
{
    return json_member(pair, "other", other) && json_member(*other, "told", told) &&
           json_type(*told) == JSON_OBJECT;
}

static gboolean
is_connected(struct slice pair)
{
    struct slice link;
    return json_member(pair, "link", &link) && json_member_true(link, "connected");
}

gboolean
show_is_paired(struct slice pair)
{
    struct slice link;
    return json_member(pair, "link", &link) && json_member_true(link, "paired");
}

char *
show_active(struct slice pair)
{
    struct slice other, told;
    g_autofree char *own = tell_text(pair, "role");
    if (is_serving(own) || g_strcmp0(own, "switching") == 0)
        return tell_text(pair, "node");
    if (!told_of(pair, &other, &told))
        return NULL;
    g_autofree char *role = tell_text(told, "role");
    return is_serving(role) || g_strcmp0(role, "switching") == 0 ? tell_text(other, "node") : NULL;
}

/* ---- how far the standby is ---- */

static void
append_lag(GString *out, struct slice replicator)
{
    struct slice lag;
    guint64 seconds = 0, changes = 0, databases = 0;
    if (!json_member(replicator, "lag", &lag) || json_type(lag) != JSON_OBJECT)
        return;
    const gboolean known = json_member_unsigned(lag, "seconds", &seconds);
    json_member_unsigned(lag, "changes", &changes);
    json_member_unsigned(lag, "databases", &databases);
    g_autofree char *missing = tell_changes(lag, "changes", "counted");
    gint64 contact = json_member_time(lag, "contact");
    const gboolean late =
        contact > 0 && g_get_real_time() / G_USEC_PER_SEC - contact > LATE_SECONDS;
    if (!known)
        g_string_append(out, "does not know yet how far it is");
    else if (seconds == 0 && changes == 0 && databases == 0)
        g_string_append(out, late ? "has all that it knows of" : "has all");
    else
        g_string_append_printf(
            out, "is %" G_GUINT64_FORMAT " s behind: %s in %" G_GUINT64_FORMAT " database%s",
            seconds, missing, databases, databases == 1 ? "" : "s");
    g_autofree char *when = contact > 0 ? tell_time(contact) : NULL;
    if (when != NULL)
        g_string_append_printf(out, "; heard of the other's CouchDB %s", when);
}

/* Of the node that follows, or is to; FALSE: it has not told. */
static gboolean
find_follower(struct slice pair, struct slice *replicator)
{
    struct slice other, told;
    g_autofree char *own = tell_text(pair, "role");
    return !is_serving(own)
               ? json_member(pair, "replicator", replicator)
               : told_of(pair, &other, &told) && json_member(told, "replicator", replicator);
}

/* Why it does not follow; NULL: it does. */
static char *
find_hindrance(struct slice pair)
{
    struct slice replicator, lag;
    return find_follower(pair, &replicator) && json_member(replicator, "lag", &lag) &&
                   json_type(lag) == JSON_OBJECT
               ? tell_text(lag, "trouble")
               : NULL;
}

char *
show_followed(struct slice pair)
{
    struct slice replicator;
    g_autoptr(GString) out = g_string_new(NULL);
    if (find_follower(pair, &replicator))
        append_lag(out, replicator);
    return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

/* ---- the pair ---- */

static void
append_role(GString *out, const char *node, const char *role, const char *more)
{
    static const struct {
        const char *role, *text;
    } texts[] = {
        {"active", "ACTIVE: clients talk to it"},
        {"alone", "ACTIVE: it is not paired"},
        {"switching", "switching: serves nobody for the moment"},
        {"standby", "standby: it follows, and can take over"},
        {"waiting", "WAITING: it serves nobody"},
    };
    const char *text = role != NULL ? role : "unknown";
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        if (g_strcmp0(role, texts[i].role) == 0)
            text = texts[i].text;
    g_string_append_printf(out, "  node %-6s  %s%s\n", node, text, more);
}

static void
append_other(GString *out, struct slice pair, const char *own)
{
    struct slice other, told;
    g_autofree char *name = json_member(pair, "other", &other) ? tell_text(other, "node") : NULL;
    if (!show_is_paired(pair)) {
        g_string_append(out, g_strcmp0(own, "waiting") != 0
                                 ? "  pair         NOT PAIRED: `lifeboat peer pair` here shows a "
                                   "code to type on the other node\n"
                                 : "  pair         NOT PAIRED: `lifeboat peer pair` on the node "
                                   "that is in use shows what to type here\n");
        return;
    }
    if (!is_connected(pair) || !told_of(pair, &other, &told)) {
        g_string_append_printf(
            out, "  node %-6s  NOT REACHED: see that it is on and its cables are in%s\n", name,
            g_strcmp0(own, "standby") != 0 ? ""
                                           : "; if it is lost, `lifeboat failover --force` "
                                             "here takes over");
        return;
    }
    g_autofree char *role = tell_text(told, "role"), *trouble = tell_text(told, "trouble");
    append_role(out, name, role, "");
    if (trouble != NULL)
        g_string_append_printf(out, "  ALERT        node %s: %s\n", name, trouble);
}

static void
append_switch(GString *out, struct slice pair)
{
    struct slice last;
    if (!json_member(pair, "switch", &last))
        return;
    g_autofree char *order = tell_text(last, "order"), *failed = tell_text(last, "failed");
    gint64 ended = json_member_time(last, "ended");
    g_autofree char *when = ended > 0 ? tell_time(ended) : NULL;
    if (json_member_true(last, "goes_on"))
        g_string_append(out, "  now          a switch is under way\n");
    else if (order != NULL && when != NULL)
        g_string_append_printf(out, "  last %-6s  %s: %s%s\n", order, when,
                               failed != NULL ? "FAILED: " : "done", failed != NULL ? failed : "");
}

char *
show_pair(struct slice pair)
{
    GString *out = g_string_new(NULL);
    guint64 term = 0;
    g_autofree char *node = tell_text(pair, "node"), *role = tell_text(pair, "role");
    g_autofree char *trouble = tell_text(pair, "trouble"), *followed = show_followed(pair);
    g_autofree char *hindrance = find_hindrance(pair);
    gint64 since = json_member_time(pair, "since");
    g_autofree char *when = since > 0 ? tell_time(since) : g_strdup("?");
    g_autofree char *more = g_strdup_printf(" (this node, since %s)", when);
    json_member_unsigned(pair, "term", &term);
    g_string_append_printf(out, "pair: term %" G_GUINT64_FORMAT "\n", term);
    append_role(out, node, role, more);
    if (trouble != NULL)
        g_string_append_printf(out, "  ALERT        %s\n", trouble);
    append_other(out, pair, role);
    if (followed != NULL)
        g_string_append_printf(out, "  standby      %s\n", followed);
    if (hindrance != NULL && is_connected(pair))
        g_string_append_printf(out,
                               "  ALERT        the standby cannot follow; see that CouchDB runs on "
                               "both nodes (%s)\n",
                               hindrance);
    if (json_member_true(pair, "unmerged"))
        g_string_append(out, "  NOT MERGED   the other node may have what this one has not: start "
                             "it, it is brought in by itself\n");
    append_switch(out, pair);
    return g_string_free(out, FALSE);
}

static gboolean
is_troubled(struct slice pair)
{
    struct slice other, told;
    g_autofree char *own = tell_text(pair, "trouble");
    g_autofree char *its = told_of(pair, &other, &told) ? tell_text(told, "trouble") : NULL;
    g_autofree char *hindrance = find_hindrance(pair);
    return own != NULL || its != NULL || hindrance != NULL;
}

int
show_judge(struct slice pair)
{
    g_autofree char *role = tell_text(pair, "role");
    return is_troubled(pair) || g_strcmp0(role, "waiting") == 0 || !is_connected(pair) ||
                   json_member_true(pair, "unmerged")
               ? FAIL_FAILED
               : 0;
}

/* ---- what was found ---- */

static void
append_texts(GString *out, struct slice findings, const char *name, const char *node,
             const char *word, guint *count)
{
    struct slice list, each;
    if (!json_member(findings, name, &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize place = 0; json_next_element(list, &place, &each);) {
        g_autofree char *member = g_strdup_printf("{\"text\":" SLICE_FORMAT "}", SLICE_ARGS(each));
        g_autofree char *text = tell_text(slice_of(member), "text");
        g_string_append_printf(out, "  %-12s node %s: %s\n", word, node, text != NULL ? text : "?");
        if (count != NULL)
            (*count)++;
    }
}

/* Why it could not be looked: an error's message, with its hint. */
static gboolean
append_failure(GString *out, struct slice entry, const char *node)
{
    g_autofree char *text = NULL;
    if (!json_member_text(entry, "failed", &text))
        return FALSE;
    g_autofree char *message = fail_message(text), *line = fail_line(message, fail_hint(text));
    g_autofree char *shown = log_escape(line);
    g_string_append_printf(out, "  PROBLEM      node %s: %s\n", node, shown);
    return TRUE;
}

/* How many problems there are; `whole`: notes, too, and that a node has none. */
static guint
append_node(GString *out, struct slice entry, gboolean whole)
{
    struct slice findings;
    g_autofree char *node = tell_text(entry, "node");
    guint problems = append_failure(out, entry, node);
    if (json_member(entry, "findings", &findings)) {
        append_texts(out, findings, "problems", node, "PROBLEM", &problems);
        if (whole)
            append_texts(out, findings, "notes", node, "note", NULL);
    }
    if (problems == 0 && whole)
        g_string_append_printf(out, "  ok           node %s is ready\n", node);
    return problems;
}

static guint
append_findings(GString *out, struct slice answer, gboolean whole)
{
    struct slice list, each;
    g_autofree char *refused = tell_text(answer, "refused");
    g_autofree char *unlike = tell_text(answer, "unlike");
    guint problems = refused != NULL;
    if (refused != NULL)
        g_string_append_printf(out, "  PROBLEM      %s\n", refused);
    if (unlike != NULL && whole)
        g_string_append_printf(out, "  note         the two nodes have different settings in %s\n",
                               unlike);
    if (json_member(answer, "nodes", &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each);)
            problems += append_node(out, each, whole);
    return problems;
}

char *
show_findings(struct slice answer, guint *problems)
{
    GString *out = g_string_new(NULL);
    *problems = append_findings(out, answer, TRUE);
    return g_string_free(out, FALSE);
}

char *
show_look(struct slice pair)
{
    struct slice look;
    if (!json_member(pair, "look", &look) || json_type(look) != JSON_OBJECT)
        return g_strdup("");
    g_autoptr(GString) problems = g_string_new(NULL);
    const gboolean possible = append_findings(problems, look, FALSE) == 0;
    g_autofree char *when = tell_time(json_member_time(pair, "looked"));
    return g_strdup_printf("  switch now   %s, %s\n%s", possible ? "possible" : "NOT POSSIBLE",
                           when, problems->str);
}
