/* Of two states that were changed apart from one another: public certificates and requests. */
#include "cert_world.h"

#include "netsvc/cert/site/public.h"
#include "netsvc/cert/site/unite.h"

/* A chain and its key that end so much later. */
static void
make_served(struct state_served *served, guint days)
{
    AUTO(cert_world) *world = cert_world_new();
    g_assert_true(site_init(world->site, world->recovery.public, NOW + days * DAY, NULL));
    state_set_served(served, g_strdup(world->site->state->own.chain),
                     g_strdup(world->site->state->own.key));
}

struct fork {
    struct state *winner, *loser, *both;
    struct state_served earlier, later;
    gboolean dropped;
};

static void
begin(struct fork *it)
{
    *it = (struct fork){.winner = state_new(), .loser = state_new()};
    it->winner->term = 3;
    it->winner->generation = 7;
    it->loser->term = 2;
    it->loser->generation = 9;
    make_served(&it->earlier, 0);
    make_served(&it->later, 30);
}

static const struct state *
unite(struct fork *it)
{
    state_free(it->both);
    it->both = unite_states(it->winner, it->loser, &it->dropped);
    return it->both;
}

static void
end(struct fork *it)
{
    state_free(it->winner);
    state_free(it->loser);
    state_free(it->both);
    state_set_served(&it->earlier, NULL, NULL);
    state_set_served(&it->later, NULL, NULL);
}

#define FORK()                                                                                     \
    struct fork it;                                                                                \
    begin(&it)

static void
serve(struct state *state, const struct state_served *what)
{
    state_serve(state, g_strdup(what->chain), g_strdup(what->key));
}

static void
expect(const struct state_served *is, const struct state_served *wanted)
{
    g_assert_cmpstr(is->chain, ==, wanted->chain);
    g_assert_cmpstr(is->key, ==, wanted->key);
}

static void
ask(struct state *state, const char *text)
{
    state_set_request(state, g_strdup(text), g_strconcat(text, "'s key", NULL), NOW);
}

static void
test_comes_of_both(void)
{
    FORK();
    state_note_past(it.winner, 1, 3);
    state_note_past(it.winner, 2, 5); /* of the loser's term it knew this much */
    state_note_past(it.loser, 1, 4);
    struct state *both = (struct state *)unite(&it);
    g_assert_cmpuint(both->term, ==, 3);
    g_assert_cmpuint(both->generation, ==, 9);
    both->generation++;
    g_assert_true(state_comes_of(both, it.winner));
    g_assert_true(state_comes_of(both, it.loser));
    it.loser->term = 1;
    it.loser->generation = 4;
    g_assert_true(state_comes_of(both, it.loser));
    end(&it);
}

static void
test_later_public(void)
{
    FORK();
    serve(it.loser, &it.earlier);
    expect(&unite(&it)->public, &it.earlier); /* the winner has none */
    serve(it.winner, &it.later);
    expect(&unite(&it)->public, &it.later);
    expect(&it.both->previous, &it.earlier); /* a way back, where there was none */
    serve(it.loser, &it.later);
    expect(&unite(&it)->public, &it.later);
    g_assert_null(it.both->previous.chain); /* the same one */
    end(&it);
}

static void
test_earlier_public(void)
{
    FORK();
    serve(it.winner, &it.earlier);
    serve(it.loser, &it.later);
    expect(&unite(&it)->public, &it.later);
    expect(&it.both->previous, &it.earlier);
    end(&it);
}

static void
test_rolled_back(void)
{
    FORK();
    serve(it.loser, &it.later);
    serve(it.winner, &it.later);
    it.winner->previous = it.winner->public;
    it.winner->public = (struct state_served){0};
    g_assert_null(unite(&it)->public.chain);
    expect(&it.both->previous, &it.later);
    end(&it);
}

static void
test_request(void)
{
    FORK();
    ask(it.loser, "theirs");
    g_assert_cmpstr(unite(&it)->request.text, ==, "theirs");
    g_assert_cmpstr(it.both->request.key, ==, "theirs's key");
    g_assert_cmpint(it.both->request.made, ==, NOW);
    state_set_served(&it.winner->public, g_strdup(it.earlier.chain), g_strdup("theirs's key"));
    g_assert_null(unite(&it)->request.text); /* it has come meanwhile */
    g_assert_null(it.both->spare_key);
    end(&it);
}

static void
test_requests_of_both(void)
{
    FORK();
    ask(it.winner, "ours");
    ask(it.loser, "theirs");
    g_assert_cmpstr(unite(&it)->request.text, ==, "ours");
    g_assert_cmpstr(it.both->spare_key, ==, "theirs's key");
    g_assert_false(it.dropped);
    it.winner->spare_key = g_strdup("third");
    g_assert_cmpstr(unite(&it)->spare_key, ==, "third");
    g_assert_true(it.dropped);
    end(&it);
}

/* The request that waited for it waits no longer. */
static void
test_its_request(void)
{
    FORK();
    state_set_request(it.winner, g_strdup("both had it"), g_strdup(it.later.key), NOW);
    serve(it.loser, &it.later);
    expect(&unite(&it)->public, &it.later);
    g_assert_null(it.both->request.text);
    end(&it);
}

/* On disk what has no room is kept. */
static void
test_put_aside(void)
{
    AUTO(cert_world) *a = cert_world_new(), *b = cert_world_new();
    g_autofree char *path = g_build_filename(b->scratch->path, "replaced.json", NULL);
    gboolean dropped = FALSE;
    g_assert_true(site_request(a->site, NOW, NULL));
    g_assert_true(site_request(b->site, NOW, NULL));
    g_autofree char *first = g_strdup(a->site->state->request.key);
    g_assert_true(site_unite(b->site, a->site->state, FALSE, NOW, &dropped, NULL));
    g_assert_false(dropped);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_cmpstr(b->site->state->spare_key, ==, first);
    g_ptr_array_add(a->config->cert.names, g_strdup("more.clinic.example"));
    g_assert_true(site_request(a->site, NOW, NULL));
    g_assert_true(site_unite(b->site, a->site->state, FALSE, NOW, &dropped, NULL));
    g_assert_true(dropped);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    AUTO(state) *kept = state_load(b->scratch->fd, NULL);
    g_assert_cmpstr(kept->spare_key, ==, first);
    g_assert_true(state_comes_of(b->site->state, a->site->state));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert-unite/comes-of-both", test_comes_of_both);
    g_test_add_func("/cert-unite/the-public-one-that-ends-later", test_later_public);
    g_test_add_func("/cert-unite/the-one-that-ends-earlier-is-the-way-back", test_earlier_public);
    g_test_add_func("/cert-unite/what-was-rolled-back-stays-so", test_rolled_back);
    g_test_add_func("/cert-unite/a-request", test_request);
    g_test_add_func("/cert-unite/a-request-of-each", test_requests_of_both);
    g_test_add_func("/cert-unite/a-certificate-that-was-waited-for", test_its_request);
    g_test_add_func("/cert-unite/what-has-no-room-is-put-aside", test_put_aside);
    return g_test_run();
}
