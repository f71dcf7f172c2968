/* cache: how long answers are kept, and which make room. */
#include "netsvc/dns/forward/cache.h"

#include <string.h>

static struct cache_key
key_of(const char *text, guint16 type)
{
    struct cache_key key = {.type = type};
    g_assert_true(name_from_text(&key.name, text));
    return key;
}

static void
put(struct cache *cache, const char *name, const char *wire, guint32 seconds, gint64 now)
{
    struct cache_key key = key_of(name, 1);
    struct cache_answer answer = {.wire = (const guint8 *)wire,
                                  .size = strlen(wire),
                                  .error = -1,
                                  .put = now,
                                  .until = now + (gint64)seconds};
    cache_put(cache, &key, &answer);
}

static gboolean
holds(struct cache *cache, const char *name, gint64 now, const char *wire)
{
    struct cache_key key = key_of(name, 1);
    struct cache_answer answer;
    if (!cache_get(cache, &key, now, &answer))
        return FALSE;
    g_assert_cmpmem(answer.wire, (int)answer.size, wire, (int)strlen(wire));
    return TRUE;
}

static void
test_an_answer_is_found_by_name_type_and_flags_only(void)
{
    AUTO(cache) *cache = cache_new(CACHE_BYTES);
    struct cache_answer answer;
    struct cache_key key = key_of("a.example", 1);
    put(cache, "a.example", "1", 60, 1000);
    g_assert_true(cache_get(cache, &key, 1010, &answer));
    g_assert_cmpint(answer.put, ==, 1000);
    g_assert_cmpint(answer.until, ==, 1060);
    key.dnssec_ok = TRUE;
    g_assert_false(cache_get(cache, &key, 1010, &answer));
    key = key_of("a.example", 1);
    key.checking_disabled = TRUE;
    g_assert_false(cache_get(cache, &key, 1010, &answer));
    key = key_of("a.example", 28);
    g_assert_false(cache_get(cache, &key, 1010, &answer));
    key = key_of("b.example", 1);
    g_assert_false(cache_get(cache, &key, 1010, &answer));
}

static void
test_one_that_is_over_is_stale_for_a_day_and_then_gone(void)
{
    AUTO(cache) *cache = cache_new(CACHE_BYTES);
    put(cache, "a.example", "1", 60, 1000);
    g_assert_true(holds(cache, "a.example", 1060 + CACHE_STALE_SECONDS - 1, "1"));
    g_assert_cmpuint(cache_count(cache), ==, 1);
    g_assert_false(holds(cache, "a.example", 1060 + CACHE_STALE_SECONDS, "1"));
    g_assert_cmpuint(cache_count(cache), ==, 0);
    g_assert_cmpuint(cache_bytes(cache), ==, 0);
}

static void
test_a_newer_answer_takes_the_place_of_an_older_one(void)
{
    AUTO(cache) *cache = cache_new(CACHE_BYTES);
    put(cache, "a.example", "old", 60, 1000);
    put(cache, "a.example", "newer", 60, 1001);
    g_assert_true(holds(cache, "a.example", 1002, "newer"));
    g_assert_cmpuint(cache_count(cache), ==, 1);
}

static void
test_the_one_asked_for_longest_ago_makes_room(void)
{
    AUTO(cache) *cache = cache_new(64 * 1024);
    put(cache, "kept.example", "k", 60, 0);
    put(cache, "lost.example", "l", 60, 0);
    gsize each = cache_bytes(cache) / 2;
    for (guint i = 0; i < 2 * 64 * 1024 / each; i++) {
        g_autofree char *name = g_strdup_printf("n%u.example", i);
        put(cache, name, "x", 60, 0);
        g_assert_true(holds(cache, "kept.example", 1, "k"));
        g_assert_cmpuint(cache_bytes(cache), <=, 64 * 1024);
    }
    g_assert_false(holds(cache, "lost.example", 1, "l"));
    g_assert_cmpuint(cache_count(cache), ==, 64 * 1024 / each);
}

static void
test_an_answer_that_would_push_out_many_is_not_kept(void)
{
    AUTO(cache) *cache = cache_new(64 * 1024);
    struct cache_key key = key_of("big.example", 16);
    g_autofree guint8 *wire = g_malloc0(64 * 1024);
    struct cache_answer answer, big = {.wire = wire, .size = 5000, .until = 60};
    cache_put(cache, &key, &big);
    g_assert_true(cache_get(cache, &key, 1, &answer));
    big.size = 64 * 1024 / 10;
    cache_put(cache, &key, &big);
    g_assert_false(cache_get(cache, &key, 1, &answer));
    g_assert_cmpuint(cache_count(cache), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cache/an answer is found by name, type and flags only",
                    test_an_answer_is_found_by_name_type_and_flags_only);
    g_test_add_func("/cache/one that is over is stale for a day and then gone",
                    test_one_that_is_over_is_stale_for_a_day_and_then_gone);
    g_test_add_func("/cache/a newer answer takes the place of an older one",
                    test_a_newer_answer_takes_the_place_of_an_older_one);
    g_test_add_func("/cache/the one asked for longest ago makes room",
                    test_the_one_asked_for_longest_ago_makes_room);
    g_test_add_func("/cache/an answer that would push out many is not kept",
                    test_an_answer_that_would_push_out_many_is_not_kept);
    return g_test_run();
}
