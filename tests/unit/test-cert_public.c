/* A certificate that a drive brings: what is taken, and what is wrong with the rest. */
#include "cert_world.h"

#include "lib/base/fail.h"
#include "netsvc/cert/answers.h"
#include "netsvc/cert/site/public.h"

/* A public authority of our own: a root, and an intermediate that signs. */
struct authority {
    EVP_PKEY *root_key, *key;
    X509 *root, *issuing;
};

static void
authority_begin(struct authority *authority)
{
    AUTO(cert_world) *far = cert_world_new();
    g_ptr_array_add(far->config->cert.names, g_strdup("example"));
    AUTO(limits) *limits = limits_configured(far->config);
    const struct make_life life = {NOW - 1000 * DAY, NOW + 4000 * DAY};
    const struct make_authority root = {"Public Trust", "Public Root X1", 1, limits, NULL};
    const struct make_authority issuing = {"Public Trust", "R11", 0, limits, NULL};
    authority->root_key = make_key(NULL);
    authority->key = make_key(NULL);
    authority->root =
        make_authority(authority->root_key, &root, life, (struct make_signer){0}, NULL);
    authority->issuing =
        make_authority(authority->key, &issuing, life,
                       (struct make_signer){authority->root, authority->root_key}, NULL);
    g_assert_nonnull(authority->issuing);
}

static void
authority_end(struct authority *authority)
{
    EVP_PKEY_free(authority->root_key);
    EVP_PKEY_free(authority->key);
    X509_free(authority->root);
    X509_free(authority->issuing);
}

static X509 *
sign(struct authority *authority, EVP_PKEY *key, const char *name, gint64 from, gint64 to)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, (gpointer)name);
    X509 *leaf = make_leaf(key, names, NULL, (struct make_life){from, to},
                           (struct make_signer){authority->issuing, authority->key}, NULL);
    g_assert_nonnull(leaf);
    return leaf;
}

/* For the request that waits. */
static X509 *
sign_request(struct authority *authority, const struct cert_world *world, gint64 to)
{
    g_autoptr(X509_REQ) request = pem_read_request(world->site->state->request.text);
    g_assert_nonnull(request);
    return sign(authority, X509_REQ_get0_pubkey(request), "clinic.example", NOW - DAY, to);
}

static void
add(struct pile *pile, X509 *certificate)
{
    g_autofree char *text = pem_certificate(certificate);
    pile_add(pile, slice_of(text));
}

static gboolean
import(struct cert_world *world, const struct pile *pile, GError **error)
{
    return site_import(world->site, pile, FALSE, NULL, NOW, error);
}

static void
refused(struct cert_world *world, const struct pile *pile, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = state_digest(world->site->state);
    g_assert_false(import(world, pile, &error));
    if (strstr(error->message, why) == NULL)
        g_error("'%s' is not in: %s", why, error->message);
    g_autofree char *after = state_digest(world->site->state);
    g_assert_cmpstr(before, ==, after);
}

#define BEGIN()                                                                                    \
    AUTO(cert_world) *world = cert_world_new();                                                    \
    struct authority authority;                                                                    \
    AUTO(pile) *pile = pile_new();                                                                 \
    cert_world_init(world);                                                                        \
    authority_begin(&authority);                                                                   \
    g_assert_true(site_request(world->site, NOW, NULL))

static void
test_round_trip(void)
{
    BEGIN();
    g_autofree char *request = g_strdup(world->site->state->request.text);
    g_assert_true(site_request(world->site, NOW + DAY, NULL)); /* the same one again */
    g_assert_cmpstr(request, ==, world->site->state->request.text);
    g_autoptr(X509) leaf = sign_request(&authority, world, NOW + 90 * DAY);
    add(pile, authority.root); /* in any order */
    add(pile, leaf);
    add(pile, authority.issuing);
    g_autoptr(GError) error = NULL;
    import(world, pile, &error);
    g_assert_no_error(error);
    const struct state *state = world->site->state;
    g_assert_true(state_in_force(state, NOW) == &state->public);
    g_autoptr(GPtrArray) chain = pem_read_chain(state->public.chain);
    g_assert_cmpuint(chain->len, ==, 2); /* without the root */
    g_assert_cmpint(X509_cmp(chain->pdata[0], leaf), ==, 0);
    g_autoptr(EVP_PKEY) key = pem_read_key(state->public.key);
    g_assert_cmpint(X509_check_private_key(leaf, key), ==, 1);
    g_assert_null(state->request.text);
    /* once it has ended the site's own is better than none */
    g_assert_true(state_in_force(state, NOW + 91 * DAY) == &state->own);
    g_assert_true(state_in_force(state, 0) == &state->public);
    authority_end(&authority);
}

static void
test_the_same_request_signed_again(void)
{
    BEGIN();
    g_autoptr(X509) first = sign_request(&authority, world, NOW + 90 * DAY);
    g_autoptr(X509) second = sign_request(&authority, world, NOW + 120 * DAY);
    add(pile, first);
    add(pile, authority.issuing);
    g_assert_true(import(world, pile, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_false(import(world, pile, &error));
    g_assert_error(error, FAIL, FAIL_LATER);
    add(pile, second); /* beside the first: the later one is meant */
    g_assert_true(import(world, pile, NULL));
    g_autoptr(X509) now = pem_read_certificate(world->site->state->public.chain);
    g_assert_cmpint(X509_cmp(now, second), ==, 0);
    authority_end(&authority);
}

static void
test_roll_back(void)
{
    BEGIN();
    g_autoptr(GError) error = NULL;
    g_assert_false(site_roll_back(world->site, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_autoptr(X509) first = sign_request(&authority, world, NOW + 90 * DAY);
    g_autoptr(X509) second = sign_request(&authority, world, NOW + 120 * DAY);
    add(pile, first);
    add(pile, authority.issuing);
    g_assert_true(import(world, pile, NULL));
    add(pile, second);
    g_assert_true(import(world, pile, NULL));
    g_assert_true(site_roll_back(world->site, NULL));
    g_autoptr(X509) now = pem_read_certificate(world->site->state->public.chain);
    g_assert_cmpint(X509_cmp(now, first), ==, 0);
    /* the drive that is still there does not undo it; a person may */
    g_clear_error(&error);
    g_assert_false(site_import(world->site, pile, TRUE, NULL, NOW, &error));
    g_assert_error(error, FAIL, FAIL_LATER);
    g_assert_true(site_import(world->site, pile, FALSE, NULL, NOW, NULL));
    authority_end(&authority);
}

static void
test_roll_back_to_the_sites_own(void)
{
    BEGIN();
    g_autoptr(X509) leaf = sign_request(&authority, world, NOW + 90 * DAY);
    add(pile, leaf);
    add(pile, authority.issuing);
    g_assert_true(import(world, pile, NULL));
    g_assert_true(site_roll_back(world->site, NULL));
    g_assert_true(state_in_force(world->site->state, NOW) == &world->site->state->own);
    g_assert_true(site_roll_back(world->site, NULL)); /* and forth again */
    g_assert_true(state_in_force(world->site->state, NOW) == &world->site->state->public);
    authority_end(&authority);
}

static void
test_with_its_key(void)
{
    BEGIN();
    g_autoptr(EVP_PKEY) key = make_key(NULL);
    g_autoptr(X509) leaf = sign(&authority, key, "clinic.example", NOW - DAY, NOW + 30 * DAY);
    add(pile, leaf);
    add(pile, authority.issuing);
    refused(world, pile, "is for a key that this server has not");
    g_autofree char *text = pem_key(key);
    pile_add(pile, slice_of(text));
    g_assert_true(import(world, pile, NULL));
    g_assert_nonnull(world->site->state->request.text); /* that one still waits */
    authority_end(&authority);
}

static void
test_what_is_wrong(void)
{
    BEGIN();
    g_autoptr(X509_REQ) request = pem_read_request(world->site->state->request.text);
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    const struct {
        const char *name;
        gint64 from, to;
        const char *why;
    } wrong[] = {
        {"other.example", NOW - DAY, NOW + DAY, "is for 'other.example', not for 'clinic.example'"},
        {"clinic.example", NOW - 9 * DAY, NOW - DAY, "the certificate has expired"},
        {"clinic.example", NOW + DAY, NOW + 9 * DAY, "is not valid before"},
    };
    refused(world, pile, "there is no certificate in it");
    add(pile, authority.issuing);
    refused(world, pile, "certificates of authorities alone");
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        AUTO(pile) *one = pile_new();
        g_autoptr(X509) leaf = sign(&authority, key, wrong[i].name, wrong[i].from, wrong[i].to);
        add(one, leaf);
        add(one, authority.issuing);
        refused(world, one, wrong[i].why);
    }
    AUTO(pile) *renamed = pile_new(); /* what it is called does not count */
    g_autoptr(X509) other = sign(&authority, key, "other.example", NOW - DAY, NOW + DAY);
    X509_NAME *subject = X509_get_subject_name(other);
    X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const guint8 *)"clinic.example", -1,
                               -1, 0);
    g_assert_cmpint(X509_sign(other, authority.key, EVP_sha256()), >, 0);
    add(renamed, other);
    add(renamed, authority.issuing);
    refused(world, renamed, "is for 'other.example', not for 'clinic.example'");
    g_autoptr(X509) leaf = sign_request(&authority, world, NOW + 90 * DAY);
    AUTO(pile) *alone = pile_new();
    add(alone, leaf);
    refused(world, alone, "the certificate of 'R11', who signed it, is missing");
    authority_end(&authority);
}

/* A public authority may not give all that was asked for, a wildcard above all. */
static void
test_not_for_all_names(void)
{
    BEGIN();
    g_autoptr(X509) first = sign_request(&authority, world, NOW + 90 * DAY);
    g_autoptr(GPtrArray) none = site_not_covered(world->site);
    g_assert_cmpuint(none->len, ==, 0); /* there is no certificate */
    add(pile, first);
    add(pile, authority.issuing);
    g_assert_true(import(world, pile, NULL));
    g_autoptr(GPtrArray) missing = site_not_covered(world->site);
    g_assert_cmpuint(missing->len, ==, 1);
    g_assert_cmpstr(missing->pdata[0], ==, "*.clinic.example");
    g_autoptr(GString) imported = answers_imported(world->site, NULL, NULL);
    g_autoptr(GString) shown = answers_show(world->site, NOW, NULL);
    g_assert_nonnull(strstr(imported->str, "\"missing\":[\"*.clinic.example\"]"));
    g_assert_nonnull(strstr(shown->str, "\"missing\":[\"*.clinic.example\"]"));
    g_ptr_array_remove_index(world->config->cert.names, 0);
    g_ptr_array_add(world->config->cert.names, g_strdup("www.clinic.example"));
    g_autoptr(GPtrArray) other = site_not_covered(world->site);
    g_assert_cmpstr(other->pdata[0], ==, "www.clinic.example");
    authority_end(&authority);
}

static void
test_a_wildcard_is_for_all_below(void)
{
    BEGIN();
    const char *const both[] = {"clinic.example", "*.clinic.example"};
    g_autoptr(EVP_PKEY) key = make_key(NULL);
    g_autofree char *text = pem_key(key);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, (gpointer)both[0]);
    g_ptr_array_add(names, (gpointer)both[1]);
    g_ptr_array_add(world->config->cert.names, g_strdup("www.clinic.example"));
    g_autoptr(X509) leaf = make_leaf(key, names, NULL, (struct make_life){NOW - DAY, NOW + DAY},
                                     (struct make_signer){authority.issuing, authority.key}, NULL);
    add(pile, leaf);
    add(pile, authority.issuing);
    pile_add(pile, slice_of(text));
    g_assert_true(import(world, pile, NULL));
    g_autoptr(GPtrArray) missing = site_not_covered(world->site);
    g_assert_cmpuint(missing->len, ==, 0);
    authority_end(&authority);
}

static void
test_older_than_the_present(void)
{
    BEGIN();
    g_autoptr(X509) later = sign_request(&authority, world, NOW + 90 * DAY);
    g_autoptr(X509) earlier = sign_request(&authority, world, NOW + 60 * DAY);
    AUTO(pile) *other = pile_new();
    add(pile, later);
    add(pile, authority.issuing);
    g_assert_true(import(world, pile, NULL));
    add(other, earlier);
    add(other, authority.issuing);
    refused(world, other, "the one that is served now ends later");
    authority_end(&authority);
}

static void
test_weak_keys(void)
{
    BEGIN();
    g_autoptr(EVP_PKEY) weak = EVP_RSA_gen(1024);
    g_autoptr(X509) leaf = sign(&authority, weak, "clinic.example", NOW - DAY, NOW + 30 * DAY);
    g_autofree char *text = pem_key(weak);
    add(pile, leaf);
    add(pile, authority.issuing);
    pile_add(pile, slice_of(text));
    refused(world, pile, "the key of the certificate is too weak");
    authority_end(&authority);
}

static void
test_signed_by_itself(void)
{
    BEGIN();
    g_autoptr(EVP_PKEY) key = pem_read_key(world->site->state->request.key);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, (gpointer) "clinic.example");
    g_autoptr(X509) fake = X509_new();
    g_autoptr(X509) leaf = NULL;
    X509_NAME_add_entry_by_txt(X509_get_subject_name(fake), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"clinic.example", -1, -1, 0);
    X509_set_pubkey(fake, key);
    X509V3_CTX context;
    X509V3_set_ctx(&context, fake, fake, NULL, NULL, 0);
    X509_EXTENSION *id = X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
    X509_add_ext(fake, id, -1);
    X509_EXTENSION_free(id);
    leaf = make_leaf(key, names, NULL, (struct make_life){NOW - DAY, NOW + DAY},
                     (struct make_signer){fake, key}, NULL);
    g_assert_nonnull(leaf);
    add(pile, leaf);
    refused(world, pile, "signed by itself");
    authority_end(&authority);
}

/* ---- forms ---- */

static void
test_der_and_junk(void)
{
    BEGIN();
    g_autoptr(X509) leaf = sign_request(&authority, world, NOW + 90 * DAY);
    g_autofree char *text = pem_certificate(authority.issuing);
    g_autofree char *among =
        g_strconcat("Bag Attributes\r\n  friendlyName: x\r\n", text,
                    "-----BEGIN CERTIFICATE-----\nnonsense\n", text, "\xff", NULL);
    unsigned char *der = NULL;
    const int size = i2d_X509(leaf, &der);
    pile_add(pile, (struct slice){(const char *)der, (gsize)size});
    pile_add(pile, slice_of(among));
    pile_add(pile, slice_of("README: do this and that"));
    pile_add(pile, (struct slice){"\x30\x82\xff\xff\0\0\0", 7});
    pile_add(pile, (struct slice){"", 0});
    OPENSSL_free(der);
    g_assert_cmpuint(pile->certificates->len, ==, 2);
    g_assert_true(import(world, pile, NULL));
    authority_end(&authority);
}

static void
test_pkcs7(void)
{
    BEGIN();
    g_autoptr(X509) leaf = sign_request(&authority, world, NOW + 90 * DAY);
    g_autoptr(PKCS7) bag = PKCS7_new();
    PKCS7_set_type(bag, NID_pkcs7_signed);
    PKCS7_content_new(bag, NID_pkcs7_data);
    PKCS7_add_certificate(bag, authority.issuing);
    PKCS7_add_certificate(bag, leaf);
    unsigned char *der = NULL;
    const int size = i2d_PKCS7(bag, &der);
    g_assert_cmpint(size, >, 0);
    pile_add(pile, (struct slice){(const char *)der, (gsize)size});
    OPENSSL_free(der);
    g_assert_cmpuint(pile->certificates->len, ==, 2);
    g_assert_true(import(world, pile, NULL));
    authority_end(&authority);
}

static void
test_too_many(void)
{
    BEGIN();
    for (guint i = 0; i < PILE_CERTIFICATES_MAX + 3; i++) {
        g_autoptr(X509) leaf = sign_request(&authority, world, NOW + 90 * DAY);
        add(pile, leaf);
        add(pile, leaf); /* each once */
    }
    g_assert_cmpuint(pile->certificates->len, ==, PILE_CERTIFICATES_MAX);
    authority_end(&authority);
}

/* A request lies on each drive, and is no secret: who has one can sign it. By hand it is a person's
 * decision. */
static void
test_drive_of_a_stranger(void)
{
    BEGIN();
    struct authority stranger;
    g_autoptr(X509_STORE) known = X509_STORE_new();
    g_autoptr(GError) error = NULL;
    AUTO(pile) *good = pile_new();
    authority_begin(&stranger);
    X509_STORE_add_cert(known, authority.root);
    g_autoptr(X509) rogue = sign_request(&stranger, world, NOW + 90 * DAY);
    g_autoptr(X509) leaf = sign_request(&authority, world, NOW + 80 * DAY);
    add(pile, rogue);
    add(pile, stranger.issuing);
    g_assert_false(site_import(world->site, pile, TRUE, known, NOW, &error));
    g_assert_nonnull(strstr(error->message, "does not have 'Public Root X1'"));
    g_assert_null(world->site->state->public.chain);
    g_clear_error(&error);
    add(good, leaf);
    add(good, authority.issuing);
    site_import(world->site, good, TRUE, known, NOW, &error);
    g_assert_no_error(error);
    site_import(world->site, pile, FALSE, known, NOW, &error);
    g_assert_no_error(error);
    authority_end(&authority);
    authority_end(&stranger);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert-public/request-and-import", test_round_trip);
    g_test_add_func("/cert-public/the-same-request-signed-again",
                    test_the_same_request_signed_again);
    g_test_add_func("/cert-public/roll-back", test_roll_back);
    g_test_add_func("/cert-public/roll-back-to-the-sites-own", test_roll_back_to_the_sites_own);
    g_test_add_func("/cert-public/with-its-key", test_with_its_key);
    g_test_add_func("/cert-public/each-mistake-has-its-sentence", test_what_is_wrong);
    g_test_add_func("/cert-public/names-that-it-is-not-for-are-told", test_not_for_all_names);
    g_test_add_func("/cert-public/a-wildcard-is-for-all-below", test_a_wildcard_is_for_all_below);
    g_test_add_func("/cert-public/never-an-older-one", test_older_than_the_present);
    g_test_add_func("/cert-public/weak-keys", test_weak_keys);
    g_test_add_func("/cert-public/signed-by-itself", test_signed_by_itself);
    g_test_add_func("/cert-public/der-and-junk", test_der_and_junk);
    g_test_add_func("/cert-public/pkcs7", test_pkcs7);
    g_test_add_func("/cert-public/too-many", test_too_many);
    g_test_add_func("/cert-public/a-drive-of-a-stranger", test_drive_of_a_stranger);
    return g_test_run();
}
