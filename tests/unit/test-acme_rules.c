/* acme_rules: for whom, for what and for how much; and what is written survives. */
#include "netsvc/cert/x509/make.h"
#include "netsvc/cert/x509/pem.h"
#include "netsvc/web/acme/ledger/ledger.h"
#include "netsvc/web/acme/problem.h"
#include "netsvc/web/acme/rules/policy.h"
#include "netsvc/web/acme/rules/quotas.h"

#include "net_line.h"

#include <arpa/inet.h>

#define NOW 1800000000

static struct config *
configure(struct scratch *scratch, const char *text)
{
    g_autoptr(GError) error = NULL;
    struct command_line *line = net_line(scratch, text);
    struct config *read = config_read(line, &error);
    g_assert_no_error(error);
    command_line_free(line);
    return read;
}

static const char clinic[] = "[net]\nservice_address = 10.66.0.10\n"
                             "[cert]\nname = clinic.example\nnames = *.clinic.example\n"
                             "networks = 10.66.0.0/16\n"
                             "[web]\nlisten = 10.66.0.1\nacme_networks = 10.66.0.0/16;fd00::/8\n";

/* ---- policy ---- */

static gboolean
reaches(const struct policy *policy, const char *text)
{
    struct sockaddr_storage address;
    socklen_t size;
    g_assert_true(policy_address(text, 80, &address, &size));
    g_assert_true(policy_reaches(policy, &address) == policy_serves(policy, &address));
    return policy_reaches(policy, &address);
}

static void
test_only_addresses_of_the_networks_are_reached(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(config) *config = configure(scratch, clinic);
    AUTO(policy) *policy = policy_new(config);
    struct sockaddr_storage address;
    socklen_t size;
    g_assert_true(reaches(policy, "10.66.1.7"));
    g_assert_true(reaches(policy, "10.66.0.10"));
    g_assert_true(reaches(policy, "fd00::7"));
    g_assert_false(reaches(policy, "127.0.0.1"));
    g_assert_false(reaches(policy, "169.254.169.254"));
    g_assert_false(reaches(policy, "::1"));
    g_assert_false(reaches(policy, "::ffff:10.66.1.7"));
    g_assert_false(policy_address("10.66.1.07", 80, &address, &size));
    g_assert_false(policy_address("FD00::7", 80, &address, &size));
    g_assert_false(policy_address("", 80, &address, &size));
}

static void
test_without_networks_of_its_own_each_subnet_is_served(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(config) *config =
        configure(scratch, "[net]\nservice_address = 10.66.0.10\n[cert]\nname = clinic.example\n"
                           "[subnet wards]\nnetwork = 10.67.0.0/24\n"
                           "pools = 10.67.0.10-10.67.0.20\n");
    AUTO(policy) *policy = policy_new(config);
    g_assert_true(reaches(policy, "10.67.0.9"));
    g_assert_true(reaches(policy, "10.66.0.10"));
    g_assert_false(reaches(policy, "10.66.0.11"));
}

static void
test_names_have_one_spelling_and_are_the_sites(void)
{
    static const struct {
        const char *type, *value, *name;
        enum problem_type type_of;
    } all[] = {
        {"dns", "clinic.example", "clinic.example", 0},
        {"dns", "Laptop1.CLINIC.example", "laptop1.clinic.example", 0},
        {"dns", "*.clinic.example", "clinic.example", 0},
        {"dns", "example", NULL, PROBLEM_MALFORMED},
        {"dns", "clinic.example.", NULL, PROBLEM_MALFORMED},
        {"dns", "a_b.clinic.example", NULL, PROBLEM_MALFORMED},
        {"dns", "-a.clinic.example", NULL, PROBLEM_MALFORMED},
        {"dns", "10.66.1.7", NULL, PROBLEM_MALFORMED},
        {"dns", "xclinic.example", NULL, PROBLEM_REJECTED_IDENTIFIER},
        {"dns", "clinic.example.org", NULL, PROBLEM_REJECTED_IDENTIFIER},
        {"ip", "10.66.1.7", "10.66.1.7", 0},
        {"ip", "10.67.1.7", NULL, PROBLEM_REJECTED_IDENTIFIER},
        {"ip", "10.66.1", NULL, PROBLEM_MALFORMED},
        {"email", "a@clinic.example", NULL, PROBLEM_UNSUPPORTED_IDENTIFIER},
    };
    AUTO(scratch) *scratch = scratch_new();
    AUTO(config) *config = configure(scratch, clinic);
    AUTO(policy) *policy = policy_new(config);
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(GError) error = NULL;
        gboolean wildcard;
        g_autofree char *name = policy_name(policy, all[i].type, all[i].value, &wildcard, &error);
        g_assert_cmpstr(name, ==, all[i].name);
        g_assert_true(wildcard == g_str_has_prefix(all[i].value, "*."));
        if (name == NULL)
            g_assert_error(error, PROBLEM, (int)all[i].type_of);
    }
}

/* "more.example" came into the configuration when there was a root already. */
static void
test_the_roots_limits_hold_not_those_that_came_later(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(config) *before = configure(scratch, clinic);
    AUTO(config) *after = configure(scratch, "[cert]\nname = clinic.example\n"
                                             "names = more.example\nnetworks = 10.67.0.0/16\n");
    AUTO(limits) *limits = limits_configured(before);
    const struct make_authority what = {.title = "root", .path_length = 1, .limits = limits};
    g_autoptr(EVP_PKEY) key = make_key(NULL);
    g_autoptr(X509) root =
        make_authority(key, &what, (struct make_life){NOW, NOW + 1}, (struct make_signer){0}, NULL);
    g_autofree char *pem = pem_certificate(root);
    AUTO(policy) *policy = policy_new(after);
    gboolean wildcard;
    g_autofree char *of_configuration =
        policy_name(policy, "dns", "www.more.example", &wildcard, NULL);
    g_assert_nonnull(of_configuration);
    policy_take_root(policy, pem);
    g_autoptr(GError) name = NULL, address = NULL;
    g_assert_null(policy_name(policy, "dns", "www.more.example", &wildcard, &name));
    g_assert_error(name, PROBLEM, PROBLEM_REJECTED_IDENTIFIER);
    g_assert_null(policy_name(policy, "ip", "10.67.0.1", &wildcard, &address));
    g_assert_error(address, PROBLEM, PROBLEM_REJECTED_IDENTIFIER);
    g_autofree char *of_both = policy_name(policy, "dns", "www.clinic.example", &wildcard, NULL);
    g_assert_nonnull(of_both);
}

static void
test_hosts_are_what_the_servers_certificate_says(void)
{
    static const char *const ours[] = {"clinic.example",     "clinic.example:8443",
                                       "CLINIC.example:443", "10.66.0.10:8443",
                                       "10.66.0.1",          "www.clinic.example"};
    static const char *const others[] = {"",
                                         ":",
                                         "evil.example",
                                         "clinic.example:",
                                         "clinic.example:1x",
                                         "clinic.example:123456",
                                         "a.b.clinic.example",
                                         "[::1]:8443",
                                         "[10.66.0.10",
                                         "clinic.example/x",
                                         "10.66.0.11"};
    AUTO(scratch) *scratch = scratch_new();
    AUTO(config) *config = configure(scratch, clinic);
    AUTO(policy) *policy = policy_new(config);
    for (gsize i = 0; i < G_N_ELEMENTS(ours); i++)
        g_assert_true(policy_is_host(policy, ours[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(policy_is_host(policy, others[i]));
}

/* ---- ledger and quotas ---- */

static struct ledger *
open_ledger(struct scratch *scratch)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(scratch->path, "acme.db", NULL);
    struct ledger *ledger = ledger_open(path, &error);
    g_assert_no_error(error);
    return ledger;
}

static void
put_order(struct ledger *ledger, const char *id, gint64 created, enum ledger_status status)
{
    g_autoptr(GError) error = NULL;
    const struct ledger_order order = {.id = (char *)id,
                                       .account = (char *)"a",
                                       .status = status,
                                       .created = created,
                                       .expires = created + LEDGER_ORDER_DAYS * 86400,
                                       .identifiers = (char *)"[]"};
    const struct ledger_authorization authorization = {
        .id = (char *)id,
        .account = (char *)"a",
        .order = (char *)id,
        .type = (char *)"dns",
        .value = (char *)"x",
        .secret = (char *)"s",
        .validated = created,
        .status = status == LEDGER_INVALID ? LEDGER_INVALID : LEDGER_PENDING};
    g_assert_true(ledger_put_order(ledger, &order, &error));
    g_assert_true(ledger_put_authorization(ledger, &authorization, &error));
}

static void
test_what_is_written_is_there_again_and_old_things_go(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    AUTO(ledger) *ledger = open_ledger(scratch);
    put_order(ledger, "old", NOW - 100 * 86400, LEDGER_VALID);
    put_order(ledger, "new", NOW, LEDGER_READY);
    ledger_free(g_steal_pointer(&ledger));
    ledger = open_ledger(scratch);
    AUTO(ledger_order) *order = ledger_order(ledger, "new", &error);
    g_assert_cmpint(order->status, ==, LEDGER_READY);
    g_assert_cmpint(order->created, ==, NOW);
    g_assert_null(order->csr);
    g_assert_true(ledger_prune(ledger, NOW, &error));
    g_assert_null(ledger_order(ledger, "old", &error));
    g_assert_null(ledger_authorization(ledger, "old", &error));
    g_assert_no_error(error);
    g_autoptr(GPtrArray) left = ledger_authorizations_of(ledger, "new", &error);
    g_assert_cmpuint(left->len, ==, 1);
}

static void
test_what_is_taken_back_was_never_there(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(ledger) *ledger = open_ledger(scratch);
    g_assert_true(ledger_begin(ledger, NULL));
    put_order(ledger, "one", NOW, LEDGER_PENDING);
    g_assert_false(ledger_end(ledger, FALSE, NULL));
    g_assert_null(ledger_order(ledger, "one", NULL));
}

static void
test_a_damaged_file_is_set_aside(void)
{
    AUTO(scratch) *scratch = scratch_new();
    scratch_write(scratch, "acme.db", "this is no database, but long enough to be one", 46);
    AUTO(ledger) *ledger = open_ledger(scratch);
    put_order(ledger, "one", NOW, LEDGER_PENDING);
    g_assert_cmpint(scratch_shell(scratch, NULL, "grep -q 'no database' acme.db.damaged-*"), ==, 0);
}

static void
test_the_oldest_make_room_and_what_goes_on_stays(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(ledger) *ledger = open_ledger(scratch);
    guint count;
    put_order(ledger, "works", NOW - 9, LEDGER_PROCESSING);
    put_order(ledger, "waits", NOW - 8, LEDGER_PENDING);
    put_order(ledger, "done", NOW - 7, LEDGER_VALID);
    put_order(ledger, "new", NOW, LEDGER_VALID);
    g_assert_true(ledger_make_room(ledger, LEDGER_ORDERS, 5, NULL));
    g_assert_true(ledger_count(ledger, LEDGER_ORDERS, NULL, 0, &count, NULL));
    g_assert_cmpuint(count, ==, 4);
    g_assert_true(ledger_make_room(ledger, LEDGER_ORDERS, 4, NULL));
    g_assert_null(ledger_order(ledger, "done", NULL));
    g_assert_true(ledger_make_room(ledger, LEDGER_ORDERS, 3, NULL));
    g_assert_null(ledger_order(ledger, "new", NULL));
    g_assert_true(ledger_make_room(ledger, LEDGER_ORDERS, 1, NULL));
    g_assert_null(ledger_order(ledger, "waits", NULL));
    g_assert_true(ledger_make_room(ledger, LEDGER_ORDERS, 1, NULL));
    AUTO(ledger_order) *works = ledger_order(ledger, "works", NULL);
    g_assert_nonnull(works);
}

static void
test_quotas(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(ledger) *ledger = open_ledger(scratch);
    AUTO(quotas) *quotas = quotas_new(ledger);
    struct sockaddr_storage from, other;
    socklen_t size;
    policy_address("10.66.1.7", 0, &from, &size);
    policy_address("10.66.1.8", 0, &other, &size);
    for (guint i = 0; i < QUOTA_ACCOUNTS_HOURLY; i++)
        g_assert_true(quotas_account(quotas, &from, NOW, NULL));
    g_assert_false(quotas_account(quotas, &from, NOW, NULL));
    g_assert_true(quotas_account(quotas, &other, NOW, NULL));
    g_assert_true(quotas_account(quotas, &from, NOW + 3600, NULL));
    for (guint i = 0; i < QUOTA_ORDERS_PENDING; i++) {
        g_autofree char *id = g_strdup_printf("pending%u", i);
        g_assert_true(quotas_order(quotas, "a", NOW, NULL));
        put_order(ledger, id, NOW, LEDGER_PENDING);
    }
    g_assert_false(quotas_order(quotas, "a", NOW, NULL));
    g_assert_true(quotas_order(quotas, "b", NOW, NULL));
    g_assert_true(quotas_challenge(quotas, "a", NOW, NULL));
    for (guint i = 0; i < QUOTA_FAILURES_HOURLY; i++) {
        g_autofree char *id = g_strdup_printf("failed%u", i);
        put_order(ledger, id, NOW, LEDGER_INVALID);
    }
    g_assert_false(quotas_challenge(quotas, "a", NOW, NULL));
    g_assert_true(quotas_challenge(quotas, "a", NOW + 3601, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acme/only addresses of the networks are reached",
                    test_only_addresses_of_the_networks_are_reached);
    g_test_add_func("/acme/without networks of its own each subnet is served",
                    test_without_networks_of_its_own_each_subnet_is_served);
    g_test_add_func("/acme/names have one spelling and are the site's",
                    test_names_have_one_spelling_and_are_the_sites);
    g_test_add_func("/acme/the root's limits hold, not those that came later",
                    test_the_roots_limits_hold_not_those_that_came_later);
    g_test_add_func("/acme/hosts are what the server's certificate says",
                    test_hosts_are_what_the_servers_certificate_says);
    g_test_add_func("/acme/what is written is there again and old things go",
                    test_what_is_written_is_there_again_and_old_things_go);
    g_test_add_func("/acme/what is taken back was never there",
                    test_what_is_taken_back_was_never_there);
    g_test_add_func("/acme/a damaged file is set aside", test_a_damaged_file_is_set_aside);
    g_test_add_func("/acme/the oldest make room and what goes on stays",
                    test_the_oldest_make_room_and_what_goes_on_stays);
    g_test_add_func("/acme/quotas", test_quotas);
    return g_test_run();
}
