/*
 * sign: each RRset that is ours validates with ldns, nothing else is signed, the NSEC chain names
 * every name once, and ldns-verify-zone and dnssec-verify agree where they are installed.
 */
#include "lib/base/fail.h"
#include "netsvc/dns/zone/sign.h"
#include "tests/unit/scratch.h"
#include "tests/unit/zone_text.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#define NOW 1800000000

static const char *const text =
    "@ 3600 SOA ns.site.example. root.site.example. 7 3600 600 86400 300\n"
    "@ NS ns\n"
    "@ MX 10 Mail\n"
    "ns A 10.0.0.2\n"
    "mail A 10.0.0.3\n"
    "mail A 10.0.0.4\n"
    "mail AAAA fd00::3\n"
    "*.wild TXT \"anything\"\n"
    "a.deep.empty A 10.0.0.5\n"
    "alias CNAME Mail.Site.Example.\n"
    "_sip._tcp SRV 0 5 5060 Mail\n"
    "svc HTTPS 1 . alpn=h2\n"
    "odd CAA 0 issue \"ca.example\"\n"
    "odd TYPE65280 \\# 3 010203\n"
    "clients NS ns\n"
    "glue.clients A 10.0.0.9\n"
    "secure NS ns.secure\n"
    "ns.secure A 10.0.0.10\n"
    "secure DS 12345 13 2 aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899\n"
    "moved DNAME elsewhere.example.\n"
    "below.moved A 10.0.0.11\n";

struct world {
    char *folder;
    struct sign_keys *keys;
    struct zone *zone;
};

static void
world_begin(struct world *world)
{
    g_autoptr(GError) error = NULL;
    gboolean made = FALSE;
    struct name origin = name_of("site.example");
    world->folder = g_dir_make_tmp("sign-XXXXXX", NULL);
    world->keys = sign_keys_open(world->folder, &origin, TRUE, &made, &error);
    g_assert_no_error(error);
    g_assert_true(made);
    world->zone = zone_of("site.example", text);
}

static void
world_end(struct world *world)
{
    sign_keys_free(world->keys);
    zone_free(world->zone);
    gboolean removed = file_remove_tree(AT_FDCWD, world->folder, NULL);
    g_assert_true(removed);
    g_free(world->folder);
}

static struct zone *
sign(const struct world *world, const struct zone *zone, gint64 now)
{
    g_autoptr(GError) error = NULL;
    struct sign_period period = sign_period_at(now, TRUE);
    struct zone *result = sign_zone(zone, world->keys, &period, 0, &error);
    g_assert_no_error(error);
    return result;
}

static ldns_rr_list *
rr_list_of(const struct name *owner, const struct rrset *rrset)
{
    ldns_rr_list *list = ldns_rr_list_new();
    struct rrset_record record = {0};
    while (rrset != NULL && rrset_next(rrset, &record))
        ldns_rr_list_push_rr(list, rr_of_record(owner, rrset->type, &record));
    return list;
}

/* How many signatures cover the RRset and hold at `time`. */
static guint
valid_signatures(const struct zone *zone, const struct name *owner, const struct rrset *rrset,
                 gint64 time)
{
    guint valid = 0;
    ldns_rr_list *records = rr_list_of(owner, rrset);
    ldns_rr_list *signatures = rr_list_of(owner, zone_rrset(zone, owner, TYPE_RRSIG));
    ldns_rr_list *keys =
        rr_list_of(zone_origin(zone), zone_rrset(zone, zone_origin(zone), TYPE_DNSKEY));
    for (size_t i = 0; i < ldns_rr_list_rr_count(signatures); i++) {
        ldns_rr *signature = ldns_rr_list_rr(signatures, i);
        if (ldns_rdf2native_int16(ldns_rr_rrsig_typecovered(signature)) != rrset->type)
            continue;
        ldns_rr_list *one = ldns_rr_list_new(), *good = ldns_rr_list_new();
        ldns_rr_list_push_rr(one, signature);
        valid += ldns_verify_time(records, one, keys, time, good) == LDNS_STATUS_OK ? 1 : 0;
        ldns_rr_list_free(one);
        ldns_rr_list_free(good);
    }
    ldns_rr_list_deep_free(records);
    ldns_rr_list_deep_free(signatures);
    ldns_rr_list_deep_free(keys);
    return valid;
}

static gboolean
should_be_signed(const struct name *owner, guint16 type)
{
    struct name cuts[] = {name_of("clients.site.example"), name_of("secure.site.example")};
    struct name moved = name_of("moved.site.example");
    if (type == TYPE_RRSIG || (name_is_below(owner, &moved) && !name_equal(owner, &moved)))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(cuts); i++)
        if (name_is_below(owner, &cuts[i]))
            return name_equal(owner, &cuts[i]) && (type == TYPE_DS || type == TYPE_NSEC);
    return TRUE;
}

static void
check_signatures_of(const struct zone *zone, gint64 time, guint keys)
{
    struct zone_position position = {0};
    const struct name *next;
    const struct rrset *rrset;
    while ((rrset = zone_next(zone, &position, &next)) != NULL) {
        char owner_text[NAME_TEXT_MAX];
        struct name owner = *next;
        guint expected = should_be_signed(&owner, rrset->type) ? keys : 0;
        if (valid_signatures(zone, &owner, rrset, time) != expected)
            g_error("%s, type %u: not %u signature(s)", name_text(&owner, owner_text), rrset->type,
                    expected);
    }
}

static void
check_signatures(const struct zone *zone, gint64 time)
{
    check_signatures_of(zone, time, 1);
}

static void
all_that_is_ours_is_signed_and_nothing_else(void)
{
    struct world world;
    world_begin(&world);
    AUTO(zone) *zone = sign(&world, world.zone, NOW);
    check_signatures(zone, NOW);
    world_end(&world);
}

static void
signatures_hold_from_an_hour_ago_for_thirty_days(void)
{
    struct world world;
    world_begin(&world);
    AUTO(zone) *zone = sign(&world, world.zone, NOW);
    const struct name *apex = zone_origin(zone);
    const struct rrset *soa = zone_rrset(zone, apex, TYPE_SOA);
    g_assert_cmpuint(valid_signatures(zone, apex, soa, NOW - 3600), ==, 1);
    g_assert_cmpuint(valid_signatures(zone, apex, soa, NOW - 3601), ==, 0);
    g_assert_cmpuint(valid_signatures(zone, apex, soa, NOW + 30 * 86400), ==, 1);
    g_assert_cmpuint(valid_signatures(zone, apex, soa, NOW + 30 * 86400 + 1), ==, 0);
    g_assert_cmpint(sign_period_at(NOW, FALSE).from, ==, NOW - 86400);
    world_end(&world);
}

static void
it_is_due_after_ten_days_and_when_the_clock_went_back(void)
{
    struct sign_period period = sign_period_at(NOW, TRUE);
    g_assert_false(sign_is_due(&period, NOW));
    g_assert_false(sign_is_due(&period, NOW + 10 * 86400 - 1));
    g_assert_true(sign_is_due(&period, NOW + 10 * 86400));
    g_assert_true(sign_is_due(&period, NOW - 3601));
}

static void
signed_again_it_is_the_same_zone_with_other_signatures(void)
{
    struct world world;
    world_begin(&world);
    AUTO(zone) *once = sign(&world, world.zone, NOW);
    AUTO(zone) *twice = sign(&world, once, NOW + 20 * 86400);
    g_assert_cmpuint(zone_count(twice), ==, zone_count(once));
    check_signatures(twice, NOW + 50 * 86400);
    world_end(&world);
}

static void
a_serial_that_comes_later_is_taken_before_the_soa_is_signed(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    struct sign_period period = sign_period_at(NOW, TRUE);
    world_begin(&world);
    AUTO(zone) *raised = sign_zone(world.zone, world.keys, &period, 12, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(zone_serial(raised), ==, 12);
    check_signatures(raised, NOW);
    AUTO(zone) *kept = sign_zone(world.zone, world.keys, &period, 3, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(zone_serial(kept), ==, 7);
    world_end(&world);
}

/* The names with NSEC, in the order of their chain from the apex. */
static char *
chain_of(const struct zone *zone)
{
    char name[NAME_TEXT_MAX];
    GString *chain = g_string_new(NULL);
    struct name at = *zone_origin(zone);
    do {
        struct rrset_record record = {0};
        const struct rrset *nsec = zone_rrset(zone, &at, TYPE_NSEC);
        g_assert_nonnull(nsec);
        g_assert_cmpuint(nsec->count, ==, 1);
        g_assert_cmpuint(nsec->ttl, ==, 300);
        g_string_append_printf(chain, "%s ", name_text(&at, name));
        gboolean one = rrset_next(nsec, &record);
        g_assert_true(one);
        gsize took = name_from_wire(&at, record.rdata, record.size, NULL);
        g_assert_cmpuint(took, >, 0);
    } while (!name_equal(&at, zone_origin(zone)));
    return g_string_free(chain, FALSE);
}

static void
the_chain_of_nsec_has_every_name_that_is_ours_once(void)
{
    struct world world;
    world_begin(&world);
    AUTO(zone) *zone = sign(&world, world.zone, NOW);
    g_autofree char *chain = chain_of(zone);
    g_assert_cmpstr(chain, ==,
                    "site.example _sip._tcp.site.example alias.site.example clients.site.example "
                    "a.deep.empty.site.example mail.site.example moved.site.example "
                    "ns.site.example odd.site.example secure.site.example svc.site.example "
                    "*.wild.site.example ");
    world_end(&world);
}

static void
nsec_tells_the_types_and_of_a_delegation_only_its_own(void)
{
    static const struct {
        const char *name, *types;
    } cases[] = {
        {"site.example", "NS SOA MX RRSIG NSEC DNSKEY"},
        {"mail.site.example", "A AAAA RRSIG NSEC"},
        {"odd.site.example", "RRSIG NSEC CAA TYPE65280"},
        {"clients.site.example", "NS RRSIG NSEC"},
        {"secure.site.example", "NS DS RRSIG NSEC"},
    };
    struct world world;
    world_begin(&world);
    AUTO(zone) *zone = sign(&world, world.zone, NOW);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct name owner = name_of(cases[i].name);
        ldns_rr_list *nsec = rr_list_of(&owner, zone_rrset(zone, &owner, TYPE_NSEC));
        char *types = ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(nsec, 0), 1));
        g_assert_cmpstr(g_strstrip(types), ==, cases[i].types);
        free(types);
        ldns_rr_list_deep_free(nsec);
    }
    world_end(&world);
}

static void
in_steps_it_is_the_same(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    struct sign_period period = sign_period_at(NOW, TRUE);
    world_begin(&world);
    AUTO(signer) *signer = signer_new(world.zone, world.keys, &period, 0);
    guint steps = 1;
    while (signer_step(signer, 1, &error) == SIGNER_MORE)
        steps++;
    g_assert_no_error(error);
    AUTO(zone) *zone = signer_take(signer);
    g_assert_cmpuint(steps, >, 10);
    check_signatures(zone, NOW);
    world_end(&world);
}

/* ---- keys ---- */

static char *
file_of(const char *folder, const char *suffix)
{
    g_autoptr(GDir) entries = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(entries)) != NULL)
        if (g_str_has_suffix(name, suffix))
            return g_build_filename(folder, name, NULL);
    g_assert_not_reached();
}

static void
a_key_is_made_once_and_only_its_owner_reads_it(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    gboolean made = TRUE;
    GStatBuf entry;
    struct name origin = name_of("site.example");
    world_begin(&world);
    AUTO(sign_keys) *again = sign_keys_open(world.folder, &origin, TRUE, &made, &error);
    g_assert_no_error(error);
    g_assert_false(made);
    g_autofree char *first = sign_keys_ds(world.keys), *second = sign_keys_ds(again);
    g_assert_cmpstr(first, ==, second);
    g_assert_true(g_str_has_prefix(first, "site.example. 3600 IN DS "));
    g_autofree char *private = file_of(world.folder, ".private");
    g_assert_cmpint(g_stat(private, &entry), ==, 0);
    g_assert_cmpint(entry.st_mode & 07777, ==, 0600);
    world_end(&world);
}

static void
expect_refusal(const struct world *world, const char *cause)
{
    g_autoptr(GError) error = NULL;
    struct name origin = name_of("site.example");
    g_assert_null(sign_keys_open(world->folder, &origin, FALSE, NULL, &error));
    g_autofree char *message = fail_message(error->message);
    if (strstr(message, cause) == NULL)
        g_error("'%s' does not say '%s'", message, cause);
}

static void
a_private_key_that_others_can_read_is_refused(void)
{
    struct world world;
    world_begin(&world);
    g_autofree char *private = file_of(world.folder, ".private");
    g_assert_cmpint(g_chmod(private, 0644), ==, 0);
    expect_refusal(&world, "can be read or changed by others");
    world_end(&world);
}

static void
halves_of_different_keys_are_refused(void)
{
    struct world world, other;
    world_begin(&world);
    world_begin(&other);
    g_autofree char *private = file_of(world.folder, ".private");
    g_autofree char *theirs = file_of(other.folder, ".private");
    g_assert_cmpint(g_rename(theirs, private), ==, 0);
    expect_refusal(&world, "do not belong together");
    world_end(&world);
    world_end(&other);
}

static void
a_damaged_key_is_refused(void)
{
    struct world world;
    world_begin(&world);
    g_autofree char *private = file_of(world.folder, ".private");
    gboolean written = g_file_set_contents_full(private, "Private-key-format: v1.2\n", -1,
                                                G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
    g_assert_true(written);
    expect_refusal(&world, "cannot be used");
    world_end(&world);
}

/* ---- others' tools ---- */

static gboolean
run(const char *const *argv, const char *folder, char **output)
{
    g_autoptr(GError) error = NULL;
    int status = 0;
    g_autofree char *program = g_find_program_in_path(argv[0]);
    if (program == NULL)
        return FALSE;
    g_autofree char *errors = NULL;
    g_spawn_sync(folder, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, output, &errors,
                 &status, &error);
    g_assert_no_error(error);
    if (status != 0)
        g_error("%s: %s%s", argv[0], *output, errors);
    return TRUE;
}

/* FALSE: there is none. */
static gboolean
tools_take(const struct world *world, const struct zone *zone)
{
    g_autofree char *first = NULL, *second = NULL;
    g_autofree char *written = zone_as_text(zone);
    g_autofree char *path = g_build_filename(world->folder, "zone", NULL);
    gboolean saved = g_file_set_contents(path, written, -1, NULL);
    g_assert_true(saved);
    gboolean ldns = run((const char *const[]){"ldns-verify-zone", path, NULL}, NULL, &first);
    gboolean bind =
        run((const char *const[]){"dnssec-verify", "-z", "-o", "site.example", path, NULL}, NULL,
            &second);
    return ldns || bind;
}

static void
tools_of_others_take_the_zone(void)
{
    struct world world;
    world_begin(&world);
    AUTO(zone) *zone = sign(&world, world.zone, g_get_real_time() / G_USEC_PER_SEC);
    if (!tools_take(&world, zone))
        g_test_skip("neither ldns-verify-zone nor dnssec-verify is installed");
    world_end(&world);
}

/* Keys of ldns-keygen instead; FALSE: it is not installed. */
static gboolean
take_made_keys(struct world *world, const char *ksk_algorithm, const char *zsk_algorithm)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL, *second = NULL;
    gboolean made = TRUE;
    struct name origin = name_of("site.example");
    g_autofree char *folder = g_build_filename(world->folder, "keys", NULL);
    g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
    const char *const ksk[] = {"ldns-keygen", "-k", "-a", ksk_algorithm, "site.example", NULL};
    const char *const zsk[] = {"ldns-keygen", "-a", zsk_algorithm, "site.example", NULL};
    if (!run(ksk, folder, &first) || !run(zsk, folder, &second))
        return FALSE;
    sign_keys_free(world->keys);
    world->keys = sign_keys_open(folder, &origin, TRUE, &made, &error);
    g_assert_no_error(error);
    g_assert_false(made);
    return TRUE;
}

static void
a_ksk_signs_dnskeys_alone_and_a_zsk_the_rest(void)
{
    struct world world;
    world_begin(&world);
    if (take_made_keys(&world, "ECDSAP256SHA256", "ECDSAP256SHA256")) {
        AUTO(zone) *zone = sign(&world, world.zone, NOW);
        check_signatures(zone, NOW);
        g_assert_cmpuint(zone_rrset(zone, zone_origin(zone), TYPE_DNSKEY)->count, ==, 2);
        g_autofree char *ds = sign_keys_ds(world.keys);
        g_assert_true(strchr(ds, '\n') == ds + strlen(ds) - 1);
    } else {
        g_test_skip("ldns-keygen is not installed");
    }
    world_end(&world);
}

static void
of_two_algorithms_both_sign_all(void)
{
    struct world world;
    world_begin(&world);
    if (take_made_keys(&world, "ECDSAP256SHA256", "ED25519")) {
        AUTO(zone) *zone = sign(&world, world.zone, g_get_real_time() / G_USEC_PER_SEC);
        check_signatures_of(zone, g_get_real_time() / G_USEC_PER_SEC, 2);
        tools_take(&world, zone);
    } else {
        g_test_skip("ldns-keygen is not installed");
    }
    world_end(&world);
}

#define TEST(name) g_test_add_func("/sign/" #name, name)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(all_that_is_ours_is_signed_and_nothing_else);
    TEST(signatures_hold_from_an_hour_ago_for_thirty_days);
    TEST(it_is_due_after_ten_days_and_when_the_clock_went_back);
    TEST(signed_again_it_is_the_same_zone_with_other_signatures);
    TEST(a_serial_that_comes_later_is_taken_before_the_soa_is_signed);
    TEST(the_chain_of_nsec_has_every_name_that_is_ours_once);
    TEST(nsec_tells_the_types_and_of_a_delegation_only_its_own);
    TEST(in_steps_it_is_the_same);
    TEST(a_key_is_made_once_and_only_its_owner_reads_it);
    TEST(a_private_key_that_others_can_read_is_refused);
    TEST(halves_of_different_keys_are_refused);
    TEST(a_damaged_key_is_refused);
    TEST(tools_of_others_take_the_zone);
    TEST(a_ksk_signs_dnskeys_alone_and_a_zsk_the_rest);
    TEST(of_two_algorithms_both_sign_all);
    return g_test_run();
}
