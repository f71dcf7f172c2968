/* The site's own authority: what it makes, and what OpenSSL and clients do with it. */
#include "cert_world.h"

#include "lib/base/fail.h"
#include "lib/crypt/base64.h"

#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/wait.h>

static X509 *
own_leaf(const struct cert_world *world)
{
    X509 *leaf = pem_read_certificate(world->site->state->own.chain);
    g_assert_nonnull(leaf);
    return leaf;
}

static void
test_init(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    const struct state *state = world->site->state;
    g_autoptr(X509) leaf = own_leaf(world), root = pem_read_certificate(state->root);
    g_autoptr(GPtrArray) chain = pem_read_chain(state->own.chain);
    g_assert_cmpuint(chain->len, ==, 2);
    g_assert_true(make_verify(leaf, chain, root, NOW, NULL));
    g_assert_cmpint(X509_check_host(leaf, "clinic.example", 0, 0, NULL), ==, 1);
    g_assert_cmpint(X509_check_host(leaf, "x.clinic.example", 0, 0, NULL), ==, 1);
    g_assert_cmpint(X509_check_host(leaf, "other.example", 0, 0, NULL), ==, 0);
    g_assert_cmpint(X509_check_ip_asc(leaf, "10.66.0.10", 0), ==, 1);
    g_assert_cmpint(X509_check_ip_asc(leaf, "10.66.0.11", 0), ==, 0);
    g_assert_cmpint(pem_not_before(leaf), ==, NOW - DAY);
    g_assert_cmpint(pem_not_after(leaf), ==, NOW + 90 * DAY);
    g_assert_cmpint(pem_not_after(root) - pem_not_before(root), >=, 10 * 365 * DAY);
    g_assert_cmpint(X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0), ==, 1);
    g_assert_cmpint(X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0), ==, 0);
    g_assert_cmpint(X509_get_pathlen(root), ==, 1);
    g_assert_cmpint(X509_get_pathlen(chain->pdata[1]), ==, 0);
    g_assert_cmpuint(X509_get_extension_flags(leaf) & EXFLAG_CA, ==, 0);
}

static void
test_never_overwritten(void)
{
    AUTO(cert_world) *world = cert_world_new();
    g_autoptr(GError) error = NULL;
    cert_world_init(world);
    g_autofree char *before = state_digest(world->site->state);
    g_assert_false(site_init(world->site, world->recovery.public, NOW, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_autofree char *after = state_digest(world->site->state);
    g_assert_cmpstr(before, ==, after);
}

static gboolean
read_sealed(void *context, guint64 offset, void *data, gsize size, GError **error)
{
    (void)error;
    memcpy(data, ((const GByteArray *)context)->data + offset, size);
    return TRUE;
}

static void
test_root_key_is_sealed(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    const struct state *state = world->site->state;
    g_autoptr(GByteArray) sealed = g_byte_array_new();
    char text[4096] = "";
    gsize got = 0;
    g_byte_array_set_size(sealed, (guint)strlen(state->root_key));
    gssize size = base64_take(slice_of(state->root_key), TRUE, sealed->data, sealed->len);
    AUTO(age_reader) *reader =
        age_reader_new(read_sealed, sealed, (guint64)size, &world->recovery, 1, NULL);
    g_assert_nonnull(reader);
    g_assert_true(age_reader_read(reader, 0, text, sizeof text - 1, &got, NULL));
    g_autoptr(EVP_PKEY) key = pem_read_key(text);
    g_autoptr(X509) root = pem_read_certificate(state->root);
    g_assert_cmpint(X509_check_private_key(root, key), ==, 1);
    /* and it is nowhere else */
    g_autofree char *plain = g_strndup(strchr(strchr(text, '\n') + 1, '\n') + 1, 40);
    GString *all = state_text(state);
    g_assert_null(strstr(all->str, plain));
    state_wipe(all);
}

/* Signed by the issuing key, as a thief of it would. */
static gboolean
holds(const struct cert_world *world, const char *name)
{
    const struct state *state = world->site->state;
    g_autoptr(X509) root = pem_read_certificate(state->root);
    g_autoptr(X509) issuing = pem_read_certificate(state->issuing);
    g_autoptr(EVP_PKEY) issuing_key = pem_read_key(state->issuing_key), key = make_key(NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new(), between = g_ptr_array_new();
    g_ptr_array_add(names, (gpointer)name);
    g_ptr_array_add(between, issuing);
    g_autoptr(X509) leaf = make_leaf(key, names, NULL, (struct make_life){NOW - DAY, NOW + DAY},
                                     (struct make_signer){issuing, issuing_key}, NULL);
    g_assert_nonnull(leaf);
    return make_verify(leaf, between, root, NOW, NULL);
}

static void
test_limits_hold(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    g_assert_true(holds(world, "clinic.example"));
    g_assert_true(holds(world, "deep.down.clinic.example"));
    g_assert_true(holds(world, "10.66.200.1"));
    g_assert_false(holds(world, "bank.example"));
    g_assert_false(holds(world, "notclinic.example"));
    g_assert_false(holds(world, "example"));
    g_assert_false(holds(world, "10.67.0.1"));
    g_assert_false(holds(world, "fd00::1"));
    g_assert_false(holds(world, "::1"));
}

static void
test_limits_read_back(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    g_autoptr(X509) issuing = pem_read_certificate(world->site->state->issuing);
    AUTO(limits) *limits = limits_read(issuing);
    g_assert_true(limits_allow(limits, "x.clinic.example"));
    g_assert_true(limits_allow(limits, "10.66.0.1"));
    g_assert_false(limits_allow(limits, "xclinic.example"));
    g_assert_false(limits_allow(limits, "10.67.0.1"));
    g_assert_false(limits_allow(limits, "fd00::1"));
}

static void
test_renewal_at_two_thirds(void)
{
    AUTO(cert_world) *world = cert_world_new();
    gboolean changed = TRUE;
    cert_world_init(world);
    g_autofree char *first = g_strdup(world->site->state->own.chain);
    g_assert_true(site_renew(world->site, NOW + 15 * DAY, &changed, NULL));
    g_assert_false(changed);
    g_assert_true(site_renew(world->site, NOW + 59 * DAY, &changed, NULL));
    g_assert_true(changed); /* the revocation list */
    g_assert_cmpstr(first, ==, world->site->state->own.chain);
    g_assert_true(site_renew(world->site, NOW + 60 * DAY, &changed, NULL));
    g_assert_true(changed);
    g_assert_cmpstr(first, !=, world->site->state->own.chain);
    g_autoptr(X509) leaf = own_leaf(world);
    g_assert_cmpint(pem_not_after(leaf), ==, NOW + 150 * DAY);
}

static void
test_renewal_for_other_names(void)
{
    AUTO(cert_world) *world = cert_world_new();
    gboolean changed = FALSE;
    cert_world_init(world);
    g_ptr_array_add(world->config->cert.names, g_strdup("files.clinic.example"));
    g_ptr_array_add(world->config->cert.names, g_strdup("bank.example"));
    g_assert_true(site_renew(world->site, NOW, &changed, NULL));
    g_assert_true(changed);
    g_autoptr(X509) leaf = own_leaf(world);
    g_autoptr(GPtrArray) names = limits_certificate_names(leaf), out = site_left_out(world->site);
    g_assert_true(limits_has(names, "files.clinic.example"));
    g_assert_false(limits_has(names, "bank.example"));
    g_assert_cmpuint(out->len, ==, 1);
    g_assert_cmpstr(out->pdata[0], ==, "bank.example");
    g_assert_true(site_renew(world->site, NOW, &changed, NULL));
    g_assert_false(changed);
}

static void
test_life_is_never_too_long(void)
{
    AUTO(cert_world) *world = cert_world_new();
    world->config->cert.days = 397;
    cert_world_init(world);
    g_autoptr(X509) leaf = own_leaf(world);
    g_assert_cmpint(pem_not_after(leaf) - pem_not_before(leaf), <=, 397 * DAY);
    g_assert_cmpint(pem_not_after(leaf), >, NOW + 395 * DAY);
}

/* ---- for others ---- */

static gboolean
issue(struct cert_world *world, const char *const *in_request, const char *const *asked,
      struct site_issued *issued, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new(), wanted = g_ptr_array_new();
    g_autoptr(EVP_PKEY) key = make_key(NULL);
    unsigned char *der = NULL;
    for (; *in_request != NULL; in_request++)
        g_ptr_array_add(names, (gpointer)*in_request);
    for (; *asked != NULL; asked++)
        g_ptr_array_add(wanted, (gpointer)*asked);
    g_autoptr(X509_REQ) request = make_request(key, names, NULL);
    const int size = i2d_X509_REQ(request, &der);
    gboolean done = site_issue(world->site, (struct slice){(const char *)der, (gsize)size}, wanted,
                               NOW, issued, error);
    OPENSSL_free(der);
    return done;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
test_issue(void)
{
    AUTO(cert_world) *world = cert_world_new();
    struct site_issued issued = {0};
    cert_world_init(world);
    g_assert_true(issue(world, NAMES("cht.clinic.example", "10.66.0.7"),
                        NAMES("10.66.0.7", "cht.clinic.example"), &issued, NULL));
    g_autoptr(GPtrArray) chain = pem_read_chain(issued.chain);
    g_autoptr(X509) root = pem_read_certificate(world->site->state->root);
    g_assert_cmpuint(chain->len, ==, 2);
    g_assert_true(make_verify(chain->pdata[0], chain, root, NOW, NULL));
    g_assert_cmpint(X509_check_host(chain->pdata[0], "cht.clinic.example", 0, 0, NULL), ==, 1);
    g_assert_cmpint(issued.life.to, ==, pem_not_after(chain->pdata[0]));
    g_assert_nonnull(state_find(world->site->state, issued.serial));
    site_issued_clear(&issued);
}

static void
refused(struct cert_world *world, const char *const *in_request, const char *const *asked,
        const char *why)
{
    struct site_issued issued = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(issue(world, in_request, asked, &issued, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_assert_nonnull(strstr(error->message, why));
}

static void
test_issue_refuses(void)
{
    AUTO(cert_world) *world = cert_world_new();
    struct site_issued issued = {0};
    g_autoptr(GError) error = NULL;
    cert_world_init(world);
    refused(world, NAMES("a.clinic.example"), NAMES("b.clinic.example"), "also asks for 'a.");
    refused(world, NAMES("a.clinic.example"), NAMES("a.clinic.example", "b.clinic.example"),
            "does not ask for 'b.");
    refused(world, NAMES("bank.example"), NAMES("bank.example"), "own names");
    refused(world, NAMES("8.8.8.8"), NAMES("8.8.8.8"), "own names");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, (gpointer) "a.clinic.example");
    g_assert_false(site_issue(world->site, slice_of("junk"), names, NOW, &issued, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
}

static gboolean
crl_names(const struct state *state, const char *serial)
{
    g_autoptr(X509_CRL) crl = pem_read_crl(state->crl);
    g_autoptr(X509) issuing = pem_read_certificate(state->issuing);
    X509_REVOKED *entry = NULL;
    BIGNUM *number = NULL;
    g_assert_cmpint(X509_CRL_verify(crl, X509_get0_pubkey(issuing)), ==, 1);
    BN_hex2bn(&number, serial);
    ASN1_INTEGER *wanted = BN_to_ASN1_INTEGER(number, NULL);
    gboolean found = X509_CRL_get0_by_serial(crl, &entry, wanted) == 1;
    ASN1_INTEGER_free(wanted);
    BN_free(number);
    return found;
}

static void
test_revoke(void)
{
    AUTO(cert_world) *world = cert_world_new();
    struct site_issued issued = {0};
    gboolean changed = FALSE;
    g_autoptr(GError) error = NULL;
    cert_world_init(world);
    g_assert_true(
        issue(world, NAMES("a.clinic.example"), NAMES("a.clinic.example"), &issued, NULL));
    g_assert_false(crl_names(world->site->state, issued.serial));
    g_assert_true(site_revoke(world->site, issued.serial, NOW, NULL));
    g_assert_true(crl_names(world->site->state, issued.serial));
    g_assert_true(site_revoke(world->site, issued.serial, NOW, NULL)); /* it stays so */
    g_assert_true(site_renew(world->site, NOW + 25 * DAY, &changed, NULL));
    g_assert_true(changed);
    g_assert_true(crl_names(world->site->state, issued.serial)); /* of the list's next issue, too */
    g_assert_false(site_revoke(world->site, "00ff", NOW, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    site_issued_clear(&issued);
}

/* ---- the state ---- */

static void
test_state_is_kept(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    g_autofree char *before = state_digest(world->site->state);
    AUTO(state) *again = state_load(world->scratch->fd, NULL);
    g_assert_nonnull(again);
    g_autofree char *after = state_digest(again);
    g_assert_cmpstr(before, ==, after);
    struct stat there;
    g_assert_cmpint(fstatat(world->scratch->fd, "state.json", &there, 0), ==, 0);
    g_assert_cmpuint(there.st_mode & 07777, ==, 0600);
}

/* One after the other, each told once it is durable. */
static void
issue_for_ever(struct cert_world *world, int told)
{
    for (;;) {
        struct site_issued issued = {0};
        if (!issue(world, NAMES("a.clinic.example"), NAMES("a.clinic.example"), &issued, NULL) ||
            write(told, &world->site->state->generation, sizeof(guint64)) != sizeof(guint64))
            _exit(1);
        site_issued_clear(&issued);
    }
}

static guint64
last_told(int from)
{
    guint64 last = 0, each;
    while (read(from, &each, sizeof each) == sizeof each)
        last = each;
    return last;
}

static void
test_killed_at_any_moment(void)
{
    AUTO(cert_world) *world = cert_world_new();
    cert_world_init(world);
    g_autofree char *root = g_strdup(world->site->state->root);
    for (guint i = 0; i < 40; i++) {
        int ends[2];
        g_assert_cmpint(pipe(ends), ==, 0);
        pid_t writer = fork();
        if (writer == 0)
            issue_for_ever(world, ends[1]);
        close(ends[1]);
        guint64 first = 0;
        g_assert_cmpint(read(ends[0], &first, sizeof first), ==, sizeof first);
        g_usleep(i * 1237 % 9000); /* wherever that is */
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        const guint64 told = MAX(first, last_told(ends[0]));
        close(ends[0]);
        struct state *now = state_load(world->scratch->fd, NULL);
        g_assert_nonnull(now);
        g_assert_cmpstr(now->root, ==, root);
        g_assert_cmpuint(now->generation, >=, told);
        g_assert_cmpuint(now->issued->len, ==, now->generation - 1);
        state_free(world->site->state);
        world->site->state = now;
    }
    g_assert_cmpuint(world->site->state->generation, >, 20);
}

static void
expect_earlier(const struct state *state, guint64 term, guint64 generation, gboolean earlier)
{
    const struct state other = {.term = term, .generation = generation};
    g_assert_cmpint(state_comes_of(state, &other), ==, earlier);
}

static void
test_state_order(void)
{
    AUTO(state) *state = state_new();
    state->term = 4;
    state->generation = 7;
    expect_earlier(state, 4, 6, TRUE);
    expect_earlier(state, 4, 7, FALSE);
    expect_earlier(state, 3, 1, FALSE); /* of a term that it does not come of */
    state_note_past(state, 3, 5);
    expect_earlier(state, 3, 5, TRUE);
    expect_earlier(state, 3, 6, FALSE);
    expect_earlier(state, 5, 1, FALSE);
    for (guint term = 5; term < 5 + STATE_PAST_MAX; term++)
        state_note_past(state, term, 1);
    g_assert_cmpuint(state->past->len, ==, STATE_PAST_MAX);
    expect_earlier(state, 3, 5, FALSE);
}

static void
test_state_refuses_half(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(state_parse(slice_of("{\"format\":1,\"own_key\":\"x\"}"), &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_null(state_parse(slice_of("{\"format\":2}"), NULL));
    g_assert_null(state_parse(slice_of("nonsense"), NULL));
}

static void
test_issued_are_bounded(void)
{
    AUTO(state) *state = state_new();
    for (guint i = 0; i < STATE_ISSUED_MAX + 5; i++) {
        g_autofree char *serial = g_strdup_printf("%08x", i);
        state_note_issued(state,
                          &(struct state_issued){serial, (char *)"a.clinic.example", NOW + i, 0});
    }
    g_assert_cmpuint(state->issued->len, ==, STATE_ISSUED_MAX);
    g_assert_null(state_find(state, "00000000"));
    g_assert_nonnull(state_find(state, "00000005"));
    state_forget(state, NOW + 10);
    g_assert_null(state_find(state, "00000009"));
    g_assert_nonnull(state_find(state, "0000000a"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert/init-makes-what-clients-accept", test_init);
    g_test_add_func("/cert/an-authority-is-never-overwritten", test_never_overwritten);
    g_test_add_func("/cert/the-root-key-is-sealed-for-the-recovery-key", test_root_key_is_sealed);
    g_test_add_func("/cert/a-stolen-issuing-key-gets-no-further", test_limits_hold);
    g_test_add_func("/cert/limits-are-read-back", test_limits_read_back);
    g_test_add_func("/cert/renewed-at-two-thirds", test_renewal_at_two_thirds);
    g_test_add_func("/cert/renewed-for-other-names", test_renewal_for_other_names);
    g_test_add_func("/cert/life-is-never-too-long", test_life_is_never_too_long);
    g_test_add_func("/cert/issue", test_issue);
    g_test_add_func("/cert/issue-refuses", test_issue_refuses);
    g_test_add_func("/cert/revoke", test_revoke);
    g_test_add_func("/cert/state-is-kept", test_state_is_kept);
    g_test_add_func("/cert/killed-at-any-moment", test_killed_at_any_moment);
    g_test_add_func("/cert/what-a-state-comes-of", test_state_order);
    g_test_add_func("/cert/half-a-state-is-refused", test_state_refuses_half);
    g_test_add_func("/cert/issued-are-bounded", test_issued_are_bounded);
    return g_test_run();
}
