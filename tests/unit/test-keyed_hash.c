/* keyed_hash: what comes in a row is spread over all places, whatever the secret is. */
#include "lib/base/keyed_hash.h"

#define KEYS 64
#define PLACES 2048
#define NUMBERS (4 * PLACES)
#define CROWD 30 /* at one place: among 4 on average, by chance never in years */

static void
count(guint16 *places, guint64 hash)
{
    places[hash % PLACES]++;
    places[PLACES + (hash >> 53)]++; /* the uppermost bits are as good */
}

static void
numbers_in_a_row_are_spread(void)
{
    struct keyed_hash key;
    for (guint k = 0; k < KEYS; k++) {
        guint16 places[2 * PLACES] = {0};
        keyed_hash_draw(&key);
        for (guint i = 0; i < NUMBERS; i++)
            count(places, keyed_hash_number(&key, 0x0a420001 + i));
        for (guint i = 0; i < G_N_ELEMENTS(places); i++)
            g_assert_cmpuint(places[i], <, CROWD);
    }
}

static void
bytes_that_count_up_are_spread(void)
{
    struct keyed_hash key;
    guint8 mac[7] = {1, 0x02, 0xca, 0xfe};
    for (guint k = 0; k < KEYS; k++) {
        guint16 places[2 * PLACES] = {0};
        keyed_hash_draw(&key);
        for (guint i = 0; i < NUMBERS; i++) {
            mac[5] = (guint8)(i >> 8);
            mac[6] = (guint8)i;
            count(places, keyed_hash_bytes(&key, mac, sizeof mac));
        }
        for (guint i = 0; i < G_N_ELEMENTS(places); i++)
            g_assert_cmpuint(places[i], <, CROWD);
    }
}

static void
length_and_secret_count(void)
{
    struct keyed_hash one, other;
    keyed_hash_draw(&one);
    keyed_hash_draw(&other);
    g_assert_cmpuint(keyed_hash_bytes(&one, "a\0", 1), !=, keyed_hash_bytes(&one, "a\0", 2));
    g_assert_cmpuint(keyed_hash_bytes(&one, "", 0), !=, keyed_hash_bytes(&other, "", 0));
    g_assert_cmpuint(keyed_hash_number(&one, 1), !=, keyed_hash_number(&other, 1));
    g_assert_cmpuint(keyed_hash_number(&one, 1), ==, keyed_hash_number(&one, 1));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keyed_hash/numbers in a row are spread", numbers_in_a_row_are_spread);
    g_test_add_func("/keyed_hash/bytes that count up are spread", bytes_that_count_up_are_spread);
    g_test_add_func("/keyed_hash/length and secret count", length_and_secret_count);
    return g_test_run();
}
