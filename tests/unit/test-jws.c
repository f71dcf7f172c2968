/* jws: what a client's key signed is taken, and nothing else; each nonce is good once. */
#include "netsvc/web/acme/jose/nonces.h"
#include "netsvc/web/acme/problem.h"

#include "tests/unit/acme_client.h"

#define URL "\"url\":\"https://clinic.example:8443/acme/new-order\""

static void
expect_problem(const GError *error, enum problem_type type)
{
    g_assert_error(error, PROBLEM, (int)type);
}

/* ---- base64url ---- */

static void
test_bytes_have_one_spelling_only(void)
{
    static const char *const wrong[] = {"YQ==", "YR", "Y", "YW+x", "YW/x", "YWFh\n", " YWFh"};
    g_autoptr(GString) right = base64url_decode(slice_of("-_8"), 8);
    g_assert_cmpuint(right->len, ==, 2);
    g_assert_cmpmem(right->str, 2, "\xfb\xff", 2);
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_null(base64url_decode(slice_of(wrong[i]), 100));
    g_assert_null(base64url_decode(slice_of("YWFhYQ"), 3));
}

/* ---- keys ---- */

static void
expect_thumbprint(const char *json, const char *thumbprint)
{
    g_autoptr(GError) error = NULL;
    AUTO(jwk) *jwk = jwk_parse(slice_of(json), &error);
    g_assert_no_error(error);
    g_assert_cmpstr(jwk->thumbprint, ==, thumbprint);
    AUTO(jwk) *again = jwk_from_text(jwk->text, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(again->thumbprint, ==, thumbprint);
    g_assert_true(jwk_is(jwk, again->key));
}

/* RFC 7638, 3.1; RFC 8037, A.3. */
static void
test_thumbprints_are_as_the_rfcs_have_them(void)
{
    expect_thumbprint(
        "{\"kty\":\"RSA\",\"n\":"
        "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-"
        "65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
        "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\","
        "\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    expect_thumbprint("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                      "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
                      "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

static void
test_keys_that_are_weak_or_none_are_refused(void)
{
    static const char *const wrong[] = {
        "[]",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
        /* not on the curve */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
        "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyL\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
        "7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
        "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(jwk_parse(slice_of(wrong[i]), &error));
        expect_problem(error, PROBLEM_BAD_PUBLIC_KEY);
    }
    static const char *const texts[] = {
        "", "P-256", "P-256.AAAA", "RSA.AQAB.AQAB", "Ed25519.AA.BB", "x.y.z"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_assert_null(jwk_from_text(texts[i], NULL));
}

/* ---- requests ---- */

static void
test_each_algorithm_signs_for_its_own_key(void)
{
    for (guint kind = 0; kind < JWK_KINDS; kind++) {
        g_autoptr(GError) error = NULL;
        AUTO(acme_client) *client = acme_client_new((enum jwk_kind)kind);
        AUTO(acme_client) *other = acme_client_new((enum jwk_kind)kind);
        g_autofree char *members =
            g_strdup_printf("\"jwk\":%s," URL ",\"nonce\":\"n\"", client->jwk);
        g_autofree char *text = acme_client_sign(client, members, "{\"a\":1}");
        AUTO(jws) *jws = jws_parse(slice_of(text), &error);
        g_assert_no_error(error);
        g_assert_cmpstr(jws->payload->str, ==, "{\"a\":1}");
        g_assert_cmpstr(jws->nonce, ==, "n");
        g_assert_null(jws->kid);
        g_assert_true(jws_verify(jws, jws->jwk, &error));
        AUTO(jwk) *wrong = jwk_parse(slice_of(other->jwk), &error);
        g_assert_false(jws_verify(jws, wrong, &error));
        expect_problem(error, PROBLEM_MALFORMED);
        g_clear_error(&error);
        jws->payload->str[0] = ' '; /* what was signed is in `input` */
        jws->input->str[jws->input->len - 1] ^= 1;
        g_assert_false(jws_verify(jws, jws->jwk, &error));
    }
}

static void
test_an_algorithm_of_another_kind_of_key_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(acme_client) *client = acme_client_new(JWK_P256), *other = acme_client_new(JWK_ED25519);
    g_autofree char *members = g_strdup_printf("\"jwk\":%s," URL, other->jwk);
    g_autofree char *text = acme_client_sign(client, members, "{}");
    AUTO(jws) *jws = jws_parse(slice_of(text), &error);
    g_assert_no_error(error);
    g_assert_false(jws_verify(jws, jws->jwk, &error));
    expect_problem(error, PROBLEM_BAD_SIGNATURE_ALGORITHM);
}

static void
expect_refused(const char *members, enum problem_type type)
{
    g_autoptr(GError) error = NULL;
    AUTO(acme_client) *client = acme_client_new(JWK_P256);
    g_autofree char *text = acme_client_sign(client, members, "{}");
    g_assert_null(jws_parse(slice_of(text), &error));
    expect_problem(error, type);
}

static void
test_headers_that_are_not_as_they_should_be_are_refused(void)
{
    AUTO(acme_client) *client = acme_client_new(JWK_P256);
    g_autofree char *both = g_strdup_printf("\"jwk\":%s,\"kid\":\"k\"," URL, client->jwk);
    g_autofree char *critical =
        g_strdup_printf("\"jwk\":%s," URL ",\"crit\":[\"b64\"],\"b64\":false", client->jwk);
    expect_refused(URL, PROBLEM_MALFORMED);
    expect_refused(both, PROBLEM_MALFORMED);
    expect_refused(critical, PROBLEM_MALFORMED);
    expect_refused("\"kid\":\"k\"", PROBLEM_MALFORMED); /* no url */
    expect_refused("\"kid\":\"k\",\"kid\":\"l\"," URL, PROBLEM_MALFORMED);
    expect_refused("\"alg\":\"ES256\",\"kid\":\"k\"," URL, PROBLEM_MALFORMED);
    expect_refused("\"kid\":\"k\",\"nonce\":1," URL, PROBLEM_MALFORMED);
}

static void
test_other_forms_and_algorithms_are_refused(void)
{
    static const struct {
        const char *text;
        enum problem_type type;
    } wrong[] = {
        {"", PROBLEM_MALFORMED},
        {"[]", PROBLEM_MALFORMED},
        {"{}", PROBLEM_MALFORMED},
        {"{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\",\"header\":{}}",
         PROBLEM_MALFORMED},
        {"{\"protected\":\"e30\",\"payload\":\"\",\"signatures\":[]}", PROBLEM_MALFORMED},
        {"{\"protected\":\"e30=\",\"payload\":\"\",\"signature\":\"\"}", PROBLEM_MALFORMED},
        /* {"alg":"none","kid":"k","url":"u"} and {"alg":"HS256",…} */
        {"{\"protected\":\"eyJhbGciOiJub25lIiwia2lkIjoiayIsInVybCI6InUifQ\",\"payload\":\"\","
         "\"signature\":\"\"}",
         PROBLEM_BAD_SIGNATURE_ALGORITHM},
        {"{\"protected\":\"eyJhbGciOiJIUzI1NiIsImtpZCI6ImsiLCJ1cmwiOiJ1In0\",\"payload\":\"\","
         "\"signature\":\"\"}",
         PROBLEM_BAD_SIGNATURE_ALGORITHM},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(jws_parse(slice_of(wrong[i].text), &error));
        expect_problem(error, wrong[i].type);
    }
}

/* ---- nonces ---- */

static void
test_a_nonce_is_good_once_and_for_an_hour(void)
{
    AUTO(nonces) *nonces = nonces_new(), *others = nonces_new();
    char one[NONCES_TEXT], two[NONCES_TEXT];
    g_autoptr(GError) error = NULL;
    nonces_make(nonces, 100, one);
    nonces_make(nonces, 100, two);
    g_assert_cmpstr(one, !=, two);
    g_assert_false(nonces_use(others, 100, one, &error));
    expect_problem(error, PROBLEM_BAD_NONCE);
    g_assert_true(nonces_use(nonces, 101, one, NULL));
    g_assert_false(nonces_use(nonces, 101, one, NULL));
    g_assert_false(nonces_use(nonces, 101 + NONCES_SECONDS, two, NULL));
    g_assert_true(nonces_use(nonces, 100 + NONCES_SECONDS, two, NULL));
    g_assert_false(nonces_use(nonces, 100, "", NULL));
    g_assert_false(nonces_use(nonces, 100, "AAAA", NULL));
    one[4] = one[4] == 'A' ? 'B' : 'A';
    g_assert_false(nonces_use(nonces, 100, one, NULL));
}

static void
test_a_nonce_whose_use_is_not_known_any_more_is_refused(void)
{
    AUTO(nonces) *nonces = nonces_new();
    char first[NONCES_TEXT], second[NONCES_TEXT], text[NONCES_TEXT];
    nonces_make(nonces, 1, first);
    nonces_make(nonces, 1, second);
    for (guint i = 0; i < NONCES_KEPT - 1; i++)
        nonces_make(nonces, 1, text);
    g_assert_false(nonces_use(nonces, 1, first, NULL));
    g_assert_true(nonces_use(nonces, 1, second, NULL));
    g_assert_false(nonces_use(nonces, 1, second, NULL));
    g_assert_true(nonces_use(nonces, 1, text, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jws/bytes have one spelling only", test_bytes_have_one_spelling_only);
    g_test_add_func("/jws/thumbprints are as the RFCs have them",
                    test_thumbprints_are_as_the_rfcs_have_them);
    g_test_add_func("/jws/keys that are weak or none are refused",
                    test_keys_that_are_weak_or_none_are_refused);
    g_test_add_func("/jws/each algorithm signs for its own key",
                    test_each_algorithm_signs_for_its_own_key);
    g_test_add_func("/jws/an algorithm of another kind of key is refused",
                    test_an_algorithm_of_another_kind_of_key_is_refused);
    g_test_add_func("/jws/headers that are not as they should be are refused",
                    test_headers_that_are_not_as_they_should_be_are_refused);
    g_test_add_func("/jws/other forms and algorithms are refused",
                    test_other_forms_and_algorithms_are_refused);
    g_test_add_func("/jws/a nonce is good once and for an hour",
                    test_a_nonce_is_good_once_and_for_an_hour);
    g_test_add_func("/jws/a nonce whose use is not known any more is refused",
                    test_a_nonce_whose_use_is_not_known_any_more_is_refused);
    return g_test_run();
}
