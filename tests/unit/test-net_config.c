/* net_config: each mistake of netsvc's configuration is told with its line, and what is right is
 * read as numbers. */
#include "lib/base/fail.h"
#include "netsvc/config/config.h"

#include "net_line.h"

#include <arpa/inet.h>

/* ---- mistakes ---- */

#define SUBNET "[subnet s]\nnetwork = 10.0.0.0/24\n"

static const struct {
    const char *text;
    guint line; /* of the mistake; 0: it is in another file, or nowhere */
    const char *wanted;
} mistakes[] = {
    /* [net] */
    {"[net]\nservice_address = 10.0.0\n", 2, "service_address: '10.0.0' is no IPv4 address"},
    {"[net]\nservice_address = fd00::1\n", 2, "'fd00::1' is no IPv4 address"},
    /* [peer] */
    {"[net]\nservice_address = 10.0.0.9\n[peer a]\naddresses = 10.0.0.1\n[peer b]\n"
     "addresses = 10.0.0.2;10.0.0.1\n",
     6, "addresses: [peer a] has the same one"},
    {"[node]\nname = c\n[net]\nservice_address = 10.0.0.9\n[peer a]\naddresses = 10.0.0.1\n"
     "[peer b]\naddresses = 10.0.0.2\n",
     2, "this node is 'c', and there is no [peer c]\nhint: `name` under [node]"},
    /* [dns] */
    {"[dns]\nlisten = 10.0.0.1;x\n", 2, "listen: 'x' "},
    {"[dns]\nlisten = 10.0.0.1:0\n", 2, "listen: "},
    {"[dns]\nlisten = 10.0.0.1:65536\n", 2, "listen: "},
    {"[dns]\nforwarders = dns.example\n", 2, "forwarders: 'dns.example' "},
    {"[dns]\nnetworks = 10.0.0.1/8\n", 2, "write 10.0.0.0/8"},
    {"[dns]\nnetworks = 10.0.0.0/33\n", 2, "no number from 0 to 32"},
    {"[dns]\nnetworks = fd00::/129\n", 2, "no number from 0 to 128"},
    {"[dns]\nnetworks = 10.0.0.0/255.255.0.0\n", 2, "16 for 255.255.0.0"},
    {"[dns]\nnetworks = fd00::1/8\n", 2, "write fd00::/8"},
    {"[dns]\nlisten = 10.0.0.1, 10.0.0.2\n", 2, "hint: several are separated by ;"},
    {"[dns]\naddress_networks = a\n", 2, "address_networks: 'a' is no network"},
    {"[dns]\naddress_zone = a..b\n", 2, "address_zone: 'a..b' has an empty label"},
    {"[dns]\nnames = a.example\n", 2, "names: "},
    {"[dns]\nnames = a.example=b\n", 2, "names: "},
    {"[dns]\nnames = a.*.example=10.0.0.1\n", 2, "names: "},
    {"[dns]\ntsig = /does/not/exist\n", 2, "/does/not/exist"},
    /* [zone] */
    {"[zone a b]\nfile = /z\n", 1, "[zone]: "},
    {"[zone a.example]\nfile = /z\nprimaries = 10.0.0.1\n", 3, "has no file here"},
    {"[zone a.example]\nprimaries = 10.0.0.1\nsign = yes\n", 3, "is signed there"},
    {"[zone a.example]\nfile = /z\nsign = yes\n", 3, "no folder for the keys"},
    {"[zone a.example]\nfile = /z\ntsig = k\n", 3, "no key of that name"},
    {"[zone a.example]\nnotify = x\n", 2, "notify: 'x' "},
    {"[zone a.example]\nfile = /z\n[zone A.example]\nfile = /y\n", 3, "is set already, in line 1"},
    /* [subnet] */
    {"[subnet s]\nnetwork = x\n", 2, "network: 'x' is no network"},
    {"[subnet s]\nnetwork = fd00::/64\n", 2, "no IPv4 network with a prefix of 8 to 30 bits"},
    {"[subnet s]\nnetwork = 10.0.0.0/31\n", 2, "with a prefix of 8 to 30"},
    {"[subnet s]\nnetwork = 10.0.0.0/7\n", 2, "with a prefix of 8 to 30"},
    {SUBNET "[subnet t]\nnetwork = 10.0.0.128/25\n", 4, "it overlaps [subnet s], in line 1"},
    {SUBNET "pools = 10.0.0.0-10.0.0.9\n", 3, "is not inside the network 10.0.0.0/24"},
    {SUBNET "pools = 10.0.0.9-10.0.0.255\n", 3, "have 10.0.0.1-10.0.0.254"},
    {SUBNET "pools = 10.0.0.9-10.0.0.1\n", 3, "ends before it begins"},
    {SUBNET "pools = 10.0.0.1-10.0.0.9;10.0.0.9\n", 3, "overlaps the pool before it"},
    {SUBNET "pools = 10.0.0.x\n", 3, "is no IPv4 address"},
    {SUBNET "pools = 10.0.0.1-10.0.0.9=59\n", 3, "'59' is no lease time of 60 to"},
    {SUBNET "pools = =600\n", 3, "has no addresses"},
    {"[net]\nservice_address = 10.0.0.5\n" SUBNET "pools = 10.0.0.1-10.0.0.9\n", 5,
     "a pool holds the service address 10.0.0.5"},
    {"[net]\nservice_address = 10.0.0.5\n" SUBNET "router = 10.0.0.5\n", 5,
     "the service address 10.0.0.5 is no router"},
    {SUBNET "router = a\n", 3, "router: 'a' is no IPv4 address"},
    {SUBNET "dns = a\n", 3, "dns: 'a' is no IPv4 address"},
    {SUBNET "ntp = a\n", 3, "ntp: 'a' is no IPv4 address"},
    {SUBNET "search = a b\n", 3, "search: 'a b' "},
    {SUBNET "domain = a..b\n", 3, "domain: 'a..b' has an empty label"},
    {SUBNET "interface = a-name-that-is-too-long\n", 3, "is no name of an interface"},
    {SUBNET "mtu = 67\n", 3, "it is less than 68"},
    {SUBNET "lease = 3600\nlease_max = 60\n", 4, "it is less than 'lease'"},
    {SUBNET "options = 999=x\n", 3, "options: "},
    {SUBNET "options = no-such-option=1\n", 3, "options: "},
    {SUBNET "options = 150=10.0.0.1;150=10.0.0.2\n", 3, "option 150 stands there twice"},
    /* [host] */
    {SUBNET "[host a.b]\naddress = 10.0.0.1\n", 3, "'a.b' is no name without a dot"},
    {SUBNET "[host a]\naddress = 10.1.0.1\n", 4, "10.1.0.1 is in no [subnet]"},
    {SUBNET "[host a]\naddress = 10.0.0.255\n", 4, "is no host's: it names the network"},
    {SUBNET "[host a]\naddress = 10.0.0.0\n", 4, "is no host's: it names the network"},
    {"[net]\nservice_address = 10.0.0.5\n" SUBNET "[host a]\naddress = 10.0.0.5\n", 6,
     "is the service address"},
    {SUBNET "[host a]\naddress = 10.0.0.1\nmac = 52:54\n", 5, "is no hardware address"},
    {SUBNET "[host a]\naddress = 10.0.0.1\nclient_id = xy\n", 5, "client_id: "},
    {SUBNET "[host a]\naddress = 10.0.0.1\n[host b]\naddress = 10.0.0.1\n", 6,
     "[host a] has it already, in line 3"},
    {SUBNET "[host a]\naddress = 10.0.0.1\nmac = 52:54:00:00:00:01\n[host b]\naddress = "
            "10.0.0.2\nmac = 52:54:00:00:00:01\n",
     8, "[host a] is the same client, in line 3"},
    {SUBNET "[host a]\naddress = 10.0.0.1\nclient_id = 01:02\n[host b]\naddress = "
            "10.0.0.2\nclient_id = 0102\n",
     8, "[host a] is the same client, in line 3"},
};

static void
test_mistakes(void)
{
    AUTO(scratch) *scratch = scratch_new();
    for (gsize i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autoptr(GError) error = NULL;
        AUTO(command_line) *line = net_line(scratch, mistakes[i].text);
        AUTO(config) *config = config_read(line, &error);
        g_autofree char *where = g_strdup_printf("%s/c:%u: ", scratch->path, mistakes[i].line);
        g_test_message("%s", mistakes[i].text);
        g_assert_null(config);
        g_assert_cmpint(fail_exit_code(error), ==, FAIL_USAGE);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, mistakes[i].wanted));
        g_assert_true(g_str_has_prefix(error->message, where));
    }
}

/* ---- all of them at once ---- */

static void
test_all(void)
{
    static const char text[] = "[net]\nservice_address = x\n"                 /* 2 */
                               "[dns]\nlisten = y\nnames = z\n"               /* 4, 5 */
                               "[subnet s]\nnetwork = q\n"                    /* 7 */
                               "[subnet t]\nnetwork = 10.0.0.0/24\nmtu = 3\n" /* 10 */
                               "[zone a.example]\nfile = /z\nsign = yes\n"    /* 13 */
                               "[host h]\naddress = 10.9.9.9\n"; /* follows from the subnets */
    static const guint lines[] = {2, 7, 10, 4, 5, 13};
    AUTO(scratch) *scratch = scratch_new();
    AUTO(command_line) *line = net_line(scratch, text);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)g_error_free);
    g_assert_null(config_read_all(line, found));
    g_assert_cmpuint(found->len, ==, G_N_ELEMENTS(lines));
    for (guint i = 0; i < found->len; i++) {
        g_autofree char *where = g_strdup_printf("%s/c:%u: ", scratch->path, lines[i]);
        g_assert_true(g_str_has_prefix(((GError *)found->pdata[i])->message, where));
    }
}

/* ---- what is right ---- */

static void
test_right(void)
{
    static const char text[] =
        "[net]\nservice_address = 10.0.0.10\n"
        "[dns]\nnames = A.example=10.0.0.10;*.a.example=fd00::1\nlisten = 10.0.0.1;[fd00::1]:5353\n"
        "[subnet s]\nnetwork = 10.0.0.0/24\npools = 10.0.0.100-10.0.0.199;10.0.0.20 = 600\n"
        "domain = LAN.a.example.\nlease = 100000\n"
        "options = captive-portal=https://clinic.example/;150=10.0.0.7\n"
        "[subnet t]\nnetwork = 10.0.1.0/30\n"
        "[host Printer]\naddress = 10.0.0.150\nmac = 52-54-00-00-00-0A\n";
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    AUTO(command_line) *line = net_line(scratch, text);
    AUTO(config) *config = config_read(line, &error);
    g_assert_no_error(error);
    const struct config_subnet *subnet = config->dhcp.subnets->pdata[0];
    const struct config_range *pool = &g_array_index(subnet->pools, struct config_range, 0);
    const struct config_host *host = config->dhcp.hosts->pdata[0];
    const struct config_name *name = config->dns.names->pdata[1];
    const struct sockaddr_in6 *six =
        (const struct sockaddr_in6 *)&g_array_index(config->dns.listen, struct config_peer, 1)
            .address;
    g_assert_cmphex(config->service_address, ==, 0x0a00000a);
    g_assert_cmpuint(pool->lease, ==, 600);
    g_assert_true(config_pool_of(subnet, 0x0a000064) == pool + 1);
    g_assert_null(config_pool_of(subnet, 0x0a000015));
    g_assert_true(config->dhcp.enabled && config->dns.enabled);
    g_assert_cmphex(subnet->network, ==, 0x0a000000);
    g_assert_cmphex(subnet->mask, ==, 0xffffff00);
    g_assert_cmphex(pool->first, ==, 0x0a000014); /* ascending */
    g_assert_cmpstr(subnet->domain, ==, "lan.a.example");
    g_assert_cmpuint(subnet->lease_max, ==, 100000);
    const struct config_option *portal = subnet->options->pdata[0];
    g_assert_cmpuint(portal->code, ==, 114);
    g_assert_cmpuint(g_bytes_get_size(portal->data), ==, strlen("https://clinic.example/"));
    g_assert_cmpstr(host->name, ==, "printer");
    g_assert_cmpuint(host->mac[5], ==, 0x0a);
    g_assert_cmpstr(name->name, ==, "*.a.example");
    g_assert_cmpint(name->family, ==, AF_INET6);
    g_assert_cmpuint(ntohs(six->sin6_port), ==, 5353);
    g_assert_true(config_subnet_of(&config->dhcp, 0x0a000102) == config->dhcp.subnets->pdata[1]);
    g_assert_null(config_subnet_of(&config->dhcp, 0x0a000104));
    g_assert_cmpuint(config->dns.networks->len, ==, 2); /* the subnets, by default */
}

static void
test_networks(void)
{
    static const struct {
        const char *networks, *address;
        gboolean in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", TRUE},
        {"10.0.0.0/8", "11.0.0.0", FALSE},
        {"10.0.0.0/8", "a00::", FALSE},
        {"192.168.1.128/25", "192.168.1.128", TRUE},
        {"192.168.1.128/25", "192.168.1.127", FALSE},
        {"10.0.0.0/8;fc00::/7", "fd00::1", TRUE},
        {"fc00::/7", "fe00::1", FALSE},
        {"0.0.0.0/0", "203.0.113.1", TRUE},
        {"0.0.0.0/0", "fd00::1", FALSE},
        {"10.0.0.7", "10.0.0.7", TRUE},
        {"10.0.0.7", "10.0.0.6", FALSE},
    };
    AUTO(scratch) *scratch = scratch_new();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("[dns]\nnetworks = %s\n", cases[i].networks);
        AUTO(command_line) *line = net_line(scratch, text);
        AUTO(config) *config = config_read(line, &error);
        int family = strchr(cases[i].address, ':') != NULL ? AF_INET6 : AF_INET;
        guint8 address[16];
        g_assert_no_error(error);
        g_assert_cmpint(inet_pton(family, cases[i].address, address), ==, 1);
        g_test_message("%s in %s", cases[i].address, cases[i].networks);
        g_assert_cmpint(config_networks_have(config->dns.networks, family, address), ==,
                        cases[i].in);
    }
}

/* ---- keys ---- */

static void
test_keys(void)
{
    static const struct {
        const char *file, *wanted;
    } cases[] = {
        {"key \"k\" { algorithm hmac-sha256; secret \"AAAAAAAAAAAAAAAAAAAAAA==\"; };\n", NULL},
        {"# a comment\n// another\nkey K. {\n algorithm HMAC-SHA512;\n secret "
         "AAAAAAAAAAAAAAAAAAAAAA==;\n};\n",
         NULL},
        {"", NULL},
        {"key", "'' is no name of 1 to 253 bytes"},
        {"keys { };", "line 1: 'keys' stands where 'key' is expected"},
        {"\n\nkey k { algorithm hmac-md5; };", "hmac-md5"},
        {"key k { algorithm hmac-sha256; };", "has no algorithm or no secret"},
        {"key k { secret \"AAAA\"; };", "the secret is not of"},
        {"key k { secret", "ends inside a key"},
        {"key k { colour red; };", "'colour' is neither"},
        {"key k { algorithm hmac-sha256 secret x; };", "stands where ';' is expected"},
        {"key k { algorithm hmac-sha256; algorithm hmac-sha256; };", "or stands twice"},
    };
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *text = g_strdup_printf("[dns]\ntsig = %s/keys\n", scratch->path);
    g_autofree char *where = g_strdup_printf("%s/c:2: tsig: ", scratch->path);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        scratch_write(scratch, "keys", cases[i].file, strlen(cases[i].file));
        AUTO(command_line) *line = net_line(scratch, text);
        AUTO(config) *config = config_read(line, &error);
        g_test_message("%s: %s", cases[i].file, error != NULL ? error->message : "well");
        if (cases[i].wanted == NULL) {
            g_assert_no_error(error);
            continue;
        }
        g_assert_null(config);
        g_assert_nonnull(strstr(error->message, cases[i].wanted));
        g_assert_true(g_str_has_prefix(error->message, where));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net_config/each mistake is told with its line", test_mistakes);
    g_test_add_func("/net_config/check-config hears of all of them at once", test_all);
    g_test_add_func("/net_config/what is right is read as numbers", test_right);
    g_test_add_func("/net_config/an address is in its networks and in no other", test_networks);
    g_test_add_func("/net_config/a file of keys is read as tsig-keygen writes it", test_keys);
    return g_test_run();
}
