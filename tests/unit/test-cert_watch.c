/* What people are told before a certificate ends. */
#include "cert_world.h"

#include "netsvc/cert/site/public.h"
#include "netsvc/cert/watch.h"

static void
note(gpointer context, const char *name, const char *text)
{
    g_hash_table_insert(context, g_strdup(name), g_strdup(text));
}

static GHashTable *
told(const struct state *state, gint64 now)
{
    GHashTable *alerts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    watch_state(state, now, note, alerts);
    return alerts;
}

static void
expect(const struct state *state, gint64 now, const char *name, const char *words)
{
    g_autoptr(GHashTable) alerts = told(state, now);
    const char *text = g_hash_table_lookup(alerts, name);
    g_assert_nonnull(text);
    if (words == NULL)
        g_assert_cmpstr(text, ==, "");
    else if (strstr(text, words) == NULL)
        g_error("'%s' is not in '%s'", words, text);
}

static void
test_levels(void)
{
    g_assert_cmpint(watch_level(0, 100, -5), ==, WATCH_WELL); /* a clock that was set back */
    g_assert_cmpint(watch_level(0, 100, 0), ==, WATCH_WELL);
    g_assert_cmpint(watch_level(0, 100, 49), ==, WATCH_WELL);
    g_assert_cmpint(watch_level(0, 100, 50), ==, WATCH_HALF);
    g_assert_cmpint(watch_level(0, 100, 75), ==, WATCH_QUARTER);
    g_assert_cmpint(watch_level(0, 100, 90), ==, WATCH_TENTH);
    g_assert_cmpint(watch_level(0, 100, 99), ==, WATCH_TENTH);
    g_assert_cmpint(watch_level(0, 100, 100), ==, WATCH_EXPIRED);
    g_assert_cmpint(watch_level(100, 100, 100), ==, WATCH_EXPIRED); /* of no life at all */
}

static void
test_own(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    const struct state *state = world->site->state;
    expect(state, NOW + 60 * DAY, "own", NULL); /* it is renewed then, and nobody need know */
    expect(state, NOW + 70 * DAY, "own", "25 % of its life");
    expect(state, NOW + 85 * DAY, "own", "10 % of its life");
    expect(state, NOW + 91 * DAY, "own", "HAS EXPIRED");
    expect(state, NOW + 91 * DAY, "root", NULL);
    expect(state, NOW + 14 * 365 * DAY, "root", "10 % of its life");
    expect(state, NOW + 14 * 365 * DAY, "issuing", "10 % of its life");
    expect(state, NOW + 16 * 365 * DAY, "root", "HAS EXPIRED");
}

static void
test_public(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    struct state *state = world->site->state;
    expect(state, NOW + 500 * DAY, "public", NULL);   /* there is none */
    state->public.chain = g_strdup(state->own.chain); /* 91 days, as one of theirs */
    state->public.key = g_strdup(state->own.key);
    expect(state, NOW + 40 * DAY, "public", NULL);
    expect(state, NOW + 45 * DAY, "public", "50 % of its life");
    expect(state, NOW + 45 * DAY, "public", "lifeboat cert request");
    expect(state, NOW + 91 * DAY, "public", "the public certificate HAS EXPIRED");
    g_assert_true(site_request(world->site, NOW, NULL));
    expect(world->site->state, NOW + 45 * DAY, "public", "its request waits to be signed");
}

/* One that ends so many days from now, under nobody. */
static char *
make_between(const char *title, gint64 to)
{
    AUTO(cert_world) *world = cert_world_new();
    AUTO(limits) *limits = limits_configured(world->config);
    g_autoptr(EVP_PKEY) key = make_key(NULL);
    const struct make_authority what = {"Public Trust", title, 0, limits, NULL};
    g_autoptr(X509) made = make_authority(key, &what, (struct make_life){NOW - 999 * DAY, to},
                                          (struct make_signer){0}, NULL);
    return pem_certificate(made);
}

static void
test_intermediate(void)
{
    AUTO(cert_world) *world = cert_world_new();
    g_autofree char *ends_first = make_between("R11", NOW + 60 * DAY);
    g_autofree char *ends_last = make_between("X1", NOW + 600 * DAY);
    cert_world_init(world);
    struct state *state = world->site->state; /* its own leaf has 90 days */
    state->public.chain = g_strconcat(state->own.chain, ends_last, NULL);
    state->public.key = g_strdup(state->own.key);
    expect(state, NOW + 40 * DAY, "public", NULL);
    expect(state, NOW + 85 * DAY, "public", "the public certificate ends");
    g_free(state->public.chain);
    state->public.chain = g_strconcat(state->own.chain, ends_first, ends_last, NULL);
    expect(state, NOW + 20 * DAY, "public", NULL);
    expect(state, NOW + 55 * DAY, "public", "certificate of 'R11', above the public certificate,");
    expect(state, NOW + 55 * DAY, "public", "10 % of its life");
    expect(state, NOW + 61 * DAY, "public", "HAS EXPIRED");
    g_assert_true(state_in_force(state, NOW + 59 * DAY) == &state->public);
    g_assert_true(state_in_force(state, NOW + 61 * DAY) == &state->own);
}

static void
test_nothing(void)
{
    AUTO(state) *state = state_new();
    g_autoptr(GHashTable) alerts = told(state, NOW);
    GHashTableIter at;
    gpointer text;
    g_assert_cmpuint(g_hash_table_size(alerts), ==, 4);
    g_hash_table_iter_init(&at, alerts);
    while (g_hash_table_iter_next(&at, NULL, &text))
        g_assert_cmpstr(text, ==, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert-watch/levels", test_levels);
    g_test_add_func("/cert-watch/the-sites-own", test_own);
    g_test_add_func("/cert-watch/a-public-one", test_public);
    g_test_add_func("/cert-watch/one-above-that-ends-first", test_intermediate);
    g_test_add_func("/cert-watch/nothing", test_nothing);
    return g_test_run();
}
