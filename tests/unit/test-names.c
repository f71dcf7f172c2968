/* names: what clients call themselves becomes labels that nobody else has. */
#include "netsvc/dhcp/serve/names.h"

#include "tests/unit/dhcp_clinic.h"

#define TAKE(...) clinic_take(clinic, &(struct wish){__VA_ARGS__})
#define JOIN(...) clinic_join(clinic, (struct wish){__VA_ARGS__})

static void
a_name_is_cleaned_to_a_label(void)
{
    static const struct {
        const char *said, *label;
    } rows[] = {
        {"phone", "phone"},
        {"Phone7", "phone7"},
        {"Amina's iPhone", "amina-s-iphone"},
        {"M\xc3\xbcller", "m-ller"},
        {"--a--b--", "a-b"},
        {"a_b", "a-b"},
        {"phone.evil.example", "phone"},
        {".phone", ""},
        {"'", ""},
        {"", ""},
        {"localhost", ""},
        {"WPAD", ""},
        {"wpad.x", ""},
        {"a\nb", "a-b"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789",
         "012345678901234567890123456789012345678901234567890123456789012"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        char label[LEASE_NAME_MAX];
        names_clean((const guint8 *)rows[i].said, strlen(rows[i].said), label);
        g_assert_cmpstr(label, ==, rows[i].label);
    }
}

/* What DNS hears when a client joins. */
static const char *
heard_of(struct clinic *clinic, struct wish wish)
{
    g_string_truncate(clinic->heard, 0);
    g_assert_cmpuint(clinic_join(clinic, wish), !=, 0);
    char *equals = strchr(clinic->heard->str, '=');
    if (equals != NULL)
        *equals = '\0';
    return clinic->heard->str;
}

#define HEARD(...) heard_of(clinic, (struct wish){__VA_ARGS__})

static void
each_client_has_a_name_of_its_own(void)
{
    AUTO(clinic) *clinic = clinic_new();
    struct config_name service = {.name = (char *)"server.ward.example"};
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, &service);
    clinic->config.dns.names = names;
    clinic_serve(clinic);
    g_assert_cmpstr(HEARD(.client = 7, .hostname = "phone"), ==, "+phone.ward.example");
    g_assert_cmpstr(HEARD(.client = 8, .hostname = "phone"), ==, "+phone-2.ward.example");
    g_assert_cmpstr(HEARD(.client = 9, .hostname = "PHONE"), ==, "+phone-3.ward.example");
    g_assert_cmpstr(HEARD(.client = 8, .hostname = "phone"), ==, "+phone-2.ward.example");
    g_assert_cmpstr(HEARD(.client = 10, .hostname = "server"), ==, "+server-2.ward.example");
    g_assert_cmpstr(HEARD(.client = 11, .hostname = "printer"), ==, "+printer-2.ward.example");
    g_assert_cmpstr(HEARD(.client = PRINTER), ==, "+printer.ward.example");
    g_assert_cmpstr(HEARD(.client = 12), ==, "");
    g_assert_cmpstr(HEARD(.client = 13, .hostname = "phone", .giaddr = RELAY), ==,
                    "+phone.annex.example");
    for (guint16 client = 100; client < 106; client++)
        HEARD(.client = client, .hostname = "phone");
    HEARD(.client = 106, .hostname = "phone");
    g_assert_true(g_str_has_prefix(clinic->heard->str, "+phone-10-0-0-1"));
}

static void
a_name_changes_and_goes_with_its_lease(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7, .hostname = "one");
    g_string_truncate(clinic->heard, 0);
    TAKE(.type = PACKET_REQUEST, .client = 7, .ciaddr = address, .hostname = "two");
    g_autofree char *changed = g_strdup_printf("-one.ward.example=%u +two.ward.example=%u ",
                                               address & 0xff, address & 0xff);
    g_assert_cmpstr(clinic->heard->str, ==, changed);
    g_assert_cmpstr(leases_of_address(clinic->leases, address)->name, ==, "two");
    g_assert_cmpstr(HEARD(.client = 7), ==, "+two.ward.example"); /* it just does not say it */
    g_assert_cmpstr(HEARD(.client = 8, .hostname = "one"), ==, "+one.ward.example");
    g_string_truncate(clinic->heard, 0);
    clinic->now += LEASE;
    server_expire(clinic->server);
    g_assert_nonnull(strstr(clinic->heard->str, "-two.ward.example"));
    g_assert_cmpstr(HEARD(.client = 9, .hostname = "two"), ==, "+two.ward.example");
    g_assert_cmpstr(HEARD(.client = 7, .hostname = "two"), ==, "+two-2.ward.example");
}

static void
a_name_goes_with_its_client_to_another_network(void)
{
    AUTO(clinic) *clinic = clinic_new();
    struct config_subnet *annex = clinic->config.dhcp.subnets->pdata[1];
    g_free(annex->domain);
    annex->domain = g_strdup("ward.example");
    clinic_serve(clinic);
    guint32 here = JOIN(.client = 7, .hostname = "phone");
    g_string_truncate(clinic->heard, 0);
    guint32 there = JOIN(.client = 7, .hostname = "phone", .giaddr = RELAY);
    g_autofree char *moved = g_strdup_printf("-phone.ward.example=%u +phone.ward.example=%u ",
                                             here & 0xff, there & 0xff);
    g_assert_cmpstr(clinic->heard->str, ==, moved);
    g_assert_cmpstr(leases_of_address(clinic->leases, here)->name, ==, "");
    g_assert_cmpstr(HEARD(.client = 8, .hostname = "phone"), ==, "+phone-2.ward.example");
}

/* RFC 4702 4 */
static void
the_name_in_option_81_counts_and_is_answered(void)
{
#define ROW(asked, name, heard, flags, answer)                                                     \
    {                                                                                              \
        asked "\0\0" name, sizeof(asked "\0\0" name) - 1, heard, flags, answer, sizeof answer - 1  \
    }
    static const struct {
        const char *fqdn;
        gsize size;
        const char *heard;
        guint8 flags;
        const char *answer;
        gsize answer_size;
    } rows[] = {
        ROW("\1", "Tab.old.example", "+tab.ward.example", 1, "tab.ward.example"),
        ROW("\0", "tab", "+tab.ward.example", 3, "tab.ward.example"),
        ROW("\5", "\3tab\7example\0", "+tab.ward.example", 5, "\3tab\4ward\7example\0"),
        ROW("\4", "\3tab", "+tab.ward.example", 7, "\3tab\4ward\7example\0"),
        ROW("\x08", "tab", "", 8, ""),
        ROW("\x0c", "\3tab\0", "", 12, "\0"),
        ROW("\5", "\x3ftab", "+host.ward.example", 5, "\4host\4ward\7example\0"),
        ROW("\1", "", "+host.ward.example", 1, "host.ward.example"),
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(clinic) *clinic = clinic_new();
        g_assert_cmpstr(
            HEARD(.client = 7, .hostname = "host", .fqdn = rows[i].fqdn, .fqdn_size = rows[i].size),
            ==, rows[i].heard);
        const struct packet_bytes *answer = &clinic->answer.options[PACKET_FQDN];
        g_assert_cmpuint(answer->size, ==, 3 + rows[i].answer_size);
        g_assert_cmpuint(answer->data[0], ==, rows[i].flags);
        g_assert_cmpuint(answer->data[1], ==, 255);
        g_assert_cmpmem(answer->data + 3, (int)rows[i].answer_size, rows[i].answer,
                        (int)rows[i].answer_size);
    }
    AUTO(clinic) *clinic = clinic_new(); /* a reservation's name is wanted by who runs the clinic */
    g_assert_cmpstr(HEARD(.client = PRINTER, .fqdn = "\x08\0\0x", .fqdn_size = 4), ==,
                    "+x.ward.example");
    g_assert_cmpuint(clinic->answer.options[PACKET_FQDN].data[0], ==, 3);
}

static void
a_client_learns_its_name_when_it_asks(void)
{
    AUTO(clinic) *clinic = clinic_new();
    JOIN(.client = 7, .hostname = "Phone 7", .parameters = "\x0c");
    const struct packet_bytes *name = &clinic->answer.options[PACKET_HOSTNAME];
    g_assert_cmpmem(name->data, (int)name->size, "phone-7", 7);
    JOIN(.client = 8, .hostname = "Phone 8");
    g_assert_false(packet_has(&clinic->answer, PACKET_HOSTNAME));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/names/a name is cleaned to a label", a_name_is_cleaned_to_a_label);
    g_test_add_func("/names/each client has a name of its own", each_client_has_a_name_of_its_own);
    g_test_add_func("/names/a name changes and goes with its lease",
                    a_name_changes_and_goes_with_its_lease);
    g_test_add_func("/names/a name goes with its client to another network",
                    a_name_goes_with_its_client_to_another_network);
    g_test_add_func("/names/the name in option 81 counts and is answered",
                    the_name_in_option_81_counts_and_is_answered);
    g_test_add_func("/names/a client learns its name when it asks",
                    a_client_learns_its_name_when_it_asks);
    return g_test_run();
}
