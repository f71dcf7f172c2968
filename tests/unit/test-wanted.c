/*
 * wanted: which sockets a configuration wants. All that is asserted here is so on any machine: the
 * addresses are nobody's.
 */
#include "netsvc/parent/socket/sockets.h"
#include "netsvc/parent/socket/wanted.h"

#include "net_line.h"

#include <arpa/inet.h>

#define PAIR                                                                                       \
    "[node]\nname = a\n[net]\nservice_address = 192.0.2.10\n"                                      \
    "[peer a]\naddresses = 192.0.2.1;192.0.2.65:7500\n[peer b]\naddresses = 192.0.2.2\n"

struct wish {
    struct command_line *line;
    struct config *config;
    GArray *wanted;
    GPtrArray *absent;
};

static void
make(struct wish *wish, const char *text)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    wish->line = net_line(scratch, text);
    wish->config = config_read(wish->line, &error);
    g_assert_no_error(error);
    wish->wanted = g_array_new(FALSE, TRUE, sizeof(struct message_socket));
    wish->absent = g_ptr_array_new_with_free_func(g_free);
    wanted_list(wish->config, wish->wanted, wish->absent);
}

static void
clear(struct wish *wish)
{
    g_array_unref(wish->wanted);
    g_ptr_array_unref(wish->absent);
    config_free(wish->config);
    command_line_free(wish->line);
}

/* "dns 192.0.2.10:53 …": for whom, and where. */
static char *
describe(const struct wish *wish)
{
    static const char *const roles[] = {"dns", "dhcp", "web", "failover", "address", "cert"};
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < wish->wanted->len; i++) {
        const struct message_socket *each = &g_array_index(wish->wanted, struct message_socket, i);
        const struct sockaddr_in *in = (const struct sockaddr_in *)&each->address;
        char text[INET_ADDRSTRLEN];
        for (gsize k = 0; k < G_N_ELEMENTS(roles); k++)
            if (sockets_are_for(each, roles[k]))
                g_string_append_printf(out, "%s %s:%u, ", roles[k],
                                       inet_ntop(AF_INET, &in->sin_addr, text, sizeof text),
                                       ntohs(in->sin_port));
    }
    return g_string_free(out, FALSE);
}

static void
check(const char *text, const char *wanted, guint absent)
{
    struct wish wish;
    make(&wish, text);
    g_autofree char *found = describe(&wish);
    g_assert_cmpstr(found, ==, wanted);
    g_assert_cmpuint(wish.absent->len, ==, absent);
    clear(&wish);
}

static void
test_link(void)
{
    check(PAIR "[dns]\nenabled = no\n",
          "failover 192.0.2.1:7402, failover 192.0.2.65:7500, failover 127.0.0.1:7403, ", 0);
}

static void
test_service(void)
{
    check(PAIR,
          "dns 192.0.2.10:53, dns 192.0.2.10:53, failover 192.0.2.1:7402, "
          "failover 192.0.2.65:7500, failover 127.0.0.1:7403, ",
          0);
    check("[net]\nservice_address = 192.0.2.10\n", "dns 192.0.2.10:53, dns 192.0.2.10:53, ", 1);
}

static void
test_web(void)
{
    static const char some[] = "[net]\nservice_address = 192.0.2.10\n[cert]\nname = a.example\n"
                               "[dns]\nenabled = no\n";
    g_autofree char *ports = g_strconcat(some, "[web]\nhttp = 0\nhttps = 443\n", NULL);
    g_autofree char *listen = g_strconcat(some, "[web]\nlisten = 192.0.2.7;192.0.2.7\n", NULL);
    g_autofree char *off = g_strconcat(some, "[web]\nenabled = no\n", NULL);
    check(some, "web 192.0.2.10:8080, web 192.0.2.10:8443, ", 1);
    check(ports, "web 192.0.2.10:443, ", 1);
    check(listen, "web 192.0.2.7:8080, web 192.0.2.7:8443, ", 1);
    check(off, "", 1);
}

/* Nobody has those addresses: they are bound nevertheless, and wanted again they are the same. */
static void
test_open(void)
{
    struct wish wish;
    g_autoptr(GError) error = NULL;
    make(&wish, PAIR "[failover]\ntunnel = 0\n[dns]\nlisten = 192.0.2.10:5399\n[web]\n[cert]\nname "
                     "= a.example\n");
    AUTO(sockets) *first = sockets_open(wish.config, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(first->held->len, ==, 6);
    AUTO(sockets) *second = sockets_open(wish.config, first, &error); /* in use, were they others */
    g_assert_no_error(error);
    g_assert_true(sockets_equal(first, second));
    clear(&wish);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wanted/the other node calls at each address of ours", test_link);
    g_test_add_func("/wanted/with a pair a service address that is elsewhere is not missed",
                    test_service);
    g_test_add_func("/wanted/pages are served where names are", test_web);
    g_test_add_func("/wanted/sockets wait for their addresses", test_open);
    return g_test_run();
}
