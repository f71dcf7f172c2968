/* show: the side that shows the code and introduces. */
#include "netsvc/failover/link/pair/pair_inside.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"

#include <netdb.h>
#include <string.h>

enum phase {
    PROVES,   /* its PROOF is waited for */
    CALLED,   /* its addresses are called */
    WELCOMED, /* its DONE is waited for */
};

/* One that called. */
struct guest {
    struct show *show;
    struct session *session;
    struct event *limit;
    enum phase phase;
};

struct show {
    struct pair *pair;
    char code[CODE_SIZE];
    guint tries;               /* that are left from the other node's addresses */
    guint elsewhere;           /* … and from all others */
    char stranger[NI_MAXHOST]; /* where the last wrong one of those came from; "": none has */
    struct event *expiry;
    GQueue guests;        /* struct guest, the oldest first */
    struct guest *chosen; /* it knows the code */
    struct reach *reach;  /* … of its addresses */
    struct pair_reach here;
    struct wire_welcome welcome;
    guint32 waiter; /* task; 0: none */
};

/* ---- the end ---- */

static void
over(struct show *show)
{
    show->pair->show = NULL;
    show_free(show);
}

/* With who else has tried: it may be why. */
static void
fail(struct show *show, const char *why)
{
    g_autofree char *message = fail_message(why);
    const char *hint = fail_hint(why);
    pair_refuse(show->pair, show->waiter, "%s%s%s%s%s", message,
                *show->stranger != '\0' ? "; wrong codes came from " : "", show->stranger,
                hint != NULL ? "\nhint: " : "", hint != NULL ? hint : "");
    show->waiter = 0;
    over(show);
}

static void
on_expiry(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    fail(context, "the code is good no longer: nobody has come with it\nhint: ask for another "
                  "one: lifeboat peer pair");
}

/* ---- guests ---- */

static void
forget_chosen(struct show *show)
{
    reach_free(show->reach);
    show->reach = NULL;
    show->chosen = NULL;
}

static struct session *
let_go(struct guest *guest)
{
    struct session *session = guest->session;
    if (guest->show->chosen == guest)
        forget_chosen(guest->show);
    g_queue_remove(&guest->show->guests, guest);
    event_free(guest->limit);
    g_free(guest);
    return session;
}

static void
deny(struct guest *guest, enum pair_denial why)
{
    const guint8 reason = (guint8)why;
    struct link *link = guest->show->pair->link;
    struct session *session = let_go(guest);
    session_send(session, WIRE_DENIED, &reason, sizeof reason);
    link_let_leave(link, session);
}

static void
on_limit(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    session_free(let_go(context));
}

static void
limit(struct guest *guest)
{
    static const struct timeval time = {PAIR_GUEST_MS / 1000, 0};
    event_add(guest->limit, &time);
}

/* ---- what they say ---- */

static gboolean
prove(const struct guest *guest, const struct wire_welcome *welcome, guint8 proof[WIRE_PROOF_SIZE])
{
    const struct identity *own = guest->show->pair->link->identity;
    const struct code_party joiner = {session_hello(guest->session)->id,
                                      session_pin(guest->session)};
    const struct code_party shower = {own->id, own->pin};
    return code_prove(guest->show->code, guest->session, &joiner, &shower, welcome, proof);
}

static void
on_reached(void *context, const struct reach_result *result)
{
    struct show *show = context;
    struct guest *guest = show->chosen;
    const struct pairing *before = &show->pair->link->pairing;
    guint8 packet[WIRE_WELCOME_SIZE];
    pair_reach_set(&show->here, result);
    reach_free(show->reach);
    show->reach = NULL;
    show->welcome = (struct wire_welcome){.parity = 1};
    if (*before->cluster != '\0') {
        memcpy(show->welcome.cluster, before->cluster, IDENTITY_ID_SIZE);
        show->welcome.parity = 1 - before->parity;
    } else {
        identity_random_id(show->welcome.cluster);
    }
    memcpy(show->welcome.reached, show->here.reached, sizeof show->welcome.reached);
    if (!prove(guest, &show->welcome, show->welcome.proof)) {
        deny(guest, PAIR_FAILED);
        return;
    }
    wire_write_welcome(&show->welcome, packet);
    session_send(guest->session, WIRE_WELCOME, packet, sizeof packet);
    guest->phase = WELCOMED;
    limit(guest);
}

/* Whether it calls from one of the other node's addresses; else `text` is where from. */
static gboolean
is_from_other(const struct guest *guest, char text[NI_MAXHOST])
{
    struct sockaddr_storage address;
    const struct config *config = guest->show->pair->link->config;
    g_strlcpy(text, "an unknown address", NI_MAXHOST);
    if (!session_address(guest->session, &address))
        return FALSE;
    getnameinfo((const struct sockaddr *)&address, sizeof address, text, NI_MAXHOST, NULL, 0,
                NI_NUMERICHOST);
    return door_knows(config->other->addresses, &address);
}

static void
wrong(struct guest *guest, gboolean from_other, const char *from)
{
    struct show *show = guest->show;
    log_warning("failover: somebody at %s gave a wrong code for pairing", from);
    deny(guest, PAIR_WRONG);
    if (!from_other) {
        show->elsewhere--;
        g_strlcpy(show->stranger, from, sizeof show->stranger);
    } else if (--show->tries == 0) {
        fail(show, "a wrong code was typed on the other node too often: it is good no "
                   "longer\nhint: ask for another one: lifeboat peer pair");
    }
}

static void
proved(struct guest *guest, const guint8 *data)
{
    struct show *show = guest->show;
    const struct link *link = show->pair->link;
    guint8 proof[WIRE_PROOF_SIZE];
    char from[NI_MAXHOST];
    const gboolean from_other = is_from_other(guest, from);
    if (!from_other && show->elsewhere == 0) {
        deny(guest, PAIR_BARRED);
    } else if (!prove(guest, NULL, proof) || !code_is_same(proof, data)) {
        wrong(guest, from_other, from);
    } else if (strcmp(session_hello(guest->session)->name, link->config->other->name) != 0) {
        deny(guest, PAIR_NAME);
    } else if (show->chosen != NULL) {
        deny(guest, PAIR_BUSY);
    } else {
        show->chosen = guest;
        guest->phase = CALLED;
        limit(guest);
        show->reach = reach_new(&link->world, link->config->other->addresses, WIRE_PROBE,
                                session_pin(guest->session), on_reached, show);
    }
}

/* ---- paired ---- */

static void
agree(const struct guest *guest, struct pairing *pairing)
{
    const struct wire_welcome *welcome = &guest->show->welcome;
    pairing_revoke(pairing);
    pairing_pardon(pairing, session_pin(guest->session));
    memcpy(pairing->cluster, welcome->cluster, sizeof pairing->cluster);
    memcpy(pairing->peer, session_hello(guest->session)->id, sizeof pairing->peer);
    memcpy(pairing->pin, session_pin(guest->session), sizeof pairing->pin);
    pairing->parity = 1 - welcome->parity;
    pairing->first = TRUE;
    pairing->met = pairing->replaced = FALSE;
}

static void
report(struct show *show, const guint8 *data)
{
    gboolean reached[WIRE_PATHS];
    struct pair_reach there = {0};
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < WIRE_PATHS; i++)
        reached[i] = data[i] != 0;
    pair_reach_read(&there, reached);
    pair_report(show->pair, &show->here, &there, out);
    pair_reach_clear(&there);
    pair_answer(show->pair, show->waiter, out);
    show->waiter = 0;
}

static void
finish(struct guest *guest, const guint8 *data)
{
    struct show *show = guest->show;
    struct link *link = show->pair->link;
    struct pairing pairing = link->pairing;
    g_autoptr(GError) error = NULL;
    agree(guest, &pairing);
    if (!link_pair_with(link, &pairing, &error)) {
        deny(guest, PAIR_FAILED);
        fail(show, error->message);
        return;
    }
    session_send(guest->session, WIRE_DONE, NULL, 0);
    link_let_leave(link, let_go(guest));
    report(show, data);
    over(show);
}

static void
on_take(void *context, struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    struct guest *guest = context;
    (void)session;
    if (kind == WIRE_PROOF && size == WIRE_PROOF_SIZE && guest->phase == PROVES)
        proved(guest, data);
    else if (kind == WIRE_DONE && size == WIRE_PATHS && guest->phase == WELCOMED)
        finish(guest, data);
    else
        session_free(let_go(guest));
}

static void
on_gone(void *context, struct session *session, const char *why)
{
    (void)session;
    (void)why;
    session_free(let_go(context));
}

/* ---- the whole ---- */

/* Not the one that has proved itself. */
static void
make_room(struct show *show)
{
    struct guest *oldest = NULL;
    if (show->guests.length < PAIR_GUESTS_MAX)
        return;
    for (GList *each = show->guests.tail; each != NULL; each = each->prev)
        if (each->data != show->chosen)
            oldest = each->data;
    if (oldest != NULL)
        session_free(let_go(oldest));
}

void
show_take(struct show *show, struct session *session)
{
    struct guest *guest = g_new0(struct guest, 1);
    const struct session_ears ears = {.take = on_take, .gone = on_gone, .context = guest};
    make_room(show);
    guest->show = show;
    guest->session = session;
    guest->limit = evtimer_new(show->pair->link->world.events, on_limit, guest);
    limit(guest);
    session_set_ears(session, &ears);
    g_queue_push_tail(&show->guests, guest);
    session_greet(session, WIRE_PAIR);
}

struct show *
show_new(struct pair *pair, guint seconds)
{
    struct show *show = g_new0(struct show, 1);
    const struct timeval time = {(time_t)seconds, 0};
    show->pair = pair;
    show->tries = show->elsewhere = PAIR_TRIES;
    g_queue_init(&show->guests);
    code_random(show->code);
    show->expiry = evtimer_new(pair->link->world.events, on_expiry, show);
    event_add(show->expiry, &time);
    return show;
}

void
show_free(struct show *show)
{
    if (show == NULL)
        return;
    if (show->waiter != 0)
        pair_refuse(show->pair, show->waiter, "it was given up, or begun anew elsewhere");
    while (!g_queue_is_empty(&show->guests))
        session_free(let_go(g_queue_peek_head(&show->guests)));
    event_free(show->expiry);
    pair_reach_clear(&show->here);
    explicit_bzero(show->code, sizeof show->code);
    g_free(show);
}

const char *
show_code(const struct show *show)
{
    return show->code;
}

void
show_wait(struct show *show, guint32 number)
{
    if (show->waiter != 0)
        pair_refuse(show->pair, show->waiter, "it is waited for elsewhere now");
    show->waiter = number;
}
