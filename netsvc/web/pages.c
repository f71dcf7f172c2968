#include "netsvc/web/pages.h"

#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "netsvc/web/page/front.h"
#include "netsvc/web/page/profile.h"

#include <arpa/inet.h>

#define TEXT "text/plain; charset=utf-8"
#define CERTIFICATE "application/x-x509-ca-cert"
#define PEM "application/x-pem-file"
#define CHAIN "application/pem-certificate-chain" /* RFC 8555, 9.1 */

struct pages {
    const struct config *config;
    const struct trust *trust;
    GHashTable *fronts; /* device → the page's text, as made last */
    char *policy;
};

struct page {
    const char *path, *type;
    GBytes *(*bytes)(const struct trust *trust); /* a new reference; NULL: there is none */
    gboolean secret;                             /* only for key_networks */
};

/* ---- what is served ---- */

static GBytes *
text_bytes(const char *text)
{
    return text != NULL ? g_bytes_new(text, strlen(text)) : NULL;
}

static GBytes *
root(const struct trust *trust)
{
    return g_bytes_ref(trust->root);
}

static GBytes *
root_pem(const struct trust *trust)
{
    return text_bytes(trust->root_pem);
}

static GBytes *
issuing(const struct trust *trust)
{
    return trust->issuing != NULL ? g_bytes_ref(trust->issuing) : NULL;
}

static GBytes *
crl(const struct trust *trust)
{
    return trust->crl != NULL ? g_bytes_ref(trust->crl) : NULL;
}

static GBytes *
root_crl(const struct trust *trust)
{
    return trust->root_crl != NULL ? g_bytes_ref(trust->root_crl) : NULL;
}

static GBytes *
profile(const struct trust *trust)
{
    char *text = profile_text(trust);
    return g_bytes_new_take(text, strlen(text));
}

static GBytes *
leaf(const struct trust *trust)
{
    return text_bytes(trust->leaf);
}

static GBytes *
chain(const struct trust *trust)
{
    return text_bytes(trust->chain);
}

static GBytes *
full(const struct trust *trust)
{
    return text_bytes(trust->full);
}

static GBytes *
key(const struct trust *trust)
{
    return text_bytes(trust->key);
}

static GBytes *
keys(const struct trust *trust)
{
    if (trust->key == NULL)
        return NULL;
    GString *text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "privkey", trust->key);
    json_text_member_string(text, "cert", trust->leaf);
    json_text_member_string(text, "chain", trust->chain);
    json_text_member_string(text, "fullchain", trust->full);
    json_text_end_object(text);
    return g_string_free_to_bytes(text);
}

static const struct page table[] = {
    {"/ca.crt", CERTIFICATE, root, FALSE},
    {"/ca.der", CERTIFICATE, root, FALSE},
    {"/ca.pem", PEM, root_pem, FALSE},
    {"/lifeboat.mobileconfig", "application/x-apple-aspen-config", profile, FALSE},
    {"/issuing.crt", "application/pkix-cert", issuing, FALSE},
    {"/ca.crl", "application/pkix-crl", crl, FALSE},
    {"/root.crl", "application/pkix-crl", root_crl, FALSE},
    {"/cert", CHAIN, leaf, FALSE},
    {"/server.pem", CHAIN, leaf, FALSE},
    {"/cert/server.pem", CHAIN, leaf, FALSE},
    {"/chain", CHAIN, chain, FALSE},
    {"/chain.pem", CHAIN, chain, FALSE},
    {"/cert/chain.pem", CHAIN, chain, FALSE},
    {"/fullchain", CHAIN, full, FALSE},
    {"/fullchain.pem", CHAIN, full, FALSE},
    {"/key", PEM, key, TRUE},
    {"/server.key", PEM, key, TRUE},
    {"/cert/server.key", PEM, key, TRUE},
    {"/keys", "application/json", keys, TRUE},
};

/* ---- answers ---- */

static const char *
front_for(struct pages *pages, const char *agent)
{
    const struct config *config = pages->config;
    char address[INET_ADDRSTRLEN];
    const struct front front = {
        .name = config->cert.name,
        .address = config->service_address != 0
                       ? config_address_text(config->service_address, address)
                       : NULL,
        .device = front_device(agent),
        .trust = pages->trust,
        .http = config->web.http,
        .https = config->web.https,
    };
    char *text = g_hash_table_lookup(pages->fronts, front.device);
    if (text == NULL) {
        text = front_text(&front);
        g_hash_table_insert(pages->fronts, (gpointer)front.device, text);
    }
    return text;
}

static void
send_front(struct pages *pages, const struct web_request *request, struct web_answer *answer)
{
    const char *text = front_for(pages, request->agent);
    web_answer_field(answer, "Content-Security-Policy", pages->policy);
    web_answer_send(answer, pages->trust != NULL ? 200 : 503, "text/html; charset=utf-8", text,
                    strlen(text));
}

static const void *
address_of(const struct sockaddr_storage *from)
{
    return from->ss_family == AF_INET6
               ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
               : &((const struct sockaddr_in *)from)->sin_addr;
}

static gboolean
is_known(const struct sockaddr_storage *from)
{
    return from->ss_family == AF_INET || from->ss_family == AF_INET6;
}

/* Whether the key may be sent there. */
static gboolean
allow_key(const struct pages *pages, const struct web_request *request, struct web_answer *answer)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (is_known(request->from))
        inet_ntop(request->from->ss_family, address_of(request->from), text, sizeof text);
    if (is_known(request->from) &&
        config_networks_have(pages->config->web.key_networks, request->from->ss_family,
                             address_of(request->from))) {
        log_notice("the server's private key goes to %s, which asks for '%s'", text, request->path);
        return TRUE;
    }
    g_autofree char *why =
        g_strdup_printf("The private key is not given to %s. To allow it, write in lifeboat.conf, "
                        "under [web]: key_networks = %s",
                        text, text);
    log_debug("%s asks for '%s': refused", text, request->path);
    web_answer_refuse(answer, 403, why);
    return FALSE;
}

static void
send_page(const struct pages *pages, const struct page *page, const struct web_request *request,
          struct web_answer *answer)
{
    if (page->secret && !allow_key(pages, request, answer))
        return;
    if (pages->trust == NULL) {
        web_answer_refuse(answer, 503,
                          "There is no certificate yet. On the server, run: lifeboat cert init");
        return;
    }
    g_autoptr(GBytes) bytes = page->bytes(pages->trust);
    gsize size = 0;
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
    if (bytes == NULL)
        web_answer_refuse(answer, 404, "This site has none.");
    else
        web_answer_send(answer, 200, page->type, data, size);
}

static gboolean
send_small(const struct web_request *request, struct web_answer *answer)
{
    if (strcmp(request->path, "/health") == 0)
        web_answer_send(answer, 200, TEXT, "ok\n", 3);
    else if (strcmp(request->path, "/favicon.ico") == 0)
        web_answer_send(answer, 204, TEXT, NULL, 0);
    else
        return FALSE;
    return TRUE;
}

static const struct page *
find(const char *path)
{
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (strcmp(table[i].path, path) == 0)
            return &table[i];
    return NULL;
}

gboolean
pages_handle(void *context, const struct web_request *request, struct web_answer *answer)
{
    struct pages *pages = context;
    const struct page *page = find(request->path);
    const gboolean front = strcmp(request->path, "/") == 0;
    if (request->method == WEB_POST && (page != NULL || front)) {
        web_answer_field(answer, "Allow", "GET, HEAD");
        web_answer_refuse(answer, 405, "This can only be fetched (GET, HEAD).");
    } else if (front)
        send_front(pages, request, answer);
    else if (page != NULL)
        send_page(pages, page, request, answer);
    else
        return send_small(request, answer);
    return TRUE;
}

/* ---- the whole ---- */

struct pages *
pages_new(const struct config *config)
{
    struct pages *pages = g_new0(struct pages, 1);
    pages->config = config;
    pages->policy = front_policy();
    pages->fronts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    return pages;
}

void
pages_trust(struct pages *pages, const struct trust *trust)
{
    pages->trust = trust;
    g_hash_table_remove_all(pages->fronts);
}

void
pages_free(struct pages *pages)
{
    if (pages == NULL)
        return;
    g_hash_table_unref(pages->fronts);
    g_free(pages->policy);
    g_free(pages);
}
