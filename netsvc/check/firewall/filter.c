#include "netsvc/check/firewall/filter.h"

#include "lib/json/json.h"
#include "netsvc/check/firewall/filter_match.h"

#define JUMPS_MAX 16 /* nested: nft itself allows so many */

enum outcome { GOES_ON, ACCEPTED, DROPPED, REJECTED };

struct walk {
    struct slice list; /* "nftables": [ … ] */
    const struct filter_packet *packet;
    const char *family, *table;
    gboolean perhaps_accepted, perhaps_dropped;
};

static enum outcome run_chain(struct walk *walk, const char *chain, guint depth);

/* ---- what a rule does ---- */

static char *
target_of(struct slice verdict)
{
    char *target = NULL;
    json_member_text(verdict, "target", &target);
    return target;
}

/* A verdict by its name; FALSE: it is none. *ends: the chain ends with it, though the packet goes
 * on in the one that jumped here. */
static gboolean
find_verdict(struct walk *walk, struct slice name, struct slice value, guint depth,
             enum outcome *outcome, gboolean *ends)
{
    *outcome = GOES_ON;
    *ends = FALSE;
    if (json_key_is(name, "accept")) {
        *outcome = ACCEPTED;
    } else if (json_key_is(name, "drop")) {
        *outcome = DROPPED;
    } else if (json_key_is(name, "reject")) {
        *outcome = REJECTED;
    } else if (json_key_is(name, "return")) {
        *ends = TRUE;
    } else if (json_key_is(name, "jump") || json_key_is(name, "goto")) {
        g_autofree char *target = target_of(value);
        *ends = json_key_is(name, "goto");
        if (target != NULL)
            *outcome = run_chain(walk, target, depth + 1);
    } else {
        return FALSE;
    }
    return TRUE;
}

/* {"vmap": {"key": …, "data": {"set": [[VALUE, {"accept": null}], …]}}} */
static enum match
find_in_map(struct walk *walk, struct slice map, guint depth, enum outcome *outcome, gboolean *ends)
{
    struct slice key, data, set, pair;
    enum match found = MATCH_NO;
    if (!json_member(map, "key", &key) || !json_member(map, "data", &data) ||
        !json_member(data, "set", &set) || json_type(set) != JSON_ARRAY)
        return MATCH_PERHAPS;
    for (gsize at = 0; found != MATCH_YES && json_next_element(set, &at, &pair);) {
        struct slice value, verdict, name, rest;
        gsize in_pair = 0, in_verdict = 0;
        if (json_type(pair) != JSON_ARRAY || !json_next_element(pair, &in_pair, &value) ||
            !json_next_element(pair, &in_pair, &verdict) || json_type(verdict) != JSON_OBJECT ||
            !json_next_member(verdict, &in_verdict, &name, &rest))
            return MATCH_PERHAPS;
        enum match one = filter_match(walk->packet, key, value);
        if (one == MATCH_NO)
            continue;
        found = one;
        if (!find_verdict(walk, name, rest, depth, outcome, ends))
            return MATCH_PERHAPS;
    }
    return found;
}

/* One rule. What is not sure is noted, and passed over. */
static enum outcome
run_rule(struct walk *walk, struct slice expressions, guint depth, gboolean *ends)
{
    struct slice each, name, value;
    enum match all = MATCH_YES;
    gboolean named = FALSE; /* it is about this port */
    *ends = FALSE;
    for (gsize at = 0; json_next_element(expressions, &at, &each);) {
        gsize first = 0;
        enum outcome outcome = GOES_ON;
        gboolean verdict = FALSE;
        if (json_type(each) != JSON_OBJECT || !json_next_member(each, &first, &name, &value))
            continue;
        if (json_key_is(name, "match")) {
            all = MIN(all, filter_match_rule(walk->packet, value, &named));
        } else if (json_key_is(name, "vmap")) {
            all = MIN(all, find_in_map(walk, value, depth, &outcome, ends));
            verdict = TRUE;
        } else if (json_key_is(name, "counter") || json_key_is(name, "log")) {
            continue;
        } else {
            verdict = find_verdict(walk, name, value, depth, &outcome, ends);
            if (!verdict)
                all = MIN(all, MATCH_PERHAPS); /* limit, xt, … */
        }
        if (all == MATCH_NO) {
            *ends = FALSE;
            return GOES_ON;
        }
        if (!verdict)
            continue;
        if (all == MATCH_YES)
            return outcome;
        walk->perhaps_accepted |= outcome == ACCEPTED;
        walk->perhaps_dropped |= named && outcome == DROPPED;
        *ends = FALSE;
    }
    return GOES_ON;
}

/* ---- chains ---- */

static gboolean
is(struct slice object, const char *name, const char *wanted)
{
    g_autofree char *text = NULL;
    return json_member_text(object, name, &text) && strcmp(text, wanted) == 0;
}

static enum outcome
run_chain(struct walk *walk, const char *chain, guint depth)
{
    struct slice each, rule, expressions;
    if (depth > JUMPS_MAX)
        return GOES_ON;
    for (gsize at = 0; json_next_element(walk->list, &at, &each);) {
        if (!json_member(each, "rule", &rule) || !is(rule, "chain", chain) ||
            !is(rule, "table", walk->table) || !is(rule, "family", walk->family) ||
            !json_member(rule, "expr", &expressions) || json_type(expressions) != JSON_ARRAY)
            continue;
        gboolean ends;
        enum outcome outcome = run_rule(walk, expressions, depth, &ends);
        if (outcome != GOES_ON || ends)
            return outcome;
    }
    return GOES_ON;
}

/* A base chain at the input hook. FALSE: it lets the packet pass. */
static gboolean
holds_back(struct slice list, struct slice chain, const struct filter_packet *packet,
           struct filter_answer *answer)
{
    g_autofree char *family = NULL, *table = NULL, *name = NULL;
    if (!json_member_text(chain, "family", &family) || !json_member_text(chain, "table", &table) ||
        !json_member_text(chain, "name", &name))
        return FALSE;
    struct walk walk = {.list = list, .packet = packet, .family = family, .table = table};
    enum outcome outcome = run_chain(&walk, name, 0);
    if (outcome == GOES_ON)
        outcome = is(chain, "policy", "drop") ? DROPPED : ACCEPTED;
    if (outcome == ACCEPTED && !walk.perhaps_dropped)
        return FALSE;
    answer->verdict = outcome == REJECTED ? FILTER_REJECTS : FILTER_DROPS;
    answer->perhaps = outcome == ACCEPTED || walk.perhaps_accepted;
    answer->table = g_strdup_printf("%s %s", family, table);
    answer->chain = g_steal_pointer(&name);
    return TRUE;
}

/* The first that surely holds it back; else the first that perhaps does. */
void
filter_judge(struct slice rules, const struct filter_packet *packet, struct filter_answer *answer)
{
    struct slice list, each, chain;
    *answer = (struct filter_answer){FILTER_ACCEPTS, FALSE, NULL, NULL};
    if (!json_member(rules, "nftables", &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize at = 0; json_next_element(list, &at, &each);) {
        struct filter_answer one = {FILTER_ACCEPTS, FALSE, NULL, NULL};
        if (!json_member(each, "chain", &chain) || !is(chain, "hook", "input") ||
            !(is(chain, "family", "inet") || is(chain, "family", "ip")) ||
            !holds_back(list, chain, packet, &one))
            continue;
        if (answer->table == NULL || (answer->perhaps && !one.perhaps)) {
            filter_answer_clear(answer);
            *answer = one;
        } else {
            filter_answer_clear(&one);
        }
    }
}

enum filter_tool
filter_tool(const struct filter_answer *answer)
{
    if (strstr(answer->table, "firewalld") != NULL)
        return FILTER_FIREWALLD;
    return strstr(answer->chain, "ufw") != NULL || strcmp(answer->table, "ip filter") == 0
               ? FILTER_IPTABLES
               : FILTER_NFT;
}

void
filter_answer_clear(struct filter_answer *answer)
{
    g_clear_pointer(&answer->table, g_free);
    g_clear_pointer(&answer->chain, g_free);
}
