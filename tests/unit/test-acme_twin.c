/* acme_twin: two ledgers become one, whatever is lost on the way, and nothing that either had is
 * lost. */
#include "netsvc/web/acme/pair/twin.h"
#include "netsvc/web/acme/pair/unite.h"
#include "netsvc/web/acme/rules/quotas.h"

#include "lib/json/json.h"

#include "acme_rows.h"
#include "scratch.h"

#include <sqlite3.h>

struct node {
    struct ledger *ledger;
    struct twin *twin;
    GQueue inbox; /* GBytes */
    struct node *other;
    guint sent, lose; /* messages; every so many-th is lost, 0: none */
    gsize longest;
};

struct pair {
    struct node a, b;
};

static void
take(gpointer context, const void *data, gsize size)
{
    struct node *node = context;
    node->longest = MAX(node->longest, size);
    node->sent++;
    if (node->lose == 0 || node->sent % node->lose != 0)
        g_queue_push_tail(&node->other->inbox, g_bytes_new(data, size));
}

static void
note(gpointer context)
{
    *(gboolean *)context = TRUE;
}

static void
start(struct node *node)
{
    const struct twin_means means = {take, node};
    node->twin = twin_new(node->ledger, &means);
}

static void
meet(struct node *node, gboolean met)
{
    const struct task_state state = {.role = TASK_STANDBY, .peer = met};
    twin_role(node->twin, &state);
}

static void
both_meet(struct pair *pair, gboolean met)
{
    meet(&pair->a, met);
    meet(&pair->b, met);
}

static struct pair *
pair_new(void)
{
    struct pair *pair = g_new0(struct pair, 1);
    struct node *nodes[] = {&pair->a, &pair->b};
    for (guint i = 0; i < 2; i++) {
        g_queue_init(&nodes[i]->inbox);
        nodes[i]->other = nodes[1 - i];
        nodes[i]->ledger = rows_open();
        start(nodes[i]);
    }
    return pair;
}

static void
unref_bytes(gpointer bytes)
{
    g_bytes_unref(bytes);
}

static void
pair_free(struct pair *pair)
{
    struct node *nodes[] = {&pair->a, &pair->b};
    for (guint i = 0; i < 2; i++) {
        twin_free(nodes[i]->twin);
        ledger_free(nodes[i]->ledger);
        g_queue_clear_full(&nodes[i]->inbox, unref_bytes);
    }
    g_free(pair);
}
AUTO_DEFINE(pair)

static gboolean
deliver(struct node *node)
{
    gsize size;
    GBytes *bytes = g_queue_pop_head(&node->inbox);
    if (bytes == NULL)
        return FALSE;
    const void *data = g_bytes_get_data(bytes, &size);
    twin_take(node->twin, data, size);
    g_bytes_unref(bytes);
    return TRUE;
}

/* Until nobody has anything to say. */
static void
settle(struct pair *pair)
{
    for (guint i = 0; deliver(&pair->a) | deliver(&pair->b);) {
        twin_changed(pair->a.twin); /* as the event does */
        twin_changed(pair->b.twin);
        g_assert_cmpuint(i++, <, 5000); /* they come to an end */
    }
}

static guint
count(const struct node *node, enum ledger_what what)
{
    guint number;
    g_assert_true(ledger_count(node->ledger, what, NULL, 0, &number, NULL));
    return number;
}

static void
put(struct node *node, guint number, char letter)
{
    AUTO(jwk) *key = rows_key();
    g_autofree char *account = rows_account(node->ledger, key);
    for (guint i = 0; i < number; i++) {
        g_autofree char *id = g_strdup_printf("order-%c-%u", letter, i);
        rows_order(node->ledger, account, id);
    }
}

/* ---- between the two ---- */

static void
test_what_one_has_the_other_gets(void)
{
    AUTO(pair) *pair = pair_new();
    put(&pair->a, 40, 'a');
    both_meet(pair, TRUE);
    settle(pair);
    g_assert_cmpuint(count(&pair->b, LEDGER_ACCOUNTS), ==, 1);
    g_assert_cmpuint(count(&pair->b, LEDGER_CERTIFICATES), ==, 40);
    g_assert_cmpuint(count(&pair->b, LEDGER_ORDERS), ==, 40);
    AUTO(ledger_order) *order = ledger_order(pair->b.ledger, "order-a-7", NULL);
    AUTO(ledger_certificate) *got = ledger_certificate(pair->b.ledger, order->certificate, NULL);
    AUTO(ledger_certificate) *made = ledger_certificate(pair->a.ledger, order->certificate, NULL);
    g_assert_cmpstr(got->chain, ==, made->chain);
    g_assert_cmpstr(got->serial, ==, made->serial);
    g_assert_cmpstr(got->key, ==, made->key);
    g_assert_cmpint(got->not_after, ==, made->not_after);
    put(&pair->b, 1, 'b'); /* and from then on each change, either way */
    twin_changed(pair->b.twin);
    settle(pair);
    g_assert_cmpuint(count(&pair->a, LEDGER_ACCOUNTS), ==, 2);
    g_assert_cmpuint(count(&pair->a, LEDGER_ORDERS), ==, 41);
}

static void
test_the_ledger_says_when_something_changed(void)
{
    AUTO(pair) *pair = pair_new();
    gboolean changed = FALSE;
    ledger_watch(pair->a.ledger, note, &changed);
    put(&pair->a, 0, 'a');
    g_assert_true(changed);
}

/* Each had its own while they did not hear one another. */
static void
test_what_either_made_alone_both_have(void)
{
    AUTO(pair) *pair = pair_new();
    both_meet(pair, TRUE);
    settle(pair);
    both_meet(pair, FALSE);
    put(&pair->a, 3, 'a');
    put(&pair->b, 5, 'b');
    both_meet(pair, TRUE);
    settle(pair);
    for (guint i = 0; i < 2; i++) {
        const struct node *node = i == 0 ? &pair->a : &pair->b;
        g_assert_cmpuint(count(node, LEDGER_ACCOUNTS), ==, 2);
        g_assert_cmpuint(count(node, LEDGER_CERTIFICATES), ==, 8);
        g_assert_cmpuint(count(node, LEDGER_ORDERS), ==, 8);
    }
}

static void
test_what_is_lost_on_the_way_is_made_up_for(void)
{
    for (guint lose = 2; lose < 12; lose++) {
        AUTO(pair) *pair = pair_new();
        put(&pair->a, 130, 'a');
        put(&pair->b, 20, 'b');
        pair->a.lose = lose;
        pair->b.lose = lose + 1;
        both_meet(pair, TRUE);
        settle(pair);
        pair->a.lose = pair->b.lose = 0;
        for (guint i = 0; i < 4; i++) {
            twin_remind(pair->a.twin);
            twin_remind(pair->b.twin);
            settle(pair);
        }
        g_assert_cmpuint(count(&pair->a, LEDGER_ORDERS), ==, 150);
        g_assert_cmpuint(count(&pair->b, LEDGER_ORDERS), ==, 150);
    }
}

/* Its process is a new one: it knows of no session, and the other one is not told. */
static void
test_one_that_starts_anew_is_heard(void)
{
    AUTO(pair) *pair = pair_new();
    put(&pair->a, 3, 'a');
    both_meet(pair, TRUE);
    settle(pair);
    twin_free(pair->a.twin);
    start(&pair->a);
    put(&pair->a, 3, 'c');
    put(&pair->b, 3, 'b');
    meet(&pair->a, TRUE);
    settle(pair);
    g_assert_cmpuint(count(&pair->a, LEDGER_ORDERS), ==, 9);
    g_assert_cmpuint(count(&pair->b, LEDGER_ORDERS), ==, 9);
}

/* Few messages are under way, each of a size that can be sent; no more is read before there is
 * word of them. */
static void
test_what_is_under_way_is_bounded(void)
{
    AUTO(pair) *pair = pair_new();
    put(&pair->a, 400, 'a');
    both_meet(pair, TRUE);
    while (deliver(&pair->a)) /* b hears nothing yet */
        ;
    g_assert_cmpuint(pair->b.inbox.length, ==, 2 + TWIN_UNDER_WAY); /* begin, and again */
    settle(pair);
    g_assert_cmpuint(count(&pair->b, LEDGER_ORDERS), ==, 400);
    g_assert_cmpuint(pair->a.longest, <=, TWIN_MESSAGE_MAX);
}

static void
test_orders_under_way_stay_where_they_are(void)
{
    AUTO(pair) *pair = pair_new();
    struct ledger_order order = {.id = (char *)"pending",
                                 .account = (char *)"a",
                                 .status = LEDGER_PENDING,
                                 .created = ROWS_NOW,
                                 .expires = ROWS_NOW,
                                 .identifiers = (char *)"[]"};
    g_assert_true(ledger_put_order(pair->a.ledger, &order, NULL));
    order.id = (char *)"processing";
    order.status = LEDGER_PROCESSING;
    g_assert_true(ledger_put_order(pair->a.ledger, &order, NULL));
    both_meet(pair, TRUE);
    settle(pair);
    g_assert_cmpuint(count(&pair->b, LEDGER_ORDERS), ==, 0);
}

/* ---- of one row ---- */

static void
change_account(struct ledger *ledger, const char *id, guint32 version, const char *contacts)
{
    AUTO(ledger_account) *account = ledger_account(ledger, id, NULL);
    g_free(account->contacts);
    account->contacts = g_strdup(contacts);
    account->contacts_version = version;
    g_assert_true(ledger_put_account(ledger, account, NULL));
}

static void
change_key(struct ledger *ledger, const char *id, const struct jwk *key)
{
    AUTO(ledger_account) *account = ledger_account(ledger, id, NULL);
    g_free(account->key);
    g_free(account->thumbprint);
    account->key = g_strdup(key->text);
    account->thumbprint = g_strdup(key->thumbprint);
    account->key_version++;
    g_assert_true(ledger_put_account(ledger, account, NULL));
}

static void
test_of_an_account_each_part_is_the_later_one(void)
{
    AUTO(pair) *pair = pair_new();
    AUTO(jwk) *key = rows_key();
    AUTO(jwk) *next = rows_key();
    g_autofree char *id = rows_account(pair->a.ledger, key);
    g_autofree char *same = rows_account(pair->b.ledger, key);
    change_key(pair->a.ledger, id, next);
    change_account(pair->b.ledger, id, 2, "[\"mailto:nurse@clinic.example\"]");
    AUTO(ledger_account) *left = ledger_account(pair->b.ledger, same, NULL);
    left->status = LEDGER_DEACTIVATED;
    left->used += 10;
    g_assert_true(ledger_put_account(pair->b.ledger, left, NULL));
    both_meet(pair, TRUE);
    settle(pair);
    for (guint i = 0; i < 2; i++) {
        AUTO(ledger_account) *now =
            ledger_account(i == 0 ? pair->a.ledger : pair->b.ledger, id, NULL);
        g_assert_cmpstr(now->key, ==, next->text);
        g_assert_cmpstr(now->contacts, ==, "[\"mailto:nurse@clinic.example\"]");
        g_assert_cmpint(now->status, ==, LEDGER_DEACTIVATED);
        g_assert_cmpint(now->used, ==, ROWS_NOW + 10);
        g_assert_cmpint(now->created, ==, ROWS_NOW);
    }
}

/* One account changed to a key that begins another one at the other node. */
static void
test_two_accounts_may_come_to_one_key(void)
{
    AUTO(pair) *pair = pair_new();
    AUTO(jwk) *key = rows_key();
    AUTO(jwk) *next = rows_key();
    g_autofree char *id = rows_account(pair->a.ledger, key);
    g_autofree char *other = rows_account(pair->b.ledger, next);
    change_key(pair->a.ledger, id, next);
    both_meet(pair, TRUE);
    settle(pair);
    AUTO(ledger_account) *a = ledger_account_of_key(pair->a.ledger, next->thumbprint, NULL);
    AUTO(ledger_account) *b = ledger_account_of_key(pair->b.ledger, next->thumbprint, NULL);
    g_assert_cmpstr(a->id, ==, b->id);
    g_assert_cmpuint(count(&pair->a, LEDGER_ACCOUNTS), ==, 2);
    g_assert_cmpuint(count(&pair->b, LEDGER_ACCOUNTS), ==, 2);
    g_assert_cmpstr(id, !=, other);
}

static void
test_revoked_stays_revoked(void)
{
    AUTO(pair) *pair = pair_new();
    put(&pair->a, 1, 'a');
    both_meet(pair, TRUE);
    settle(pair);
    AUTO(ledger_certificate) *one = ledger_certificate(pair->b.ledger, "order-a-0", NULL);
    one->revoked = ROWS_NOW + 7;
    one->replaced = TRUE;
    g_assert_true(ledger_put_certificate(pair->b.ledger, one, NULL));
    both_meet(pair, FALSE);
    both_meet(pair, TRUE);
    settle(pair);
    AUTO(ledger_certificate) *there = ledger_certificate(pair->a.ledger, "order-a-0", NULL);
    g_assert_cmpint(there->revoked, ==, ROWS_NOW + 7);
    g_assert_true(there->replaced);
}

/* An id that is taken is not given to another certificate. */
static void
test_ours_stays_where_an_id_is_taken(void)
{
    AUTO(pair) *pair = pair_new();
    rows_order(pair->a.ledger, "a", "same");
    rows_order(pair->b.ledger, "a", "same");
    AUTO(ledger_certificate) *before = ledger_certificate(pair->a.ledger, "same", NULL);
    both_meet(pair, TRUE);
    settle(pair);
    AUTO(ledger_certificate) *after = ledger_certificate(pair->a.ledger, "same", NULL);
    g_assert_cmpstr(before->serial, ==, after->serial);
}

/* ---- what the other one says is checked ---- */

static char *
json_of_account(const struct ledger_account *account)
{
    const struct row row = {LEDGER_ACCOUNT, {.account = (struct ledger_account *)account}};
    GString *out = g_string_new(NULL);
    row_write(&row, out);
    return g_string_free(out, FALSE);
}

static gboolean
is_taken(const char *json)
{
    g_autoptr(GError) error = NULL;
    struct row row;
    if (!json_check(slice_of(json), NULL) || !row_read(&row, slice_of(json), &error))
        return FALSE;
    row_clear(&row);
    return TRUE;
}

static void
test_rows_are_checked(void)
{
    static const struct {
        const char *before, *after;
    } wrong[] = {
        {"\"valid\"", "\"pending\""},
        {"\"name\":\"P-256", "\"name\":\"P-384"},
        {"\"key_version\":0", "\"key_version\":1000000001"},
        {"\"key_version\":0", "\"key_version\":-1"},
        {"\"contacts\":[]", "\"contacts\":[\"mailto:a@b\\r\\n\"]"},
        {"\"contacts\":[]", "\"contacts\":[\"a@b\"]"},
        {"\"created\":1800000000", "\"created\":9999999999999"},
        {"\"kind\":\"account\"", "\"kind\":\"authorization\""},
        {"\"kind\":\"account\"", "\"kind\":\"order\""},
    };
    AUTO(ledger) *ledger = rows_open();
    AUTO(jwk) *key = rows_key();
    g_autofree char *id = rows_account(ledger, key);
    AUTO(ledger_account) *account = ledger_account(ledger, id, NULL);
    g_autofree char *json = json_of_account(account);
    g_assert_true(is_taken(json));
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_auto(GStrv) parts = g_strsplit(json, wrong[i].before, 2);
        g_autofree char *other = g_strjoinv(wrong[i].after, parts);
        g_assert_cmpuint(g_strv_length(parts), ==, 2);
        g_assert_false(is_taken(other));
    }
}

static void
test_certificates_are_read_and_names_are_names(void)
{
    g_autofree char *chain = rows_chain();
    g_autofree char *lines = g_strescape(chain, NULL);
    static const struct {
        const char *id, *names, *more;
        gboolean good;
    } all[] = {
        {"x", "{\"type\":\"dns\",\"value\":\"*.clinic.example\"}", "", TRUE},
        {"x", "{\"type\":\"ip\",\"value\":\"fd00::7\"}", "", TRUE},
        {"x", "", "", FALSE},
        {"x", "{\"type\":\"mail\",\"value\":\"x\"}", "", FALSE},
        {"x", "{\"type\":\"dns\",\"value\":\"a b\"}", "", FALSE},
        {"", "{\"type\":\"dns\",\"value\":\"x\"}", "", FALSE},
        {"a/b", "{\"type\":\"dns\",\"value\":\"x\"}", "", FALSE},
        {"x", "{\"type\":\"dns\",\"value\":\"x\"}", "XX", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autofree char *json =
            g_strdup_printf("{\"kind\":\"certificate\",\"id\":\"%s\",\"account\":\"a\","
                            "\"identifiers\":[%s],\"chain\":\"%s\",\"revoked\":0}",
                            all[i].id, all[i].names, *all[i].more != '\0' ? all[i].more : lines);
        g_assert_true(is_taken(json) == all[i].good);
    }
}

static void
test_strange_messages_change_nothing(void)
{
    static const char *const all[] = {
        "",
        "{",
        "[]",
        "{\"say\":\"begin\"}",
        "{\"say\":\"begin\",\"session\":\"short\"}",
        "{\"say\":\"rows\",\"session\":\"\",\"number\":1,\"rows\":[{}]}",
        "{\"say\":\"have\",\"session\":\"\",\"number\":99}",
        "{\"say\":\"begin\",\"session\":\"0123456789abcdefX\",\"other\":\"\"}",
    };
    AUTO(pair) *pair = pair_new();
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        twin_take(pair->a.twin, all[i], strlen(all[i])); /* before they have met */
    g_assert_cmpuint(pair->a.sent, ==, 0);
    meet(&pair->a, TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        twin_take(pair->a.twin, all[i], strlen(all[i]));
    g_assert_cmpuint(pair->a.sent, ==, 1); /* its begin */
}

/* The other node fills no disk: what is older than the oldest one is not taken. */
static void
test_as_many_are_kept_as_may_be(void)
{
    AUTO(pair) *pair = pair_new();
    AUTO(jwk) *key = rows_key();
    g_autoptr(GError) error = NULL;
    struct ledger_account account = {.key = key->text,
                                     .thumbprint = key->thumbprint,
                                     .contacts = (char *)"[]",
                                     .status = LEDGER_VALID};
    const struct row row = {LEDGER_ACCOUNT, {.account = &account}};
    g_assert_true(ledger_begin(pair->a.ledger, NULL));
    for (guint i = 0; i < QUOTA_ACCOUNTS; i++) {
        g_autofree char *id = g_strdup_printf("%u", i);
        account.id = account.name = id;
        account.used = ROWS_NOW + i;
        g_assert_true(unite_row(pair->a.ledger, &row, &error));
    }
    account.id = account.name = (char *)"older";
    account.used = ROWS_NOW - 1;
    g_assert_true(unite_row(pair->a.ledger, &row, &error));
    AUTO(ledger_account) *older = ledger_account(pair->a.ledger, "older", NULL);
    g_assert_null(older);
    account.id = account.name = (char *)"newer";
    account.used = 2 * (gint64)ROWS_NOW;
    g_assert_true(unite_row(pair->a.ledger, &row, &error));
    AUTO(ledger_account) *newer = ledger_account(pair->a.ledger, "newer", NULL);
    g_assert_nonnull(newer);
    g_assert_cmpuint(count(&pair->a, LEDGER_ACCOUNTS), <=, QUOTA_ACCOUNTS);
    g_assert_true(ledger_end(pair->a.ledger, TRUE, NULL));
}

/* ---- a file of before ---- */

static void
test_a_file_of_before_goes_on(void)
{
    static const char before[] =
        "CREATE TABLE account (id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL,"
        " thumbprint TEXT NOT NULL UNIQUE, contacts TEXT NOT NULL, status TEXT NOT NULL,"
        " created INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
        "CREATE TABLE orders (id TEXT PRIMARY KEY, account TEXT NOT NULL, status TEXT NOT NULL,"
        " created INTEGER NOT NULL, expires INTEGER NOT NULL, identifiers TEXT NOT NULL,"
        " error TEXT, certificate TEXT, csr TEXT, replaces TEXT) STRICT;"
        "CREATE TABLE authorization (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
        " account TEXT NOT NULL, orders TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL,"
        " wildcard INTEGER NOT NULL, status TEXT NOT NULL, expires INTEGER NOT NULL,"
        " secret TEXT NOT NULL, tried TEXT, error TEXT, validated INTEGER NOT NULL) STRICT;"
        "CREATE TABLE certificate (id TEXT PRIMARY KEY, account TEXT NOT NULL,"
        " serial TEXT NOT NULL UNIQUE, issuer TEXT NOT NULL, key TEXT NOT NULL,"
        " identifiers TEXT NOT NULL, chain TEXT NOT NULL, not_before INTEGER NOT NULL,"
        " not_after INTEGER NOT NULL, revoked INTEGER NOT NULL, replaced INTEGER NOT NULL) STRICT;"
        "INSERT INTO account VALUES ('a', 'n', 'k', 't', '[]', 'valid', 1, 2);"
        "INSERT INTO orders VALUES ('o', 'a', 'valid', 1, 2, '[]', NULL, 'c', NULL, NULL);"
        "INSERT INTO orders VALUES ('p', 'a', 'pending', 1, 2, '[]', NULL, NULL, NULL, NULL);"
        "PRAGMA user_version = 1;";
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch->path, "acme.db", NULL);
    g_autoptr(GError) error = NULL;
    struct ledger_change change = {0};
    sqlite3 *old;
    g_assert_cmpint(sqlite3_open(path, &old), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(old, before, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(old);
    AUTO(ledger) *ledger = ledger_open(path, &error);
    g_assert_no_error(error);
    AUTO(ledger_account) *account = ledger_account_of_key(ledger, "t", NULL);
    g_assert_cmpint(account->used, ==, 2);
    g_assert_cmpuint(account->key_version, ==, 1); /* it had another one once */
    g_assert_true(ledger_next_change(ledger, 0, &change, NULL));
    g_assert_cmpstr(change.id, ==, "a");
    g_assert_true(ledger_next_change(ledger, change.number, &change, NULL));
    g_assert_cmpstr(change.id, ==, "o");
    g_assert_false(ledger_next_change(ledger, change.number, &change, NULL));
}

/* A row has one change, and numbers are not used again: nobody who has seen one misses the next. */
static void
test_changes_rise(void)
{
    AUTO(ledger) *ledger = rows_open();
    AUTO(jwk) *key = rows_key();
    g_autofree char *id = rows_account(ledger, key);
    struct ledger_change first, second;
    g_assert_true(ledger_next_change(ledger, 0, &first, NULL));
    change_account(ledger, id, 1, "[]");
    g_assert_true(ledger_next_change(ledger, 0, &second, NULL));
    g_assert_cmpint(second.number, >, first.number);
    g_assert_false(ledger_next_change(ledger, second.number, &first, NULL));
    g_assert_true(ledger_prune(ledger, 2 * (gint64)ROWS_NOW, NULL));
    g_assert_false(ledger_next_change(ledger, 0, &first, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acme-twin/what one has the other gets", test_what_one_has_the_other_gets);
    g_test_add_func("/acme-twin/the ledger says when something changed",
                    test_the_ledger_says_when_something_changed);
    g_test_add_func("/acme-twin/what either made alone both have",
                    test_what_either_made_alone_both_have);
    g_test_add_func("/acme-twin/what is lost on the way is made up for",
                    test_what_is_lost_on_the_way_is_made_up_for);
    g_test_add_func("/acme-twin/one that starts anew is heard", test_one_that_starts_anew_is_heard);
    g_test_add_func("/acme-twin/what is under way is bounded", test_what_is_under_way_is_bounded);
    g_test_add_func("/acme-twin/orders under way stay where they are",
                    test_orders_under_way_stay_where_they_are);
    g_test_add_func("/acme-twin/of an account each part is the later one",
                    test_of_an_account_each_part_is_the_later_one);
    g_test_add_func("/acme-twin/two accounts may come to one key",
                    test_two_accounts_may_come_to_one_key);
    g_test_add_func("/acme-twin/revoked stays revoked", test_revoked_stays_revoked);
    g_test_add_func("/acme-twin/ours stays where an id is taken",
                    test_ours_stays_where_an_id_is_taken);
    g_test_add_func("/acme-twin/rows are checked", test_rows_are_checked);
    g_test_add_func("/acme-twin/certificates are read and names are names",
                    test_certificates_are_read_and_names_are_names);
    g_test_add_func("/acme-twin/strange messages change nothing",
                    test_strange_messages_change_nothing);
    g_test_add_func("/acme-twin/as many are kept as may be", test_as_many_are_kept_as_may_be);
    g_test_add_func("/acme-twin/a file of before goes on", test_a_file_of_before_goes_on);
    g_test_add_func("/acme-twin/changes rise", test_changes_rise);
    return g_test_run();
}
