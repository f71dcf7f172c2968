/* Alerts of a child: those that it has are told, and one that was taken over fills no memory. */
#include "netsvc/parent/questions.h"

#include "netsvc/roles.h"

#include <string.h>

#define MANY 20000

/* The parent knows them by name. */
const struct child_role dns_role = {.name = "dns"}, dhcp_role = {.name = "dhcp"},
                        address_role = {.name = "address"}, failover_role = {.name = "failover"},
                        cert_role = {.name = "cert"}, web_role = {.name = "web"};

static void
alert(struct world *world, const char *name, const char *text)
{
    g_autoptr(GString) packet = g_string_new(name);
    g_string_append_c(packet, '\0');
    g_string_append(packet, text);
    g_string_append_c(packet, '\0');
    questions_alert(world, 0, packet->str, packet->len);
}

static void
test_flood(void)
{
    static const struct service_ears deaf = {0};
    struct world world = {.events = event_base_new()};
    world.alerts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    world.services[0] = service_new(world.events, roles[1], &deaf);
    g_hash_table_insert(world.alerts, g_strdup("clock"), g_strdup("it is wrong"));
    alert(&world, "pool", "it is full");
    for (guint i = 0; i < MANY; i++) {
        g_autofree char *name = g_strdup_printf("pool %u", i);
        alert(&world, name, "it is full");
    }
    g_assert_cmpuint(g_hash_table_size(world.alerts), <, MANY / 10);
    alert(&world, "pool", "it is full no more"); /* what is there changes, and ends */
    g_assert_cmpstr(g_hash_table_lookup(world.alerts, "dhcp: pool"), ==, "it is full no more");
    alert(&world, "pool", "");
    g_assert_null(g_hash_table_lookup(world.alerts, "dhcp: pool"));
    questions_forget_alerts(&world, 0);
    g_assert_cmpuint(g_hash_table_size(world.alerts), ==, 1);
    g_hash_table_unref(world.alerts);
    service_free(world.services[0]);
    event_base_free(world.events);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/questions/a flood of alerts", test_flood);
    return g_test_run();
}
