#include "netsvc/cert/answers.h"

#include "lib/base/jsontext.h"
#include "lib/crypt/base64.h"
#include "netsvc/cert/site/public.h"
#include "netsvc/cert/x509/pem.h"

static void
append_crl(GString *out, const char *name, const char *text)
{
    g_autoptr(X509_CRL) crl = pem_read_crl(text);
    g_autoptr(GString) base64 = g_string_new(NULL);
    unsigned char *der = NULL;
    const int size = crl != NULL ? i2d_X509_CRL(crl, &der) : 0;
    if (size > 0)
        base64_append(base64, der, (gsize)size, TRUE);
    OPENSSL_free(der);
    json_text_member_string(out, name, size > 0 ? base64->str : NULL);
}

static void
append_root(GString *out, const struct state *state)
{
    g_autoptr(X509) root = pem_read_certificate(state->root);
    g_autofree char *fingerprint = root != NULL ? pem_fingerprint(root) : NULL;
    json_text_member_string(out, "root", state->root);
    json_text_member_string(out, "issuing", state->issuing);
    json_text_member_string(out, "fingerprint", fingerprint);
}

GString *
answers_public(const struct site *site, gint64 now)
{
    const struct state *state = site->state;
    const struct state_served *served = state_in_force(state, now);
    g_autoptr(X509) leaf = served != NULL ? pem_read_certificate(served->chain) : NULL;
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "name", site->config->cert.name);
    json_text_member_string(out, "organisation", site->config->cert.organisation);
    append_root(out, state);
    json_text_member_string(out, "chain", served != NULL ? served->chain : NULL);
    json_text_member_string(out, "own_chain", state->own.chain);
    append_crl(out, "crl", state->crl);
    append_crl(out, "root_crl", state->root_crl);
    json_text_member_time(out, "not_after", leaf != NULL ? pem_not_after(leaf) : 0);
    json_text_end_object(out);
    return out;
}

GString *
answers_key(const struct site *site, gint64 now)
{
    const struct state_served *served = state_in_force(site->state, now);
    GString *out = g_string_sized_new(8192);
    json_text_begin_object(out);
    json_text_member_string(out, "key", served != NULL ? served->key : NULL);
    json_text_member_string(out, "chain", served != NULL ? served->chain : NULL);
    json_text_end_object(out);
    return out;
}

GString *
answers_issued(const struct site_issued *issued)
{
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "chain", issued->chain);
    json_text_member_string(out, "serial", issued->serial);
    json_text_member_time(out, "not_before", issued->life.from);
    json_text_member_time(out, "not_after", issued->life.to);
    json_text_end_object(out);
    return out;
}

static void
append_missing(GString *out, const struct site *site)
{
    g_autoptr(GPtrArray) missing = site_not_covered(site);
    json_text_member_strings(out, "missing", missing);
}

GString *
answers_request(const struct site *site)
{
    const struct state *state = site->state;
    g_autoptr(X509_REQ) request = pem_read_request(state->request.text);
    g_autoptr(GPtrArray) names = request != NULL ? limits_request_names(request) : NULL;
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "name", site->config->cert.name);
    json_text_member_string(out, "csr", state->request.text);
    json_text_member_time(out, "made", state->request.made);
    if (names != NULL)
        json_text_member_strings(out, "names", names);
    json_text_end_object(out);
    return out;
}

GString *
answers_imported(const struct site *site, const char *why_not, const char *unknown)
{
    g_autoptr(X509) leaf = pem_read_certificate(site->state->public.chain);
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_boolean(out, "imported", why_not == NULL);
    json_text_member_string(out, "why", why_not);
    json_text_member_string(out, "unknown", unknown);
    if (why_not == NULL)
        append_missing(out, site);
    if (leaf != NULL) {
        g_autofree char *subject = pem_common_name(X509_get_subject_name(leaf));
        g_autofree char *issuer = pem_common_name(X509_get_issuer_name(leaf));
        g_autofree char *fingerprint = pem_fingerprint(leaf);
        json_text_member_string(out, "subject", subject);
        json_text_member_string(out, "issuer", issuer);
        json_text_member_string(out, "fingerprint", fingerprint);
        json_text_member_time(out, "not_after", pem_not_after(leaf));
    }
    json_text_end_object(out);
    return out;
}

/* ---- show ---- */

static void
append_certificate(GString *out, const char *what, const char *chain, gboolean in_force)
{
    g_autoptr(X509) leaf = pem_read_certificate(chain);
    if (leaf == NULL)
        return;
    g_autofree char *subject = pem_common_name(X509_get_subject_name(leaf));
    g_autofree char *issuer = pem_common_name(X509_get_issuer_name(leaf));
    g_autofree char *fingerprint = pem_fingerprint(leaf), *serial = pem_serial(leaf);
    g_autoptr(GPtrArray) names = limits_certificate_names(leaf);
    json_text_begin_object(out);
    json_text_member_string(out, "what", what);
    json_text_member_string(out, "subject", subject);
    json_text_member_string(out, "issuer", issuer);
    json_text_member_strings(out, "names", names);
    json_text_member_string(out, "fingerprint", fingerprint);
    json_text_member_string(out, "serial", serial);
    json_text_member_time(out, "not_before", pem_not_before(leaf));
    json_text_member_time(out, "not_after", pem_not_after(leaf));
    json_text_member_boolean(out, "in_force", in_force);
    json_text_end_object(out);
}

static void
append_certificates(GString *out, const struct state *state, const struct state_served *served)
{
    json_text_member_array(out, "certificates");
    append_certificate(out, "root", state->root, FALSE);
    append_certificate(out, "issuing", state->issuing, FALSE);
    append_certificate(out, "own", state->own.chain, served == &state->own);
    append_certificate(out, "public", state->public.chain, served == &state->public);
    append_certificate(out, "previous", state->previous.chain, FALSE);
    json_text_end_array(out);
}

static guint
count_revoked(const struct state *state)
{
    guint count = 0;
    for (guint i = 0; i < state->issued->len; i++)
        count += ((const struct state_issued *)state->issued->pdata[i])->revoked > 0;
    return count;
}

static void
append_authority(GString *out, const struct state *state)
{
    g_autoptr(X509) root = pem_read_certificate(state->root);
    if (root == NULL) {
        json_text_member_null(out, "authority");
        return;
    }
    g_autofree char *fingerprint = pem_fingerprint(root);
    json_text_member_object(out, "authority");
    json_text_member_string(out, "fingerprint", fingerprint);
    json_text_member_time(out, "not_before", pem_not_before(root));
    json_text_member_time(out, "not_after", pem_not_after(root));
    json_text_end_object(out);
}

/* Of the pages, host byte order: the service address, else the first that is served; 0: unknown. */
static guint32
page_address(const struct config *config)
{
    if (config->service_address != 0 || config->web.listen->len == 0)
        return config->service_address;
    const struct sockaddr_in *first =
        (const void *)&g_array_index(config->web.listen, struct config_peer, 0).address;
    return first->sin_family == AF_INET ? ntohl(first->sin_addr.s_addr) : 0;
}

/* Where people install the root: by name for those who ask our DNS, by address for all. */
static void
append_page(GString *out, const struct config *config)
{
    const guint32 service = page_address(config);
    const guint port = config->web.http;
    g_autofree char *by_name = NULL, *by_address = NULL;
    char address[INET_ADDRSTRLEN];
    if (config->web.enabled && port != 0) {
        config_address_text(service, address);
        by_name = g_strdup_printf("http://%s:%u/", config->cert.name, port);
        by_address = service != 0 ? g_strdup_printf("http://%s:%u/", address, port) : NULL;
    }
    json_text_member_string(out, "page", by_name);
    json_text_member_string(out, "page_address", by_address);
}

GString *
answers_show(const struct site *site, gint64 now, const char *peer)
{
    const struct state *state = site->state;
    const struct state_served *served = state_in_force(state, now);
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "name", site->config->cert.name);
    append_authority(out, state);
    json_text_member_string(out, "in_force",
                            served == NULL             ? NULL
                            : served == &state->public ? "public"
                                                       : "own");
    json_text_member_unsigned(out, "term", state->term);
    json_text_member_unsigned(out, "generation", state->generation);
    append_certificates(out, state, served);
    append_missing(out, site);
    json_text_member_time(out, "request", state->request.made);
    json_text_member_unsigned(out, "issued", state->issued->len);
    json_text_member_unsigned(out, "revoked", count_revoked(state));
    json_text_member_string(out, "peer", peer);
    append_page(out, site->config);
    json_text_end_object(out);
    return out;
}
