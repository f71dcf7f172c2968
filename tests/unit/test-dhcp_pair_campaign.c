/*
 * The pair, at random: clients join, renew, move and leave while the link is cut and mended,
 * messages get lost, nodes lose their power or their disks, and a person switches, with and without
 * force. Whatever happens, no address is two clients' at once, and what both nodes had when a
 * client was told outlives the loss of one of them. The seed is printed; --seed runs it again.
 */
#include "tests/unit/dhcp_pair.h"

#include <unistd.h>

#define ROUNDS 5
#define STEPS 600

/* What a node's record says (netsvc/failover/protocol); it outlives power cuts. */
struct record {
    guint64 term;
    gboolean holds, forced;
};

struct site {
    struct lan *lan;
    struct record records[2];
    gboolean met; /* both roles are settled since they can talk */
    guint switches, forces, cuts, losses;
};

static gboolean
chance(guint of_a_thousand)
{
    return g_test_rand_int_range(0, 1000) < (gint)of_a_thousand;
}

static struct node *
node_at(const struct site *site, guint place)
{
    return &site->lan->nodes[place];
}

static gboolean
is_up(const struct site *site, guint place)
{
    return node_at(site, place)->clinic != NULL;
}

static gboolean
is_linked(const struct site *site)
{
    return !site->lan->cut && is_up(site, 0) && is_up(site, 1);
}

/* ---- roles ---- */

static void
tell(struct site *site, guint place, guint32 role)
{
    struct node *node = node_at(site, place);
    node->state.forced = site->records[place].forced;
    node_tell(node, role, site->records[place].term);
}

/* The holder of the highest term is active, and the other one learns that. */
static void
meet(struct site *site)
{
    struct record *records = site->records;
    guint holder = records[1].term > records[0].term ? 1 : 0;
    if (!records[holder].holds)
        return; /* granted, or nobody's: people decide */
    records[1 - holder] = (struct record){.term = records[holder].term};
    records[holder].forced = FALSE;
    site->met = TRUE;
    tell(site, 1 - holder, TASK_STANDBY);
    tell(site, holder, TASK_ACTIVE);
}

/* The record alone. */
static void
resume(struct site *site, guint place)
{
    if (is_up(site, place) && site->records[place].holds &&
        node_at(site, place)->state.role == TASK_WAIT && !is_linked(site))
        tell(site, place, TASK_ACTIVE);
}

static guint64
next_term(guint64 above, guint place)
{
    return above + 1 + ((above + 1) % 2 != place);
}

/* What both nodes had is not lost with one of them. */
static void
check_worded(const struct site *site, guint place)
{
    const struct lan *lan = site->lan;
    for (guint i = 0; i < CLIENTS; i++) {
        const struct belief *belief = &lan->clients[i];
        if (belief->address == 0 || !belief->worded || belief->until <= lan->ms)
            continue;
        const struct lease *lease = node_lease(node_at(site, place), belief->address);
        if (lease == NULL || lease->mac[5] != i)
            g_error("%" G_GINT64_FORMAT " ms: node %u does not know client %u's lease of .%u",
                    lan->ms, place, i, belief->address & 0xff);
        g_assert_cmpint((lease->until - node_now(node_at(site, place))) * 1000, >=,
                        belief->until - lan->ms);
    }
}

static void
force(struct site *site, guint place)
{
    const struct node *node = node_at(site, place);
    if (!is_up(site, place) || (is_linked(site) && site->met) || site->records[place].term == 0 ||
        (node->state.role != TASK_STANDBY && node->state.role != TASK_WAIT))
        return;
    check_worded(site, place);
    site->records[place] = (struct record){
        .term = next_term(site->records[place].term, place), .holds = TRUE, .forced = TRUE};
    tell(site, place, TASK_ACTIVE);
    site->forces++;
    if (is_linked(site))
        meet(site);
}

static void clients_act(struct site *site);

/* Planned: who hands over is silent first; what it said is on its way. */
static void
hand_over(struct site *site)
{
    guint from = node_at(site, 0)->state.role == TASK_ACTIVE ? 0 : 1;
    if (!is_linked(site) || !site->met || node_at(site, from)->state.role != TASK_ACTIVE ||
        node_at(site, 1 - from)->state.role != TASK_STANDBY)
        return;
    tell(site, from, TASK_SWITCHING);
    for (guint i = 0; i < 5; i++) {
        clients_act(site);
        node_receive(node_at(site, (guint)g_test_rand_int_range(0, 2)));
    }
    if (chance(200)) { /* it is rolled back */
        tell(site, from, TASK_ACTIVE);
        return;
    }
    guint64 term = next_term(site->records[from].term, 1 - from);
    site->records[from] = (struct record){.term = term};
    site->records[1 - from] = (struct record){.term = term, .holds = TRUE};
    tell(site, from, TASK_STANDBY);
    tell(site, 1 - from, TASK_ACTIVE);
    site->switches++;
}

/* ---- misfortunes ---- */

static void
link_is(struct site *site, gboolean is)
{
    site->met = FALSE;
    lan_link(site->lan, is);
    for (guint i = 0; is && i < 5; i++) /* both may be active for a moment */
        if (!node_receive(node_at(site, i & 1)))
            clients_act(site);
    if (is_linked(site))
        meet(site);
}

static void
forget_words(const struct site *site)
{
    for (guint i = 0; i < CLIENTS; i++)
        site->lan->clients[i].worded = FALSE;
}

static void
cut_power(struct site *site, guint place)
{
    if (!is_up(site, place))
        return;
    node_stop(node_at(site, place));
    site->cuts++;
    lan_link(site->lan, !site->lan->cut);
    if (is_up(site, 1 - place) && chance(300) && node_at(site, 1 - place)->state.forced)
        node_at(site, 1 - place)->state.fenced = 1;
}

/* Who was said to be off comes back only where it hears that it is not active any more. */
static void
give_power(struct site *site, guint place)
{
    struct node *other = node_at(site, 1 - place);
    if (is_up(site, place) || (other->state.fenced && (site->lan->cut || other->clinic == NULL)))
        return;
    if (chance(100) && other->clinic != NULL && !site->lan->cut) { /* with a new disk */
        g_autofree char *wal = g_strconcat(node_at(site, place)->path, "-wal", NULL);
        unlink(node_at(site, place)->path);
        unlink(wal);
        site->records[place] = (struct record){0};
        forget_words(site);
        site->losses++;
    }
    node_start(node_at(site, place));
    other->state.fenced = 0;
    link_is(site, !site->lan->cut);
}

/* ---- clients ---- */

/* Both nodes hear what is sent to all; what is sent to the service address, who has it. */
static void
ask(struct site *site, const struct wish *wish)
{
    guint first = (guint)g_test_rand_int_range(0, 2);
    node_ask(node_at(site, first), wish);
    if (wish->to_all || !partner_answers(node_at(site, first)->pair))
        node_ask(node_at(site, 1 - first), wish);
}

static gboolean
is_asked(const struct site *site)
{
    return is_up(site, 0) && is_up(site, 1);
}

static void
client_joins(struct site *site, guint16 client)
{
    guint first = (guint)g_test_rand_int_range(0, 2);
    guint32 offers[2];
    for (guint i = 0; i < 2; i++)
        offers[(first + i) % 2] = node_offer(node_at(site, (first + i) % 2), client);
    guint32 address = offers[first] != 0 ? offers[first] : offers[1 - first];
    struct wish wish = {.type = PACKET_REQUEST,
                        .client = client,
                        .requested = address,
                        .server = SERVICE,
                        .to_all = TRUE};
    for (guint i = 0; i < 2 && address != 0; i++)
        node_ask(node_at(site, (first + i) % 2), &wish);
}

static void
client_acts(struct site *site, guint16 client)
{
    struct belief *belief = &site->lan->clients[client];
    guint32 address = belief->address;
    struct wish wish = {.type = PACKET_REQUEST, .client = client, .ciaddr = address};
    if (address == 0 || belief->until <= site->lan->ms) {
        client_joins(site, client);
        return;
    }
    switch (g_test_rand_int_range(0, 8)) {
    case 0: /* it leaves */
        belief->address = 0;
        wish.type = PACKET_RELEASE;
        wish.server = SERVICE;
        break;
    case 1: /* it was off, and knows its address */
        wish.ciaddr = 0;
        wish.requested = address;
        wish.to_all = TRUE;
        break;
    case 2: /* it rebinds */
        wish.to_all = TRUE;
        break;
    case 3: /* it forgot all */
        belief->address = 0;
        client_joins(site, client);
        return;
    default:
        break;
    }
    if (is_asked(site))
        ask(site, &wish);
    else
        for (guint i = 0; i < 2; i++)
            node_ask(node_at(site, i), &wish);
}

static void
clients_act(struct site *site)
{
    client_acts(site, (guint16)g_test_rand_int_range(1, CLIENTS));
}

/* ---- the campaign ---- */

static void
time_passes(struct site *site)
{
    static const gint64 spans[] = {5, 10, 31, 250, 1000, 1000, 60000, 300000, 700000, 2000000};
    lan_pass(site->lan, PARTNER_WORD_MS); /* who waits for a word waits no longer */
    const gint64 span = spans[g_test_rand_int_range(0, G_N_ELEMENTS(spans))];
    if (span > 1000) /* a link that is silent for so long is cut */
        lan_run(site->lan);
    lan_pass(site->lan, span);
}

static void
misfortune(struct site *site)
{
    guint place = (guint)g_test_rand_int_range(0, 2);
    switch (g_test_rand_int_range(0, 9)) {
    case 0:
        link_is(site, FALSE);
        break;
    case 1:
    case 2:
        link_is(site, TRUE);
        break;
    case 3:
        cut_power(site, place);
        break;
    case 4:
    case 5:
        give_power(site, place);
        break;
    case 6:
        force(site, place);
        break;
    case 7:
        hand_over(site);
        break;
    default:
        resume(site, place);
        site->lan->loss = chance(300) ? 40 : 0;
        site->lan->twice = chance(300) ? 20 : 0;
        break;
    }
}

static void
one_step(struct site *site)
{
    if (chance(40))
        misfortune(site);
    else if (chance(200))
        time_passes(site);
    else if (chance(500))
        clients_act(site);
    else
        node_receive(node_at(site, (guint)g_test_rand_int_range(0, 2)));
}

/* All is mended: then both are the same, and speak in step. */
static void
comes_to_rest(struct site *site)
{
    struct lan *lan = site->lan;
    lan->loss = lan->twice = 0;
    for (guint i = 0; i < 2; i++) {
        node_at(site, 1 - i)->state.fenced = 0;
        if (!is_up(site, i))
            node_start(node_at(site, i));
    }
    link_is(site, TRUE);
    if (!site->met) /* the one that was active lost its disk */
        force(site, site->records[1].term > site->records[0].term ? 1 : 0);
    for (guint i = 0; i < 40; i++) {
        lan_pass(lan, 1000);
        lan_run(lan);
    }
    struct node *active = node_at(site, node_at(site, 0)->state.role == TASK_ACTIVE ? 0 : 1);
    g_assert_cmpint(active->state.role, ==, TASK_ACTIVE);
    g_assert_true(partner_waits(active->pair));
    for (guint32 address = WARD(0); address < WARD(256); address++) {
        const struct lease *a = node_lease(node_at(site, 0), address);
        const struct lease *b = node_lease(node_at(site, 1), address);
        g_assert_true((a == NULL) == (b == NULL));
        if (a != NULL)
            g_assert_cmpmem(a->key, a->key_size, b->key, b->key_size);
    }
}

static void
one_round(struct site *site)
{
    AUTO(lan) *lan = lan_new(TRUE);
    *site = (struct site){.lan = lan,
                          .records = {{.term = 2, .holds = TRUE}, {.term = 2}},
                          .switches = site->switches,
                          .forces = site->forces,
                          .cuts = site->cuts,
                          .losses = site->losses};
    lan->slack = 1000 + PARTNER_WORD_MS;
    link_is(site, TRUE);
    for (guint i = 0; i < STEPS; i++)
        one_step(site);
    comes_to_rest(site);
}

static void
test_no_address_is_two_clients(void)
{
    struct site site = {0};
    guint most = 20 * ROUNDS, least = g_test_thorough() ? most : ROUNDS;
    for (guint i = 0; i < most; i++) {
        if (i >= least && site.switches > 0 && site.forces > 0)
            break; /* a seed may need more rounds until all has happened once */
        one_round(&site);
    }
    g_test_message("%u switches, %u forced, %u power cuts, %u disks lost", site.switches,
                   site.forces, site.cuts, site.losses);
    g_assert_cmpuint(site.switches, >, 0);
    g_assert_cmpuint(site.forces, >, 0);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pair/whatever happens no address is two clients'",
                    test_no_address_is_two_clients);
    return g_test_run();
}
