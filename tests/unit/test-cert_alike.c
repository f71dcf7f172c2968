/* The state on both nodes: whose wins, and that both have it before either puts it in force. */
#include "cert_world.h"

#include "netsvc/cert/pair/alike.h"

#include <openssl/bn.h>

struct node {
    struct cert_world *world;
    struct alike *alike;
    struct node *other;
    GQueue inbox; /* GBytes */
    guint applied, replaced, apart, united;
    guint other_had;  /* times it put something in force while the other one had it, too */
    gboolean deaf;    /* what is sent to it is lost */
    guint loses;      /* that one of what comes */
    gboolean dropped; /* a key */
    char *imported;
};

static struct event_base *events;

static void
send_it(gpointer context, const void *data, gsize size)
{
    struct node *other = ((struct node *)context)->other;
    if (other->deaf || (other->loses > 0 && --other->loses == 0))
        return;
    g_queue_push_tail(&other->inbox, g_bytes_new(data, size));
}

static gboolean
are_alike(const struct node *a, const struct node *b)
{
    g_autofree char *one = state_digest(a->world->site->state);
    g_autofree char *two = state_digest(b->world->site->state);
    return strcmp(one, two) == 0;
}

static void
apply(gpointer context)
{
    struct node *node = context;
    node->applied++;
    node->other_had += are_alike(node, node->other);
}

static void
replaced(gpointer context)
{
    ((struct node *)context)->replaced++;
}

static void
apart(gpointer context)
{
    ((struct node *)context)->apart++;
}

static void
united(gpointer context, gboolean dropped)
{
    struct node *node = context;
    node->united++;
    node->dropped |= dropped;
}

static gint64
now(gpointer context)
{
    (void)context;
    return NOW;
}

static void
import(gpointer context, struct slice body)
{
    struct node *node = context;
    g_free(node->imported);
    node->imported = slice_dup(body);
}

static void
node_boot(struct node *node)
{
    const struct alike_means means = {send_it, apply, replaced, apart, united, import, now, node};
    alike_free(node->alike);
    node->alike = alike_new(events, node->world->site, &means);
}

static void
node_begin(struct node *node, struct node *other)
{
    node->world = cert_world_new();
    node->other = other;
    g_queue_init(&node->inbox);
    node_boot(node);
}

static void
node_end(struct node *node)
{
    g_queue_clear_full(&node->inbox, (GDestroyNotify)g_bytes_unref);
    alike_free(node->alike);
    g_free(node->imported);
    cert_world_free(node->world);
}

static void
role(struct node *node, enum task_role what, gboolean peer, guint64 term)
{
    const struct task_state state = {.role = what, .peer = peer, .term = term};
    node->world->site->term = term;
    alike_role(node->alike, &state);
}

/* All that they have to say to each other; it ends. */
static void
talk(struct node *a, struct node *b)
{
    guint said = 0;
    while (a->inbox.length + b->inbox.length > 0) {
        struct node *to = a->inbox.length > 0 ? a : b;
        GBytes *bytes = g_queue_pop_head(&to->inbox);
        gsize size = 0;
        const void *data = g_bytes_get_data(bytes, &size);
        alike_take(to->alike, data, size);
        g_bytes_unref(bytes);
        g_assert_cmpuint(++said, <, 200);
    }
}

static void
meet(struct node *a, struct node *b)
{
    role(a, TASK_ACTIVE, TRUE, 2);
    role(b, TASK_STANDBY, TRUE, 2);
    talk(a, b);
}

#define TWO_NODES()                                                                                \
    struct node a = {0}, b = {0};                                                                  \
    node_begin(&a, &b);                                                                            \
    node_begin(&b, &a)
#define END()                                                                                      \
    node_end(&a);                                                                                  \
    node_end(&b)

static void
test_at_contact(void)
{
    TWO_NODES();
    role(&a, TASK_ALONE, FALSE, 0);
    cert_world_init(a.world);
    alike_changed(a.alike);
    g_assert_cmpuint(a.applied, ==, 1);
    g_assert_cmpstr(alike_standing(a.alike), ==, "away");
    meet(&a, &b);
    g_assert_true(are_alike(&a, &b));
    g_assert_cmpuint(b.replaced, ==, 1);
    g_assert_cmpuint(b.apart, ==, 0);
    g_assert_cmpstr(alike_standing(a.alike), ==, "alike");
    g_assert_cmpstr(alike_standing(b.alike), ==, "alike");
    AUTO(state) *kept = state_load(b.world->scratch->fd, NULL);
    g_assert_nonnull(kept->issuing_key);
    END();
}

static void
test_both_before_either(void)
{
    TWO_NODES();
    meet(&a, &b);
    cert_world_init(a.world);
    alike_changed(a.alike);
    g_assert_cmpuint(a.applied, ==, 0);
    talk(&a, &b);
    g_assert_cmpuint(a.applied, ==, 1);
    g_assert_cmpuint(a.other_had, ==, 1);
    g_assert_cmpuint(b.applied, ==, 1);
    g_assert_cmpuint(b.other_had, ==, 1);
    g_assert_cmpstr(alike_standing(a.alike), ==, "alike");
    g_assert_cmpstr(alike_standing(b.alike), ==, "alike"); /* or it takes over no more */
    END();
}

static void
test_the_other_one_goes_away(void)
{
    TWO_NODES();
    meet(&a, &b);
    b.deaf = TRUE;
    cert_world_init(a.world);
    alike_changed(a.alike);
    g_assert_cmpuint(a.applied, ==, 0);
    role(&a, TASK_ACTIVE, FALSE, 2);
    g_assert_cmpuint(a.applied, ==, 1); /* it waits no longer */
    role(&b, TASK_STANDBY, FALSE, 2);
    b.deaf = FALSE;
    meet(&a, &b);
    g_assert_true(are_alike(&a, &b));
    END();
}

static void
test_the_standby_waits_no_longer_either(void)
{
    TWO_NODES();
    meet(&a, &b);
    cert_world_init(a.world);
    alike_changed(a.alike);
    a.deaf = TRUE; /* does not hear that it has it */
    talk(&a, &b);
    g_assert_true(are_alike(&a, &b));
    g_assert_cmpuint(b.applied, ==, 0);
    role(&b, TASK_STANDBY, FALSE, 2);
    g_assert_cmpuint(b.applied, ==, 1);
    END();
}

/* A large state comes in parts; whichever is lost, it is made up for. */
static void
test_lost_parts(void)
{
    for (guint lost = 1; lost <= 6; lost++) {
        TWO_NODES();
        cert_world_init(a.world);
        struct state *next = state_copy(a.world->site->state);
        for (guint i = 0; i < 1500; i++) {
            g_autofree char *serial = g_strdup_printf("%032x", i);
            state_note_issued(next,
                              &(struct state_issued){serial, (char *)"a.clinic.example", NOW, 0});
        }
        g_assert_true(site_commit(a.world->site, next, NULL));
        alike_changed(a.alike);
        b.loses = lost;
        meet(&a, &b);
        alike_remind(a.alike);
        alike_remind(b.alike);
        talk(&a, &b);
        g_assert_true(are_alike(&a, &b));
        END();
    }
}

/* An active node whose disk was set back takes the standby's, which is later. */
static void
test_set_back(void)
{
    TWO_NODES();
    gboolean changed = FALSE;
    meet(&a, &b);
    cert_world_init(a.world);
    alike_changed(a.alike);
    talk(&a, &b);
    struct state *old = state_copy(a.world->site->state);
    g_assert_true(site_renew(a.world->site, NOW + 61 * DAY, &changed, NULL));
    alike_changed(a.alike);
    talk(&a, &b);
    g_assert_true(are_alike(&a, &b));
    g_autofree char *newest = state_digest(b.world->site->state);
    state_free(a.world->site->state);
    a.world->site->state = old;
    node_boot(&a);
    meet(&a, &b);
    alike_remind(b.alike);
    talk(&a, &b);
    g_autofree char *after = state_digest(a.world->site->state);
    g_assert_cmpstr(after, ==, newest);
    END();
}

/* Both made roots while they did not know of each other. */
static void
test_made_apart(void)
{
    TWO_NODES();
    cert_world_init(a.world);
    alike_changed(a.alike);
    cert_world_init(b.world);
    gboolean changed = FALSE;
    g_assert_true(site_renew(b.world->site, NOW + 70 * DAY, &changed, NULL)); /* a later one */
    alike_changed(b.alike);
    g_autofree char *winner = g_strdup(a.world->site->state->root);
    g_autofree char *loser = g_strdup(b.world->site->state->root);
    meet(&a, &b);
    g_assert_true(are_alike(&a, &b));
    g_assert_cmpstr(b.world->site->state->root, ==, winner);
    g_assert_cmpuint(b.apart, ==, 1);
    g_autofree char *path = g_build_filename(b.world->scratch->path, "replaced.json", NULL);
    g_autofree char *aside = NULL;
    gsize size = 0;
    g_assert_true(g_file_get_contents(path, &aside, &size, NULL));
    AUTO(state) *kept = state_parse((struct slice){aside, size}, NULL);
    g_assert_cmpstr(kept->root, ==, loser);
    END();
}

/* ---- changed apart from one another ---- */

static void
note(struct node *node, const char *serial)
{
    struct state *next = state_copy(node->world->site->state);
    state_note_issued(
        next, &(struct state_issued){(char *)serial, (char *)"x.clinic.example", NOW + DAY, 0});
    g_assert_true(site_commit(node->world->site, next, NULL));
    alike_changed(node->alike);
}

static void
revoke_it(struct node *node, const char *serial)
{
    g_autoptr(GError) error = NULL;
    site_revoke(node->world->site, serial, NOW, &error);
    g_assert_no_error(error);
    alike_changed(node->alike);
}

static gboolean
crl_names(const struct node *node, const char *serial)
{
    g_autoptr(X509_CRL) crl = pem_read_crl(node->world->site->state->crl);
    BIGNUM *number = NULL;
    X509_REVOKED *entry = NULL;
    g_assert_cmpint(BN_hex2bn(&number, serial), >, 0);
    ASN1_INTEGER *wanted = BN_to_ASN1_INTEGER(number, NULL);
    const gboolean found = X509_CRL_get0_by_serial(crl, &entry, wanted) == 1;
    ASN1_INTEGER_free(wanted);
    BN_free(number);
    return found;
}

/* `active` is lost; the other one takes over by force. */
static void
lose(struct node *active, struct node *other, guint64 term)
{
    role(active, TASK_WAIT, FALSE, term - 1);
    role(other, TASK_ACTIVE, FALSE, term);
}

static void
come_back(struct node *active, struct node *back, guint64 term)
{
    role(back, TASK_STANDBY, TRUE, term);
    role(active, TASK_ACTIVE, TRUE, term);
    talk(active, back);
}

/* Two that are alike, "01" issued; then each is alone. */
static void
part(struct node *a, struct node *b)
{
    meet(a, b);
    cert_world_init(a->world);
    alike_changed(a->alike);
    note(a, "01");
    talk(a, b);
    g_assert_true(are_alike(a, b));
    role(a, TASK_ACTIVE, FALSE, 2);
    role(b, TASK_STANDBY, FALSE, 2);
}

static void
test_issued_apart(void)
{
    TWO_NODES();
    part(&a, &b);
    revoke_it(&a, "01");
    note(&a, "0a");
    lose(&a, &b, 3);
    note(&b, "0b");
    const guint64 number = a.world->site->state->crl_number;
    come_back(&b, &a, 3);
    g_assert_true(are_alike(&a, &b));
    g_assert_cmpuint(b.united, ==, 1);
    g_assert_cmpuint(a.united, ==, 0);
    g_assert_false(b.dropped);
    g_assert_cmpuint(a.apart, ==, 0);
    g_assert_nonnull(state_find(a.world->site->state, "0a"));
    g_assert_nonnull(state_find(a.world->site->state, "0b"));
    g_assert_true(crl_names(&a, "01"));
    g_assert_cmpuint(a.world->site->state->crl_number, >, number);
    revoke_it(&b, "0a");
    talk(&a, &b);
    g_assert_true(crl_names(&a, "0a"));
    END();
}

/* What comes of both is for good: no meeting makes another of it, whoever is active. */
static void
test_united_once(void)
{
    TWO_NODES();
    part(&a, &b);
    note(&a, "0a");
    lose(&a, &b, 3);
    note(&b, "0b");
    come_back(&b, &a, 3);
    const guint64 generation = a.world->site->state->generation;
    for (guint i = 0; i < 3; i++) {
        alike_remind(a.alike);
        alike_remind(b.alike);
        talk(&a, &b);
    }
    come_back(&a, &b, 4);
    g_assert_cmpuint(b.world->site->state->generation, ==, generation);
    note(&a, "0c");
    talk(&a, &b);
    g_assert_true(are_alike(&a, &b));
    g_assert_cmpuint(a.united + b.united, ==, 1);
    END();
}

/* What one has forgotten meanwhile does not come back by the other, which was away. */
static void
test_away_is_not_apart(void)
{
    TWO_NODES();
    part(&a, &b);
    struct state *next = state_copy(a.world->site->state);
    state_forget(next, NOW + 2 * DAY);
    g_assert_true(site_commit(a.world->site, next, NULL));
    role(&a, TASK_ACTIVE, FALSE, 5); /* its other terms are its own */
    note(&a, "0a");
    meet(&a, &b);
    g_assert_true(are_alike(&a, &b));
    g_assert_null(state_find(b.world->site->state, "01"));
    g_assert_cmpuint(a.united + b.united, ==, 0);
    END();
}

/* An active node whose state is the earlier one unites it with what comes. */
static void
test_the_active_one_loses(void)
{
    TWO_NODES();
    part(&a, &b);
    note(&a, "0a");
    lose(&a, &b, 3);
    note(&b, "0b");
    role(&b, TASK_STANDBY, TRUE, 4);
    role(&a, TASK_ACTIVE, TRUE, 4);
    talk(&a, &b);
    g_assert_true(are_alike(&a, &b));
    g_assert_nonnull(state_find(b.world->site->state, "0a"));
    g_assert_nonnull(state_find(b.world->site->state, "0b"));
    END();
}

static void
test_lost_while_uniting(void)
{
    for (guint lost = 1; lost <= 4; lost++) {
        TWO_NODES();
        part(&a, &b);
        note(&a, "0a");
        lose(&a, &b, 3);
        note(&b, "0b");
        (lost % 2 ? &a : &b)->loses = (lost + 1) / 2;
        come_back(&b, &a, 3);
        for (guint i = 0; i < 2; i++) {
            alike_remind(a.alike);
            alike_remind(b.alike);
            talk(&a, &b);
        }
        g_assert_true(are_alike(&a, &b));
        g_assert_nonnull(state_find(b.world->site->state, "0a"));
        END();
    }
}

/* Whatever comes, nothing that was issued is unknown, nor what was revoked good again. */
static void
test_random(void)
{
    guint8 issued[250] = {0}; /* 2: revoked */
    guint64 term = 2;
    TWO_NODES();
    struct node *active = &a, *other = &b;
    gboolean both = FALSE; /* are active: the lost one was not, and knows nothing of it */
    part(&a, &b);
    for (guint i = 1; i < G_N_ELEMENTS(issued); i++) {
        const gint what = g_test_rand_int_range(0, 8);
        g_autofree char *serial = g_strdup_printf("%04x", i);
        g_autofree char *earlier = g_strdup_printf("%04x", g_test_rand_int_range(0, (gint)i));
        if (what == 0) {
            struct node *lost = active;
            active = other;
            other = lost;
            lose(lost, active, ++term);
            both = g_test_rand_bit();
            role(lost, both ? TASK_ACTIVE : TASK_WAIT, FALSE, term - 1);
        } else if (what == 1) {
            come_back(active, other, term);
            both = FALSE;
        } else if (what == 2 && !both) {
            role(active, TASK_ACTIVE, FALSE, term);
            role(other, TASK_WAIT, FALSE, term);
        } else if (what == 3 && state_find(active->world->site->state, earlier) != NULL) {
            revoke_it(active, earlier);
            issued[strtoul(earlier, NULL, 16)] = 2;
        } else {
            note(both && g_test_rand_bit() ? other : active, serial);
            issued[i] = 1;
        }
        talk(&a, &b);
    }
    come_back(active, other, term);
    g_assert_true(are_alike(&a, &b));
    for (guint i = 1; i < G_N_ELEMENTS(issued); i++) {
        g_autofree char *serial = g_strdup_printf("%04x", i);
        const struct state_issued *found = state_find(a.world->site->state, serial);
        g_assert_cmpint(found != NULL, ==, issued[i] > 0);
        g_assert_cmpint(issued[i] > 0 && found->revoked > 0, ==, issued[i] == 2);
        g_assert_cmpint(crl_names(&b, serial), ==, issued[i] == 2);
    }
    END();
}

/* A fresh node that was made the active one has nothing that could win. */
static void
test_nothing_never_wins(void)
{
    TWO_NODES();
    cert_world_init(b.world);
    alike_changed(b.alike);
    g_autofree char *digest = state_digest(b.world->site->state);
    meet(&a, &b);
    g_autofree char *after = state_digest(a.world->site->state);
    g_assert_cmpstr(after, ==, digest);
    END();
}

static void
test_nobody_is_active(void)
{
    TWO_NODES();
    cert_world_init(a.world);
    alike_changed(a.alike);
    role(&a, TASK_WAIT, TRUE, 2);
    role(&b, TASK_WAIT, TRUE, 2);
    talk(&a, &b);
    g_assert_cmpuint(b.replaced, ==, 0);
    role(&b, TASK_STANDBY, TRUE, 2); /* one after the other, in either order */
    talk(&a, &b);
    role(&a, TASK_ACTIVE, TRUE, 2);
    talk(&a, &b);
    g_assert_true(are_alike(&a, &b));
    END();
}

static void
test_one_that_does_not_get_it_is_told(void)
{
    TWO_NODES();
    meet(&a, &b);
    b.deaf = TRUE;
    cert_world_init(a.world);
    alike_changed(a.alike);
    for (guint i = 0; i < ALIKE_REMINDERS; i++)
        alike_remind(a.alike);
    g_assert_false(alike_lags(a.alike));
    alike_remind(a.alike);
    g_assert_true(alike_lags(a.alike));
    g_assert_false(alike_lags(b.alike)); /* it does not know better */
    b.deaf = FALSE;
    alike_remind(a.alike); /* so it hears of it, … */
    talk(&a, &b);
    alike_remind(b.alike); /* and asks */
    talk(&a, &b);
    g_assert_false(alike_lags(a.alike));
    g_assert_true(are_alike(&a, &b));
    END();
}

static void
test_handed_over(void)
{
    static char much[ALIKE_IMPORT_MAX + 1];
    TWO_NODES();
    g_assert_false(alike_hand_over(b.alike, slice_of("{}"))); /* it waits, and is alone */
    meet(&a, &b);
    g_assert_false(alike_hand_over(a.alike, slice_of("{}"))); /* it takes it itself */
    g_assert_true(alike_hand_over(b.alike, slice_of("{\"drive\":true}")));
    talk(&a, &b);
    g_assert_cmpstr(a.imported, ==, "{\"drive\":true}");
    g_assert_false(alike_hand_over(b.alike, (struct slice){much, sizeof much}));
    END();
}

static void
test_nonsense(void)
{
    static const char *const said[] = {
        "",
        "\n",
        "{}\n",
        "{\"say\":\"part\"}\n",
        "{\"say\":\"have\",\"term\":1,\"generation\":2,\"digest\":\"x\",\"root\":\"\"}\n",
        "{\"say\":\"part\",\"term\":9,\"generation\":9,\"digest\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\",\"root\":\"\","
        "\"at\":0,\"size\":4}\n{}{}",
        "{\"say\":\"part\",\"term\":9,\"generation\":9,\"digest\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\",\"root\":\"\","
        "\"at\":0,\"size\":1}\nabc",
    };
    TWO_NODES();
    meet(&a, &b);
    cert_world_init(a.world);
    alike_changed(a.alike);
    talk(&a, &b);
    for (gsize i = 0; i < G_N_ELEMENTS(said); i++)
        alike_take(b.alike, said[i], strlen(said[i]));
    g_assert_true(are_alike(&a, &b));
    END();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    events = event_base_new();
    g_test_add_func("/cert-pair/at-contact", test_at_contact);
    g_test_add_func("/cert-pair/both-have-it-before-either-uses-it", test_both_before_either);
    g_test_add_func("/cert-pair/goes-on-when-the-other-goes-away", test_the_other_one_goes_away);
    g_test_add_func("/cert-pair/the-standby-too", test_the_standby_waits_no_longer_either);
    g_test_add_func("/cert-pair/a-lost-part-is-made-up-for", test_lost_parts);
    g_test_add_func("/cert-pair/a-disk-that-was-set-back", test_set_back);
    g_test_add_func("/cert-pair/roots-that-were-made-apart", test_made_apart);
    g_test_add_func("/cert-pair/what-each-issued-and-revoked-alone-both-know", test_issued_apart);
    g_test_add_func("/cert-pair/is-united-once", test_united_once);
    g_test_add_func("/cert-pair/one-that-was-away-brings-nothing-back", test_away_is_not_apart);
    g_test_add_func("/cert-pair/the-active-one-may-lose", test_the_active_one_loses);
    g_test_add_func("/cert-pair/lost-while-uniting", test_lost_while_uniting);
    g_test_add_func("/cert-pair/nothing-issued-is-lost-whatever-comes", test_random);
    g_test_add_func("/cert-pair/nothing-never-wins", test_nothing_never_wins);
    g_test_add_func("/cert-pair/while-nobody-is-active-nothing-moves", test_nobody_is_active);
    g_test_add_func("/cert-pair/one-that-does-not-get-it", test_one_that_does_not_get_it_is_told);
    g_test_add_func("/cert-pair/what-a-drive-brings-to-the-standby", test_handed_over);
    g_test_add_func("/cert-pair/nonsense-is-ignored", test_nonsense);
    int code = g_test_run();
    event_base_free(events);
    return code;
}
