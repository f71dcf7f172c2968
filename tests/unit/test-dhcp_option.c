/* dhcp_option: the text of a configuration as the bytes of its RFC, or why not. */
#include "netsvc/dhcp/packet/dhcp_option.h"

#include "lib/base/fail.h"

#include <string.h>

static void
text_becomes_the_bytes_of_its_rfc(void)
{
    static const struct {
        const char *text;
        guint8 code;
        const char *bytes;
        gsize size;
    } rows[] = {
        {"ntp-servers=10.0.0.1", 42, "\x0a\0\0\1", 4},
        {" NTP-Servers = 10.0.0.1,10.0.0.2 ", 42, "\x0a\0\0\1\x0a\0\0\2", 8},
        {"42=10.0.0.1", 42, "\x0a\0\0\1", 4},
        {"broadcast-address=10.0.0.255", 28, "\x0a\0\0\xff", 4},
        {"interface-mtu=1400", 26, "\x05\x78", 2},
        {"default-ip-ttl=64", 23, "\x40", 1},
        {"ipv6-only-preferred=1800", 108, "\0\0\7\x08", 4},
        {"2=u32:4294967295", 2, "\xff\xff\xff\xff", 4},
        {"ip-forwarding=no", 19, "\0", 1},
        {"19=yes", 19, "\1", 1},
        {"captive-portal=https://clinic.example/a=b", 114, "https://clinic.example/a=b", 26},
        {"wpad=\" \"", 252, " ", 1},
        {"vendor-specific=01:02 ff", 43, "\1\2\xff", 3},
        {"43=hex:0a0B", 43, "\x0a\x0b", 2},
        {"43=text:abc", 43, "abc", 3},
        {"224=u16: 258", 224, "\1\2", 2},
        {"224=u8:9", 224, "\x09", 1},
        {"224=addresses:10.0.0.1", 224, "\x0a\0\0\1", 4},
        {"224=domains:a.b", 224, "\1a\1b\0", 5},
        {"static-routes=10.1.0.0, 10.0.0.1", 33, "\x0a\1\0\0\x0a\0\0\1", 8},
        {"121=10.1.0.0/16 via 10.0.0.1", 121, "\x10\x0a\1\x0a\0\0\1", 7},
        {"121=0.0.0.0/0  via 10.0.0.1, 10.9.8.7/32 via 10.0.0.2", 121,
         "\0\x0a\0\0\1\x20\x0a\x09\x08\7\x0a\0\0\2", 14},
        {"121=10.9.8.0/22 via 10.0.0.2", 121, "\x16\x0a\x09\x08\x0a\0\0\2", 8},
        {"domain-search=eng.apple.com., marketing.apple.com", 119,
         /* RFC 3397 2, the example there */
         "\3eng\5apple\3com\0\x09marketing\xc0\4", 27},
        {"119=A.example,b.a.example,A.example", 119, "\1a\7example\0\1b\xc0\0\xc0\0", 17},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        struct config_option *option = dhcp_option_parse(rows[i].text, &error);
        g_assert_no_error(error);
        gsize size;
        const guint8 *bytes = g_bytes_get_data(option->data, &size);
        g_assert_cmpuint(option->code, ==, rows[i].code);
        g_assert_cmpmem(bytes, (int)size, rows[i].bytes, (int)rows[i].size);
        dhcp_option_free(option);
    }
}

static void
a_mistake_is_told_with_its_word(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"ntp", "'ntp' is no DHCP option\nhint: write NAME=VALUE"},
        {"ntp=10.0.0.1",
         "no DHCP option is named 'ntp'\nhint: write its number instead, as in 224=hex:0a0b"},
        {"0=1", "'0' is no option's number: they go from 1 to 254"},
        {"255=1", "'255' is no option's number: they go from 1 to 254"},
        {"42x=1", "'42x' is no option's number: they go from 1 to 254"},
        {"51=60", "option 51 (lease-time) is given by the server itself and cannot be set"},
        {"client-fqdn=hex:00",
         "option 81 (client-fqdn) is given by the server itself and cannot be set"},
        {"224=abc", "option 224 has no type of its own\nhint: write one in front of its value, as "
                    "in 224=hex:0a0b or 224=text:a"},
        {"ntp-servers=10.0.0", "option ntp-servers: '10.0.0' is no IPv4 address"},
        {"ntp-servers=10.0.0.1,", "option ntp-servers: '10.0.0.1,' has an empty place in its list"},
        {"ntp-servers=", "option ntp-servers: its value has 0 bytes; it must have 1 to 1024"},
        {"broadcast-address=10.0.0.1, 10.0.0.2",
         "option broadcast-address: '10.0.0.1, 10.0.0.2' is no IPv4 address"},
        {"static-routes=10.0.0.1", "option static-routes: '10.0.0.1' are no pairs of addresses"},
        {"default-ip-ttl=256", "option default-ip-ttl: '256' is no number from 0 to 255"},
        {"interface-mtu=-1", "option interface-mtu: '-1' is no number from 0 to 65535"},
        {"224=u32:4294967296", "option 224: '4294967296' is no number from 0 to 4294967295"},
        {"ip-forwarding=maybe", "option ip-forwarding: 'maybe' is neither yes nor no"},
        {"43=abc", "option 43: 'abc' is no row of bytes in hex"},
        {"114=a\tb", "option 114: the text has a control character in it"},
        {"121=10.1.0.0/16 10.0.0.1",
         "option 121: '10.1.0.0/16 10.0.0.1' is no route as 10.1.0.0/16 via 10.0.0.1"},
        {"121=10.1.0.0/33 via 10.0.0.1",
         "option 121: '10.1.0.0/33 via 10.0.0.1': '10.1.0.0/33' is no network"},
        {"121=10.1.0.0/8 via 10.0.0.1",
         "option 121: '10.1.0.0/8 via 10.0.0.1': 10.1.0.0 has bits beyond its width of 8"},
        {"121=10.1.0.0/16 via x", "option 121: '10.1.0.0/16 via x': 'x' is no IPv4 address"},
        {"119=a..b", "option 119: 'a..b' is no domain name"},
        {"119=a b", "option 119: 'a b' is no domain name"},
        {"119=.", "option 119: '.' is no domain name"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(dhcp_option_parse(rows[i].text, &error));
        g_assert_error(error, FAIL, FAIL_USAGE);
        g_assert_cmpstr(error->message, ==, rows[i].message);
    }
}

static void
what_is_too_long_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes = g_strnfill(2 * (DHCP_OPTION_MAX + 1), 'a');
    g_autofree char *text = g_strconcat("43=", bytes, NULL);
    g_assert_null(dhcp_option_parse(text, &error));
    g_assert_cmpstr(error->message, ==,
                    "option 43: its value has 1025 bytes; it must have 1 to 1024");
    g_clear_error(&error);
    text[strlen(text) - 2] = '\0';
    struct config_option *option = dhcp_option_parse(text, &error);
    g_assert_no_error(error);
    dhcp_option_free(option);

    g_autoptr(GString) names = g_string_new("119=x");
    for (guint i = 0; i < 300; i++)
        g_string_append_printf(names, ",%u", i);
    g_assert_null(dhcp_option_parse(names->str, &error));
    g_assert_cmpstr(error->message, ==, "option 119: the names take more than 1024 bytes");
}

static void
the_table_has_each_code_and_name_once(void)
{
    for (guint code = 0; code < 256; code++) {
        const struct dhcp_option *option = dhcp_option_by_code((guint8)code);
        if (option != NULL)
            g_assert_true(dhcp_option_by_name(option->name, strlen(option->name)) == option);
    }
    for (guint8 code = 50; code < 60; code++)
        g_assert_cmpint(dhcp_option_by_code(code)->type, ==, DHCP_OPTION_NONE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dhcp_option/text becomes the bytes of its RFC",
                    text_becomes_the_bytes_of_its_rfc);
    g_test_add_func("/dhcp_option/a mistake is told with its word",
                    a_mistake_is_told_with_its_word);
    g_test_add_func("/dhcp_option/what is too long is refused", what_is_too_long_is_refused);
    g_test_add_func("/dhcp_option/the table has each code and name once",
                    the_table_has_each_code_and_name_once);
    return g_test_run();
}
