/* descriptors: what a process may have open is enough for all that it opens. */
#include "netsvc/dns/descriptors.h"

#include "netsvc/dns/forward/exchange.h"
#include "netsvc/dns/serve/tcp.h"

static struct config_dns config;

static void
fill(void)
{
    config = (struct config_dns){
        .listen = g_array_new(FALSE, TRUE, sizeof(struct config_peer)),
        .forwarders = g_array_new(FALSE, TRUE, sizeof(struct config_peer)),
        .zones = g_ptr_array_new(),
    };
    g_array_set_size(config.listen, 2);
    g_array_set_size(config.forwarders, 2);
    g_ptr_array_set_size(config.zones, 10);
}

static void
test_all_is_wanted_where_it_may_be_had(void)
{
    guint wanted = descriptors_wanted(&config);
    for (guint more = 0; more < 100000; more += 50000) {
        struct descriptors share = descriptors_share(&config, wanted + more);
        g_assert_cmpuint(share.connections, ==, TCP_CONNECTIONS);
        g_assert_cmpuint(share.questions, ==, EXCHANGE_ASKS_MAX);
    }
}

static void
test_both_share_what_is_left(void)
{
    guint wanted = descriptors_wanted(&config);
    guint always = wanted - TCP_CONNECTIONS - EXCHANGE_ASKS_MAX;
    for (guint limit = always + 2; limit < wanted; limit++) {
        struct descriptors share = descriptors_share(&config, limit);
        g_assert_cmpuint(always + share.connections + share.questions, <=, limit);
        g_assert_cmpuint(always + share.connections + share.questions + 1, >=, limit);
        g_assert_cmpuint(share.connections, >, 0);
        g_assert_cmpuint(share.questions, >=, share.connections);
    }
}

static void
test_there_is_always_one_of_each(void)
{
    struct descriptors share = descriptors_share(&config, 3);
    g_assert_cmpuint(share.connections, ==, 1);
    g_assert_cmpuint(share.questions, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fill();
    g_test_add_func("/descriptors/all is wanted where it may be had",
                    test_all_is_wanted_where_it_may_be_had);
    g_test_add_func("/descriptors/both share what is left", test_both_share_what_is_left);
    g_test_add_func("/descriptors/there is always one of each", test_there_is_always_one_of_each);
    return g_test_run();
}
