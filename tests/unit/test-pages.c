/* pages: each path gives what it is called after, and the private key goes to nobody unasked. */
#include "netsvc/web/pages.h"

#include "clinic_trust.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* In place of the server's. */
struct web_answer {
    int status;
    char *type;
    GByteArray *body;
    GString *fields;
};

void
web_answer_field(struct web_answer *answer, const char *name, const char *value)
{
    g_assert_null(strpbrk(value, "\r\n"));
    g_string_append_printf(answer->fields, "%s: %s\n", name, value);
}

void
web_answer_send(struct web_answer *answer, int status, const char *type, const void *body,
                gsize size)
{
    g_assert_cmpint(answer->status, ==, 0); /* once only */
    answer->status = status;
    answer->type = g_strdup(type);
    if (size > 0)
        g_byte_array_append(answer->body, body, (guint)size);
}

void
web_answer_refuse(struct web_answer *answer, int status, const char *text)
{
    web_answer_send(answer, status, "text/plain", text, strlen(text));
}

/* ---- a site ---- */

struct world {
    struct config config;
    struct trust *trust;
    struct pages *pages;
    struct web_answer answer;
    const char *agent;
};

static char *
public_answer(void)
{
    GString *text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "name", "clinic.example");
    json_text_member_string(text, "organisation", "Kibera <Clinic> & Sons");
    json_text_member_string(text, "root", CLINIC_ROOT);
    json_text_member_string(text, "issuing", CLINIC_ISSUING);
    json_text_member_string(text, "chain", CLINIC_LEAF CLINIC_ISSUING);
    json_text_member_string(text, "own_chain", CLINIC_LEAF CLINIC_ISSUING);
    json_text_member_string(text, "crl", CLINIC_CRL);
    json_text_end_object(text);
    return g_string_free(text, FALSE);
}

static void
set_up(struct world *world)
{
    g_autoptr(GError) error = NULL;
    *world = (struct world){.agent = ""};
    g_autofree char *public = public_answer();
    g_autoptr(GString) key = g_string_new(NULL);
    json_text_begin_object(key);
    json_text_member_string(key, "key", CLINIC_KEY);
    json_text_end_object(key);
    world->trust = trust_read(slice_of(public), &error);
    g_assert_no_error(error);
    g_assert_true(trust_read_key(world->trust, (struct slice){key->str, key->len}, &error));
    world->config.cert.name = (char *)"clinic.example";
    world->config.web.http = 8080;
    world->config.web.https = 8443;
    world->config.web.key_networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    world->pages = pages_new(&world->config);
    pages_trust(world->pages, world->trust);
    world->answer.body = g_byte_array_new();
    world->answer.fields = g_string_new(NULL);
}

static void
tear_down(struct world *world)
{
    pages_free(world->pages);
    trust_free(world->trust);
    g_array_unref(world->config.web.key_networks);
    g_byte_array_unref(world->answer.body);
    g_string_free(world->answer.fields, TRUE);
    g_free(world->answer.type);
}

static struct slice
fetch_from(struct world *world, const char *path, enum web_method method, const char *from)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET};
    inet_pton(AF_INET, from, &((struct sockaddr_in *)&storage)->sin_addr);
    const struct web_request request = {
        .method = method,
        .path = path,
        .host = "clinic.example:8080",
        .type = "",
        .agent = world->agent,
        .body = {"", 0},
        .from = &storage,
    };
    world->answer.status = 0;
    g_clear_pointer(&world->answer.type, g_free);
    g_byte_array_set_size(world->answer.body, 0);
    g_string_truncate(world->answer.fields, 0);
    if (!pages_handle(world->pages, &request, &world->answer))
        world->answer.status = 404;
    return (struct slice){(const char *)world->answer.body->data, world->answer.body->len};
}

static struct slice
fetch(struct world *world, const char *path)
{
    return fetch_from(world, path, WEB_GET, "10.66.1.7");
}

/* ---- what is served ---- */

#define CHAIN "application/pem-certificate-chain"

static void
test_paths(void)
{
    static const struct {
        const char *path, *type, *body;
    } paths[] = {
        {"/ca.pem", "application/x-pem-file", CLINIC_ROOT},
        {"/cert", CHAIN, CLINIC_LEAF},
        {"/server.pem", CHAIN, CLINIC_LEAF},
        {"/cert/server.pem", CHAIN, CLINIC_LEAF},
        {"/chain", CHAIN, CLINIC_ISSUING},
        {"/chain.pem", CHAIN, CLINIC_ISSUING},
        {"/cert/chain.pem", CHAIN, CLINIC_ISSUING},
        {"/fullchain", CHAIN, CLINIC_LEAF CLINIC_ISSUING},
        {"/fullchain.pem", CHAIN, CLINIC_LEAF CLINIC_ISSUING},
        {"/health", "text/plain; charset=utf-8", "ok\n"},
    };
    struct world world;
    set_up(&world);
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        struct slice body = fetch(&world, paths[i].path);
        g_assert_cmpint(world.answer.status, ==, 200);
        g_assert_cmpstr(world.answer.type, ==, paths[i].type);
        g_assert_true(slice_is(body, paths[i].body));
        fetch_from(&world, paths[i].path, WEB_HEAD, "10.66.1.7");
        g_assert_cmpint(world.answer.status, ==, 200);
    }
    tear_down(&world);
}

static X509 *
certificate_of(struct slice der)
{
    const guint8 *at = (const guint8 *)der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
    g_assert_true(certificate != NULL && at == (const guint8 *)der.data + der.size);
    return certificate;
}

static void
test_binary(void)
{
    struct world world;
    set_up(&world);
    X509 *root = certificate_of(fetch(&world, "/ca.crt"));
    g_assert_cmpstr(world.answer.type, ==, "application/x-x509-ca-cert");
    X509 *same = certificate_of(fetch(&world, "/ca.der"));
    X509 *issuing = certificate_of(fetch(&world, "/issuing.crt"));
    g_assert_cmpstr(world.answer.type, ==, "application/pkix-cert");
    g_assert_cmpint(X509_cmp(root, same), ==, 0);
    g_assert_cmpint(X509_check_issued(root, issuing), ==, X509_V_OK);
    struct slice crl = fetch(&world, "/ca.crl");
    const guint8 *at = (const guint8 *)crl.data;
    X509_CRL *read = d2i_X509_CRL(NULL, &at, (long)crl.size);
    g_assert_cmpstr(world.answer.type, ==, "application/pkix-crl");
    g_assert_cmpint(X509_CRL_verify(read, X509_get0_pubkey(root)), ==, 1);
    X509_free(root);
    X509_free(same);
    X509_free(issuing);
    X509_CRL_free(read);
    tear_down(&world);
}

static void
test_others(void)
{
    static const char *const paths[] = {"/ca.crt/", "//",         "/Ca.crt",   "/index.html",    "",
                                        "/cert/",   "/../ca.crt", "/ca%2ecrt", "/acme/directory"};
    struct world world;
    set_up(&world);
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        fetch(&world, paths[i]);
        g_assert_cmpint(world.answer.status, ==, 404);
    }
    fetch(&world, "/favicon.ico");
    g_assert_cmpint(world.answer.status, ==, 204);
    fetch_from(&world, "/ca.crt", WEB_POST, "10.66.1.7");
    g_assert_cmpint(world.answer.status, ==, 405);
    g_assert_cmpstr(world.answer.fields->str, ==, "Allow: GET, HEAD\n");
    tear_down(&world);
}

/* ---- the key ---- */

static const char *const key_paths[] = {"/key", "/server.key", "/cert/server.key", "/keys"};

static void
test_key_refused(void)
{
    struct world world;
    set_up(&world);
    for (gsize i = 0; i < G_N_ELEMENTS(key_paths); i++) {
        struct slice body = fetch(&world, key_paths[i]);
        g_autofree char *text = slice_dup(body);
        g_assert_cmpint(world.answer.status, ==, 403);
        g_assert_nonnull(strstr(text, "key_networks = 10.66.1.7"));
        g_assert_null(strstr(text, "PRIVATE KEY-----"));
    }
    tear_down(&world);
}

static void
test_key_allowed(void)
{
    struct world world;
    const struct config_network network = {AF_INET, {172, 18, 0, 0}, 16};
    set_up(&world);
    g_array_append_val(world.config.web.key_networks, network);
    for (gsize i = 0; i < G_N_ELEMENTS(key_paths); i++) {
        fetch_from(&world, key_paths[i], WEB_GET, "172.19.0.1");
        g_assert_cmpint(world.answer.status, ==, 403);
        struct slice body = fetch_from(&world, key_paths[i], WEB_GET, "172.18.0.3");
        g_assert_cmpint(world.answer.status, ==, 200);
        if (strcmp(key_paths[i], "/keys") != 0)
            g_assert_true(slice_is(body, CLINIC_KEY));
    }
    tear_down(&world);
}

static void
test_keys(void)
{
    struct world world;
    const struct config_network network = {AF_INET, {10, 0, 0, 0}, 8};
    static const struct {
        const char *member, *value;
    } members[] = {
        {"privkey", CLINIC_KEY},
        {"cert", CLINIC_LEAF},
        {"chain", CLINIC_ISSUING},
        {"fullchain", CLINIC_LEAF CLINIC_ISSUING},
    };
    set_up(&world);
    g_array_append_val(world.config.web.key_networks, network);
    struct slice body = fetch(&world, "/keys");
    g_assert_true(json_check(body, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        g_autofree char *value = NULL;
        g_assert_true(json_member_text(body, members[i].member, &value));
        g_assert_cmpstr(value, ==, members[i].value);
    }
    tear_down(&world);
}

/* ---- the page ---- */

static void
test_front(void)
{
    struct world world;
    set_up(&world);
    world.agent = "Mozilla/5.0 (Linux; Android 9; SM-J530F) AppleWebKit/537.36";
    g_autofree char *text = slice_dup(fetch(&world, "/"));
    g_autofree char *fingerprint = trust_fingerprint(world.trust);
    g_assert_cmpint(world.answer.status, ==, 200);
    g_assert_true(strchr(text, '@') == strstr(text, "@media")); /* no word was left */
    g_assert_nonnull(strstr(text, "Kibera &lt;Clinic&gt; &amp; Sons"));
    g_assert_null(strstr(text, "<Clinic>"));
    g_assert_nonnull(strstr(text, "<b>clinic.example</b>, <b>10.66.0.0/16</b>"));
    g_assert_nonnull(strstr(text, "https://clinic.example:8443/"));
    g_assert_nonnull(strstr(text, "<svg "));
    g_assert_nonnull(strstr(text, "http://clinic.example:8080/"));
    g_assert_nonnull(strstr(text, "<details open>\n<summary>Android"));
    g_assert_nonnull(strstr(text, "<details>\n<summary>iPhone"));
    fingerprint[24] = '\0';
    g_assert_nonnull(strstr(text, fingerprint));
    g_assert_null(strstr(text, "<script"));
    tear_down(&world);
}

static void
test_address(void)
{
    struct world world;
    set_up(&world);
    world.config.service_address = 0x0a42000a;
    g_autofree char *text = slice_dup(fetch(&world, "/"));
    g_assert_nonnull(strstr(text, "http://10.66.0.10:8080/"));
    g_assert_nonnull(strstr(text, "https://clinic.example:8443/"));
    g_assert_null(strstr(text, "http://clinic.example"));
    tear_down(&world);
}

static void
test_public(void)
{
    struct world world;
    set_up(&world);
    g_autofree char *own = slice_dup(fetch(&world, "/"));
    g_assert_null(strstr(own, "public certificate"));
    world.trust->public_one = TRUE;
    pages_trust(world.pages, world.trust);
    g_autofree char *text = slice_dup(fetch(&world, "/"));
    g_assert_nonnull(strstr(text, "public certificate"));
    tear_down(&world);
}

static void
test_policy(void)
{
    struct world world;
    set_up(&world);
    g_autofree char *text = slice_dup(fetch(&world, "/"));
    char *begin = strstr(text, "<style>") + strlen("<style>"), *end = strstr(text, "</style>");
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize size = sizeof digest;
    g_checksum_update(checksum, (const guchar *)begin, end - begin);
    g_checksum_get_digest(checksum, digest, &size);
    g_autofree char *hash = g_base64_encode(digest, size);
    g_autofree char *wanted = g_strdup_printf("style-src 'sha256-%s'", hash);
    g_assert_nonnull(strstr(world.answer.fields->str, "default-src 'none'"));
    g_assert_nonnull(strstr(world.answer.fields->str, wanted));
    tear_down(&world);
}

static void
test_none_yet(void)
{
    struct world world;
    set_up(&world);
    pages_trust(world.pages, NULL);
    g_autofree char *text = slice_dup(fetch(&world, "/"));
    g_assert_cmpint(world.answer.status, ==, 503);
    g_assert_nonnull(strstr(text, "lifeboat cert init"));
    g_autofree char *plain = slice_dup(fetch(&world, "/ca.crt"));
    g_assert_cmpint(world.answer.status, ==, 503);
    g_assert_nonnull(strstr(plain, "lifeboat cert init"));
    fetch(&world, "/health");
    g_assert_cmpint(world.answer.status, ==, 200);
    tear_down(&world);
}

static void
test_profile(void)
{
    struct world world;
    set_up(&world);
    g_autofree char *text = slice_dup(fetch(&world, "/lifeboat.mobileconfig"));
    g_autofree char *again = slice_dup(fetch(&world, "/lifeboat.mobileconfig"));
    g_assert_cmpstr(world.answer.type, ==, "application/x-apple-aspen-config");
    g_assert_cmpstr(text, ==, again);
    g_assert_nonnull(strstr(text, "<string>com.apple.security.root</string>"));
    g_assert_nonnull(strstr(text, "Kibera &lt;Clinic&gt; &amp; Sons"));
    tear_down(&world);
}

/* ---- what cert tells ---- */

static void
test_nonsense(void)
{
    static const char *const answers[] = {"",
                                          "{",
                                          "{}",
                                          "[]",
                                          "{\"name\":\"x\"}",
                                          "{\"name\":\"x\",\"root\":\"y\",\"chain\":\"z\"}",
                                          "{\"name\":\"x\",\"root\":\"\",\"chain\":\"\"}",
                                          "{\"name\":1,\"root\":2,\"chain\":3}"};
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(trust_read(slice_of(answers[i]), &error));
        g_assert_nonnull(error);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pages/each-path-gives-what-it-says", test_paths);
    g_test_add_func("/pages/certificates-come-as-phones-take-them", test_binary);
    g_test_add_func("/pages/other-paths-are-not-there", test_others);
    g_test_add_func("/pages/the-key-goes-to-nobody-unasked", test_key_refused);
    g_test_add_func("/pages/the-key-goes-where-it-may", test_key_allowed);
    g_test_add_func("/pages/keys-are-all-in-one", test_keys);
    g_test_add_func("/pages/the-page-shows-name-limits-and-fingerprint", test_front);
    g_test_add_func("/pages/another-phone-needs-no-name-to-find-it", test_address);
    g_test_add_func("/pages/with-a-public-certificate-that-is-tried-first", test_public);
    g_test_add_func("/pages/the-policy-allows-its-own-style-alone", test_policy);
    g_test_add_func("/pages/without-a-certificate-it-says-what-to-run", test_none_yet);
    g_test_add_func("/pages/the-profile-is-the-same-each-time", test_profile);
    g_test_add_func("/pages/what-makes-no-sense-is-refused", test_nonsense);
    return g_test_run();
}
