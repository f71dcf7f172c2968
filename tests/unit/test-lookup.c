/* lookup: our DNS is asked by TCP, and one that does not answer there by UDP. */
#include "netsvc/web/acme/validate/lookup.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

struct site {
    struct event_base *events;
    GArray *servers;
    struct world world;
    int udp;
    struct event *asked;
    guint questions;
    gboolean forges; /* an answer to something else comes first */
    gboolean cut;
    char *text; /* that was found; NULL: none */
    char *why;
    gboolean done;
};

/* The question with one TXT record behind it, whose name points at the question's. */
static gsize
answer_of(const struct site *site, guint8 *wire, gsize size)
{
    static const guint8 record[] = "\300\14\0\20\0\1\0\0\0\74\0\4\3one";
    wire[2] |= (guint8)(0x80 | (site->cut ? 2 : 0));
    wire[7] = 1;
    memcpy(wire + size, record, sizeof record - 1);
    return size + sizeof record - 1;
}

static void
on_question(evutil_socket_t fd, short what, void *context)
{
    struct site *site = context;
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    guint8 wire[1024];
    (void)what;
    const ssize_t got = recvfrom(fd, wire, 512, 0, (struct sockaddr *)&from, &size);
    g_assert_cmpint(got, >, 12);
    site->questions++;
    const gsize length = answer_of(site, wire, (gsize)got);
    if (site->forges) {
        wire[0] ^= 1;
        sendto(fd, wire, length, 0, (struct sockaddr *)&from, size);
        wire[0] ^= 1;
    }
    sendto(fd, wire, length, 0, (struct sockaddr *)&from, size);
}

static void
is_done(gpointer context, const GPtrArray *values, const GError *error)
{
    struct site *site = context;
    site->done = TRUE;
    if (values != NULL && values->len == 1)
        site->text =
            g_strndup(g_bytes_get_data(values->pdata[0], NULL), g_bytes_get_size(values->pdata[0]));
    site->why = error != NULL ? g_strdup(error->message) : NULL;
    event_base_loopbreak(site->events);
}

/* A server that has no TCP. */
static struct site *
site_new(void)
{
    struct site *site = g_new0(struct site, 1);
    struct config_peer peer = {.size = sizeof(struct sockaddr_in)};
    struct sockaddr_in *address = (struct sockaddr_in *)&peer.address;
    socklen_t size = sizeof *address;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    site->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(site->udp, (struct sockaddr *)address, size), ==, 0);
    g_assert_cmpint(getsockname(site->udp, (struct sockaddr *)address, &size), ==, 0);
    site->events = event_base_new();
    site->servers = g_array_new(FALSE, TRUE, sizeof peer);
    g_array_append_val(site->servers, peer);
    site->world = (struct world){.events = site->events, .servers = site->servers};
    site->asked = event_new(site->events, site->udp, EV_READ | EV_PERSIST, on_question, site);
    event_add(site->asked, NULL);
    return site;
}

static void
site_free(struct site *site)
{
    if (site->asked != NULL)
        event_free(site->asked);
    if (site->udp >= 0)
        close(site->udp);
    g_array_unref(site->servers);
    event_base_free(site->events);
    g_free(site->text);
    g_free(site->why);
    g_free(site);
}
AUTO_DEFINE(site)

static void
look_up(struct site *site, const char *name)
{
    struct lookup *lookup = lookup_start(&site->world, name, LDNS_RR_TYPE_TXT, is_done, site);
    g_assert_false(site->done);
    event_base_dispatch(site->events);
    g_assert_true(site->done);
    lookup_free(lookup);
}

static void
test_by_udp_where_there_is_no_tcp(void)
{
    AUTO(site) *site = site_new();
    look_up(site, "_acme-challenge.clinic.example");
    g_assert_cmpstr(site->text, ==, "one");
    g_assert_cmpuint(site->questions, ==, 1);
}

static void
test_what_answers_another_question_is_not_taken(void)
{
    AUTO(site) *site = site_new();
    site->forges = TRUE;
    look_up(site, "_acme-challenge.clinic.example");
    g_assert_cmpstr(site->text, ==, "one");
    g_assert_null(site->why);
}

static void
test_half_an_answer_is_none(void)
{
    AUTO(site) *site = site_new();
    site->cut = TRUE;
    look_up(site, "_acme-challenge.clinic.example");
    g_assert_null(site->text);
    g_assert_nonnull(strstr(site->why, "not all of it"));
}

static void
test_nobody_is_there(void)
{
    AUTO(site) *site = site_new();
    event_free(g_steal_pointer(&site->asked));
    close(site->udp);
    site->udp = -1;
    look_up(site, "_acme-challenge.clinic.example");
    g_assert_cmpstr(site->why, ==, "our DNS does not answer");
}

static void
test_it_is_no_name(void)
{
    AUTO(site) *site = site_new();
    look_up(site, "a..b");
    g_assert_cmpstr(site->why, ==, "it is no domain name");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lookup/by UDP where there is no TCP", test_by_udp_where_there_is_no_tcp);
    g_test_add_func("/lookup/what answers another question is not taken",
                    test_what_answers_another_question_is_not_taken);
    g_test_add_func("/lookup/half an answer is none", test_half_an_answer_is_none);
    g_test_add_func("/lookup/nobody is there", test_nobody_is_there);
    g_test_add_func("/lookup/it is no name", test_it_is_no_name);
    return g_test_run();
}
