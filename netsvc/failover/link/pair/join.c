/* join: the side that was given the code. */
#include "netsvc/failover/link/pair/pair_inside.h"

#include <string.h>

struct join {
    struct pair *pair;
    char code[CODE_SIZE];
    guint32 number; /* of the task */
    struct event *limit;
    struct reach *reach;
    struct session *session;
    struct pair_reach here, there;
    gboolean kept; /* it is paired; the other node's last word is waited for */
};

/* ---- the end ---- */

static void
over(struct join *join)
{
    join->pair->join = NULL;
    join_free(join);
}

static void
fail(struct join *join, const char *why)
{
    pair_refuse(join->pair, join->number, "%s", why);
    join->number = 0;
    over(join);
}

static void
on_limit(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    fail(context, "the other node takes too long\nhint: begin anew on both: lifeboat peer pair");
}

/* ---- what the other one says ---- */

static gboolean
prove(struct join *join, const struct wire_welcome *welcome, guint8 proof[WIRE_PROOF_SIZE])
{
    const struct identity *own = join->pair->link->identity;
    const struct code_party joiner = {own->id, own->pin};
    const struct code_party shower = {session_hello(join->session)->id, session_pin(join->session)};
    return code_prove(join->code, join->session, &joiner, &shower, welcome, proof);
}

static gboolean
keep(struct join *join, const struct wire_welcome *welcome, GError **error)
{
    struct link *link = join->pair->link;
    struct pairing pairing = {.parity = welcome->parity};
    memcpy(pairing.cluster, welcome->cluster, sizeof pairing.cluster);
    memcpy(pairing.peer, session_hello(join->session)->id, sizeof pairing.peer);
    memcpy(pairing.pin, session_pin(join->session), sizeof pairing.pin);
    return link_pair_with(link, &pairing, error);
}

static void
take_welcome(struct join *join, const guint8 *data, gsize size)
{
    struct wire_welcome welcome;
    guint8 proof[WIRE_PROOF_SIZE], reached[WIRE_PATHS];
    g_autoptr(GError) error = NULL;
    if (!wire_read_welcome(data, size, &welcome) || !prove(join, &welcome, proof) ||
        !code_is_same(proof, welcome.proof)) {
        fail(join, "who answers there does not know the code: it is not the other node");
        return;
    }
    pair_reach_read(&join->there, welcome.reached);
    if (!keep(join, &welcome, &error)) {
        fail(join, error->message);
        return;
    }
    join->kept = TRUE;
    for (guint i = 0; i < WIRE_PATHS; i++)
        reached[i] = join->here.reached[i] ? 1 : 0;
    session_send(join->session, WIRE_DONE, reached, sizeof reached);
}

static void
take_denied(struct join *join, const guint8 *data, gsize size)
{
    static const char names[] =
        "the two nodes' names do not fit\nhint: the [peer] sections are to be the same on both "
        "nodes; `[node] name` says which of them a node is";
    static const char barred[] =
        "somebody gave the other node wrong codes, and it hears only this node's addresses in "
        "[peer] now, of which this is none\nhint: correct `addresses` in the [peer] section of "
        "this "
        "node, on both; then begin anew there: lifeboat peer pair";
    static const char *const texts[] = {
        [PAIR_WRONG] = "that is not the code that the other node shows",
        [PAIR_NAME] = names,
        [PAIR_BUSY] = "another node is being paired there",
        [PAIR_FAILED] = "the other node could not do it; it says why",
        [PAIR_BARRED] = barred,
    };
    fail(join, size == 1 && data[0] < PAIR_DENIALS ? texts[data[0]] : "the other node refuses");
}

static void
report(struct join *join)
{
    g_autoptr(GString) out = g_string_new(NULL);
    pair_report(join->pair, &join->here, &join->there, out);
    pair_answer(join->pair, join->number, out);
    join->number = 0;
    over(join);
}

static void
on_take(void *context, struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    struct join *join = context;
    (void)session;
    if (kind == WIRE_WELCOME && !join->kept)
        take_welcome(join, data, size);
    else if (kind == WIRE_DENIED)
        take_denied(join, data, size);
    else if (kind == WIRE_DONE && join->kept)
        report(join);
    else
        fail(join, "the other node speaks no language of ours");
}

static void
on_gone(void *context, struct session *session, const char *why)
{
    struct join *join = context;
    (void)session;
    (void)why;
    fail(join, join->kept
                   ? "the other node hung up before its last word: it may not know of the pair\n"
                     "hint: `lifeboat status` tells whether they are connected; else begin anew on "
                     "both: lifeboat peer pair"
                   : "the other node hung up\nhint: begin anew on both: lifeboat peer pair");
}

/* ---- the calls ---- */

static void
fail_to_reach(struct join *join)
{
    g_autoptr(GString) text = g_string_new("the other node cannot be reached");
    const GArray *other = join->pair->link->config->other->addresses;
    for (guint i = 0; i < MIN(other->len, WIRE_PATHS); i++) {
        g_string_append(text, i == 0 ? " at " : ", nor at ");
        link_append_address(text, &g_array_index(other, struct config_peer, i));
        g_string_append_printf(text, " (%s)",
                               join->here.why[i] != NULL ? join->here.why[i] : "it hung up");
    }
    g_string_append(text, "\nhint: `lifeboat peer pair` must wait there, and its firewall let that "
                          "port in (TCP)");
    fail(join, text->str);
}

static void
on_reached(void *context, const struct reach_result *result)
{
    struct join *join = context;
    const struct session_ears ears = {.take = on_take, .gone = on_gone, .context = join};
    guint8 proof[WIRE_PROOF_SIZE];
    join->session = result->session;
    pair_reach_set(&join->here, result);
    reach_free(join->reach);
    join->reach = NULL;
    if (join->session == NULL) {
        fail_to_reach(join);
        return;
    }
    session_set_ears(join->session, &ears);
    if (prove(join, NULL, proof))
        session_send(join->session, WIRE_PROOF, proof, sizeof proof);
}

/* ---- the whole ---- */

struct join *
join_new(struct pair *pair, const char code[CODE_SIZE], guint32 number)
{
    static const struct timeval time = {PAIR_JOIN_MS / 1000, 0};
    const struct link *link = pair->link;
    struct join *join = g_new0(struct join, 1);
    join->pair = pair;
    join->number = number;
    memcpy(join->code, code, CODE_SIZE);
    join->limit = evtimer_new(link->world.events, on_limit, join);
    event_add(join->limit, &time);
    join->reach =
        reach_new(&link->world, link->config->other->addresses, WIRE_PAIR, NULL, on_reached, join);
    return join;
}

void
join_free(struct join *join)
{
    if (join == NULL)
        return;
    if (join->number != 0)
        pair_refuse(join->pair, join->number, "it was begun anew elsewhere");
    reach_free(join->reach);
    session_free(join->session);
    event_free(join->limit);
    pair_reach_clear(&join->here);
    pair_reach_clear(&join->there);
    explicit_bzero(join->code, sizeof join->code);
    g_free(join);
}

gboolean
join_expects(const struct join *join, const guint8 pin[IDENTITY_PIN_SIZE])
{
    return join->session != NULL && memcmp(session_pin(join->session), pin, IDENTITY_PIN_SIZE) == 0;
}
