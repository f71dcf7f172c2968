#include "netsvc/web/acme/validate/tls_probe.h"

#include "lib/base/hash.h"
#include "netsvc/web/acme/validate/addresses.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define IDENTIFIER_OID "1.3.6.1.5.5.7.1.31" /* id-pe-acmeIdentifier */
#define OCTETS_HEAD 2                       /* bytes of DER before the digest */

struct tls_probe {
    const struct world *world;
    char *host, *expected;
    gboolean is_address;
    struct addresses *addresses;
    GArray *places; /* struct config_peer */
    guint place;
    struct bufferevent *stream;
    struct event *ended, *limit;
    GError *error;
    probe_done done;
    gpointer context;
};

/* ---- the certificate ---- */

static gboolean
is_for(const X509 *certificate, const char *host, gboolean is_address)
{
    struct sockaddr_storage address;
    socklen_t size;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    gboolean good = sk_GENERAL_NAME_num(names) == 1;
    const GENERAL_NAME *name = good ? sk_GENERAL_NAME_value(names, 0) : NULL;
    if (good && is_address) {
        const struct sockaddr_in *in = (const void *)&address;
        const struct sockaddr_in6 *in6 = (const void *)&address;
        good = name->type == GEN_IPADD && policy_address(host, 0, &address, &size);
        const gboolean four = good && address.ss_family == AF_INET;
        good = good && ASN1_STRING_length(name->d.iPAddress) == (four ? 4 : 16) &&
               memcmp(ASN1_STRING_get0_data(name->d.iPAddress),
                      four ? (const void *)&in->sin_addr : &in6->sin6_addr, four ? 4 : 16) == 0;
    } else if (good) {
        good = name->type == GEN_DNS &&
               (gsize)ASN1_STRING_length(name->d.dNSName) == strlen(host) &&
               g_ascii_strncasecmp((const char *)ASN1_STRING_get0_data(name->d.dNSName), host,
                                   strlen(host)) == 0;
    }
    GENERAL_NAMES_free(names);
    return good;
}

static gboolean
has_digest(const X509 *certificate, const char *key_authorization)
{
    guint8 wanted[OCTETS_HEAD + HASH_SHA256_SIZE] = {V_ASN1_OCTET_STRING, HASH_SHA256_SIZE};
    ASN1_OBJECT *oid = OBJ_txt2obj(IDENTIFIER_OID, 1);
    const int place = X509_get_ext_by_OBJ(certificate, oid, -1);
    X509_EXTENSION *extension = place >= 0 ? X509_get_ext(certificate, place) : NULL;
    const ASN1_OCTET_STRING *data = extension != NULL ? X509_EXTENSION_get_data(extension) : NULL;
    hash_sha256(key_authorization, strlen(key_authorization), wanted + OCTETS_HEAD);
    ASN1_OBJECT_free(oid);
    return data != NULL && X509_EXTENSION_get_critical(extension) &&
           ASN1_STRING_length(data) == (int)sizeof wanted &&
           memcmp(ASN1_STRING_get0_data(data), wanted, sizeof wanted) == 0;
}

gboolean
tls_probe_judge(X509 *certificate, const char *host, gboolean is_address,
                const char *key_authorization, GError **error)
{
    if (certificate == NULL || !is_for(certificate, host, is_address))
        return problem_set(error, PROBLEM_INCORRECT_RESPONSE,
                           "the certificate at '%s' is not for that name alone", host);
    return has_digest(certificate, key_authorization) ||
           problem_set(error, PROBLEM_INCORRECT_RESPONSE,
                       "the certificate at '%s' has not the token with the account's key", host);
}

/* ---- asking ---- */

static void connect_next(struct tls_probe *probe);

static void
on_ended(evutil_socket_t fd, short what, void *context)
{
    struct tls_probe *probe = context;
    (void)fd;
    (void)what;
    probe->done(probe->context, probe->error);
}

static void
end(struct tls_probe *probe)
{
    evtimer_del(probe->limit);
    event_active(probe->ended, EV_TIMEOUT, 0);
}

static void
on_limit(evutil_socket_t fd, short what, void *context)
{
    struct tls_probe *probe = context;
    (void)fd;
    (void)what;
    g_clear_error(&probe->error);
    problem_set(&probe->error, PROBLEM_CONNECTION, "%s:%u did not answer within %d s", probe->host,
                probe->world->tls_port, WORLD_SECONDS);
    end(probe);
}

static void
shaken(struct tls_probe *probe)
{
    SSL *ssl = bufferevent_openssl_get_ssl(probe->stream);
    const guint8 *protocol = NULL;
    guint size = 0;
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    SSL_get0_alpn_selected(ssl, &protocol, &size);
    if (size != strlen(TLS_PROBE_PROTOCOL) || memcmp(protocol, TLS_PROBE_PROTOCOL, size) != 0)
        problem_set(&probe->error, PROBLEM_TLS, "%s:%u does not speak " TLS_PROBE_PROTOCOL,
                    probe->host, probe->world->tls_port);
    else
        tls_probe_judge(certificate, probe->host, probe->is_address, probe->expected,
                        &probe->error);
    X509_free(certificate);
    end(probe);
}

static void
on_event(struct bufferevent *stream, short what, void *context)
{
    struct tls_probe *probe = context;
    if (what & BEV_EVENT_CONNECTED) {
        shaken(probe);
        return;
    }
    g_clear_error(&probe->error);
    if (bufferevent_get_openssl_error(stream) != 0)
        problem_set(&probe->error, PROBLEM_TLS, "%s:%u: the TLS handshake failed", probe->host,
                    probe->world->tls_port);
    else
        problem_set(&probe->error, PROBLEM_CONNECTION, "%s:%u does not answer", probe->host,
                    probe->world->tls_port);
    bufferevent_free(g_steal_pointer(&probe->stream));
    probe->place++;
    connect_next(probe);
}

/* RFC 8738, 6: an address is asked for by its name in the reverse tree. */
static void
set_name(const struct tls_probe *probe, SSL *ssl, const struct config_peer *peer)
{
    g_autoptr(GString) name = g_string_new(NULL);
    const struct sockaddr_in *in = (const void *)&peer->address;
    const struct sockaddr_in6 *in6 = (const void *)&peer->address;
    if (!probe->is_address) {
        g_string_append(name, probe->host);
    } else if (peer->address.ss_family == AF_INET) {
        const guint8 *byte = (const guint8 *)&in->sin_addr;
        g_string_printf(name, "%u.%u.%u.%u.in-addr.arpa", byte[3], byte[2], byte[1], byte[0]);
    } else {
        for (int i = 15; i >= 0; i--)
            g_string_append_printf(name, "%x.%x.", in6->sin6_addr.s6_addr[i] & 15,
                                   in6->sin6_addr.s6_addr[i] >> 4);
        g_string_append(name, "ip6.arpa");
    }
    SSL_set_tlsext_host_name(ssl, name->str);
}

static void
connect_next(struct tls_probe *probe)
{
    static const guint8 protocols[] = "\012" TLS_PROBE_PROTOCOL;
    if (probe->place >= probe->places->len) {
        end(probe);
        return;
    }
    const struct config_peer *peer =
        &g_array_index(probe->places, struct config_peer, probe->place);
    SSL *ssl = SSL_new(probe->world->tls);
    SSL_set_alpn_protos(ssl, protocols, sizeof protocols - 1);
    set_name(probe, ssl, peer);
    probe->stream =
        bufferevent_openssl_socket_new(probe->world->events, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                       BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_setcb(probe->stream, NULL, NULL, on_event, probe);
    bufferevent_enable(probe->stream, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(probe->stream, (struct sockaddr *)&peer->address,
                                   (int)peer->size) != 0) {
        g_clear_error(&probe->error);
        problem_set(&probe->error, PROBLEM_CONNECTION, "%s:%u cannot be reached", probe->host,
                    probe->world->tls_port);
        end(probe);
    }
}

static void
found(gpointer context, const GArray *places, const GError *error)
{
    struct tls_probe *probe = context;
    if (error != NULL)
        probe->error = g_error_copy(error);
    else
        g_array_append_vals(probe->places, places->data, places->len);
    addresses_free(g_steal_pointer(&probe->addresses));
    connect_next(probe);
}

struct tls_probe *
tls_probe_start(const struct world *world, const char *host, gboolean is_address,
                const char *key_authorization, probe_done done, gpointer context)
{
    const struct timeval limit = {.tv_sec = WORLD_SECONDS};
    struct tls_probe *probe = g_new0(struct tls_probe, 1);
    probe->world = world;
    probe->host = g_strdup(host);
    probe->is_address = is_address;
    probe->expected = g_strdup(key_authorization);
    probe->places = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    probe->done = done;
    probe->context = context;
    probe->ended = evtimer_new(world->events, on_ended, probe);
    probe->limit = evtimer_new(world->events, on_limit, probe);
    evtimer_add(probe->limit, &limit);
    probe->addresses = addresses_start(world, host, world->tls_port, found, probe);
    return probe;
}

void
tls_probe_free(struct tls_probe *probe)
{
    if (probe == NULL)
        return;
    if (probe->stream != NULL)
        bufferevent_free(probe->stream);
    addresses_free(probe->addresses);
    event_free(probe->ended);
    event_free(probe->limit);
    g_array_unref(probe->places);
    g_clear_error(&probe->error);
    g_free(probe->expected);
    g_free(probe->host);
    g_free(probe);
}
