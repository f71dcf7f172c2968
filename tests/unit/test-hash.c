/* hash: the digests are the published ones, and hex goes both ways; chance gives what never was. */
#include "lib/base/hash.h"

#include "lib/base/chance.h"

#include <string.h>

static void
digests_match_published_values(void)
{
    guint8 digest[HASH_MAX];
    hash_sha256("abc", 3, digest);
    g_autofree char *sha256 = hash_hex(digest, HASH_SHA256_SIZE);
    /* FIPS 180-4, example for "abc" */
    g_assert_cmpstr(sha256, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    AUTO(hash) *blake = hash_new(HASH_BLAKE2B512);
    hash_add(blake, "a", 1);
    hash_add(blake, "bc", 2);
    g_assert_cmpuint(hash_take(blake, digest), ==, 64);
    g_autofree char *head = hash_hex(digest, 8);
    g_assert_cmpstr(head, ==, "ba80a53f981c4d0d"); /* RFC 7693, appendix A */
}

static void
hex_refuses_what_it_does_not_write(void)
{
    guint8 bytes[2];
    g_assert_true(hash_from_hex("00ff", 4, bytes, 2));
    g_assert_cmpuint(bytes[1], ==, 255);
    g_assert_false(hash_from_hex("00FF", 4, bytes, 2));
    g_assert_false(hash_from_hex("00f", 3, bytes, 2));
    g_assert_false(hash_from_hex("0g00", 4, bytes, 2));
}

static void
chance_gives_hex_that_never_was(void)
{
    g_autofree char *one = chance_hex(16), *other = chance_hex(16);
    guint8 bytes[16];
    g_assert_true(hash_from_hex(one, strlen(one), bytes, sizeof bytes));
    g_assert_cmpstr(one, !=, other);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hash/digests-match-published-values", digests_match_published_values);
    g_test_add_func("/hash/hex-refuses-what-it-does-not-write", hex_refuses_what_it_does_not_write);
    g_test_add_func("/hash/chance-gives-hex-that-never-was", chance_gives_hex_that_never_was);
    return g_test_run();
}
