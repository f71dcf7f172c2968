/*
 * fuzz-http: what we make of a hostile server's answers. The first byte is the question: 0 the
 * changes feed, 1 whole documents (_bulk_get, the feed of one document, attachments as multipart),
 * 2 to 9 small questions, 10 the answer of _bulk_docs. The second says in pieces of which size the
 * answers come. The rest are the answers (fake_curl.h).
 */
#include "lib/couch/locals.h"
#include "lib/couch/read/fetch.h"
#include "lib/couch/read/listing.h"
#include "lib/couch/server.h"
#include "lib/couch/write/post.h"
#include "lib/couch/write/traits.h"
#include "lib/http/patience.h"
#include "lib/json/json.h"
#include "tests/fuzz/fake_curl.h"
#include "tests/fuzz/fuzz.h"

#define DOCUMENTS 3
#define BYTES_MAX (1024 * 1024) /* of a document's attachments that are waited for */

static void
wait_no_time(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    (void)milliseconds;
    (void)cause;
}

static void
must_be_json(struct slice text)
{
    g_assert_true(json_check(text, NULL));
}

/* ---- the changes feed ---- */

static void
ask_feed(struct http *http, struct patience *patience)
{
    (void)patience;
    g_autoptr(GError) error = NULL;
    AUTO(listing) *listing = listing_fetch(http, "db", "\"1-x\"", NULL, NULL, &error);
    g_autoptr(GString) last = g_string_new(NULL);
    guint64 rows = 0;
    struct row row;
    g_assert((listing == NULL) == (error != NULL));
    if (listing == NULL)
        return;
    must_be_json(slice_of(listing_last_seq(listing)));
    for (;; rows++) {
        gboolean read = listing_next(listing, &row, &error);
        g_assert_true(read);
        if (row.id.data == NULL)
            break;
        struct slice before = {last->str, last->len}, rest = row.leaves;
        struct row_leaf leaf;
        guint64 generation;
        g_assert_true(row.id.size > 0 && row_count_leaves(&row) > 0);
        g_assert_true(rows == 0 || row_compare_ids(before, row.id) < 0);
        while (row_next_leaf(&rest, &leaf))
            g_assert_true(revision_generation(leaf.rev, &generation));
        g_string_truncate(last, 0);
        g_string_append_len(last, row.id.data, (gssize)row.id.size);
    }
    g_assert_cmpuint(rows, <=, listing_rows(listing));
}

/* ---- documents ---- */

struct reading {
    GByteArray *row;
    guint asked, ended; /* documents */
    guint64 bytes, expected;
    gboolean in_leaf, problems;
};

static const char *const ids[DOCUMENTS] = {"a", "b", "c"};
static const char *const revisions[DOCUMENTS][2] = {{"1-a", NULL}, {"2-b", "2-c"}, {NULL, NULL}};

static gboolean
next_wanted(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    struct reading *reading = context;
    (void)error;
    *end = reading->asked == DOCUMENTS;
    if (*end)
        return TRUE;
    g_byte_array_set_size(reading->row, 0);
    gsize mark = row_begin(reading->row, slice_of(ids[reading->asked]));
    for (guint i = 0; i < 2 && revisions[reading->asked][i] != NULL; i++)
        row_add_leaf(reading->row, slice_of(revisions[reading->asked][i]), 0);
    row_end(reading->row, mark);
    wanted->listed = row_decode(reading->row->data);
    reading->asked++;
    return TRUE;
}

static void
choose(void *context, struct leaf *leaf, const struct row *held)
{
    guint64 total = 0;
    (void)context;
    (void)held;
    for (guint i = 0; i < leaf->n_attachments; i++) {
        gboolean small = leaf->attachments[i].stored <= BYTES_MAX - total;
        leaf->attachments[i].here = small && i % 3 != 2;
        total += leaf->attachments[i].here ? leaf->attachments[i].stored : 0;
    }
}

static gboolean
take_leaf(void *context, const struct leaf *leaf, GError **error)
{
    struct reading *reading = context;
    (void)error;
    g_assert_true(!reading->in_leaf && reading->ended < DOCUMENTS);
    g_assert_cmpint(slice_compare(leaf->id, slice_of(ids[reading->ended])), ==, 0);
    must_be_json(leaf->json);
    reading->in_leaf = TRUE;
    reading->bytes = reading->expected = 0;
    for (guint i = 0; i < leaf->n_attachments; i++)
        reading->expected += leaf->attachments[i].here ? leaf->attachments[i].stored : 0;
    return TRUE;
}

static gboolean
take_bytes(void *context, const void *data, gsize size, GError **error)
{
    struct reading *reading = context;
    (void)data;
    (void)error;
    reading->bytes += size;
    g_assert_cmpuint(reading->bytes, <=, reading->expected);
    return TRUE;
}

static gboolean
end_leaf(void *context, const struct leaf *leaf, const char *damage, GError **error)
{
    struct reading *reading = context;
    (void)leaf;
    (void)error;
    g_assert_true(reading->in_leaf && (damage == NULL || reading->problems));
    g_assert_cmpuint(reading->bytes, ==, reading->expected);
    reading->in_leaf = FALSE;
    return TRUE;
}

static gboolean
end_document(void *context, const struct row *listed, gboolean complete, GError **error)
{
    struct reading *reading = context;
    (void)error;
    g_assert_true(!reading->in_leaf && (complete || reading->problems));
    g_assert_cmpint(slice_compare(listed->id, slice_of(ids[reading->ended])), ==, 0);
    reading->ended++;
    reading->problems = FALSE;
    return TRUE;
}

static void
take_problem(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct reading *reading = context;
    (void)id;
    (void)rev;
    g_assert_cmpuint(strlen(reason), >, 0);
    reading->problems = TRUE;
}

static void
ask_documents(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) row = g_byte_array_new();
    struct reading reading = {.row = row};
    const struct fetch_handler handler = {next_wanted,  choose,   take_leaf,
                                          take_bytes,   end_leaf, end_document,
                                          take_problem, NULL,     &reading};
    gboolean done = fetch_documents(http, "db", &handler, patience, &error);
    g_assert_true(done == (error == NULL));
    g_assert_true(!done || reading.ended == DOCUMENTS);
}

/* ---- small questions ---- */

static void
ask_info(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    struct server_info info = {0};
    (void)patience;
    g_assert_true(server_info_fetch(http, &info, &error) == (error == NULL));
    server_info_clear(&info);
}

static void
ask_databases(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) names = server_databases(http, &error);
    (void)patience;
    g_assert_true((names == NULL) == (error != NULL));
    for (guint i = 0; names != NULL && names[i] != NULL; i++)
        g_assert_true(*names[i] != '\0' && (i == 0 || strcmp(names[i - 1], names[i]) < 0));
}

static void
check_text(GString *text, const GError *error)
{
    g_assert_true(text == NULL || error == NULL);
    if (text == NULL)
        return;
    must_be_json((struct slice){text->str, text->len});
    g_string_free(text, TRUE);
}

static void
ask_config(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    (void)patience;
    check_text(server_config(http, &error), error);
}

static void
ask_locals(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    (void)patience;
    check_text(locals_kept(http, "db", &error), error);
}

static void
ask_database(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    struct server_database database = {0};
    (void)patience;
    if (server_database_fetch(http, "db", &database, &error))
        must_be_json(slice_of(database.security));
    else
        g_assert_nonnull(error);
    server_database_clear(&database);
}

static void
ask_purged(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) purged = server_purged_ids(http, "db", &error);
    (void)patience;
    g_assert_true((purged == NULL) == (error != NULL));
}

static void
ask_count(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    guint64 rows;
    (void)patience;
    g_assert_true(listing_count(http, "db", NULL, &rows, &error) == (error == NULL));
}

static void
ask_traits(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    struct traits traits = {0};
    (void)patience;
    if (traits_fetch(http, &traits, &error))
        g_assert_true(traits.nodes != NULL && traits.nodes[0] != NULL);
    else
        g_assert_nonnull(error);
    traits_clear(&traits);
}

static void
ask_post(struct http *http, struct patience *patience)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) refusals = NULL;
    AUTO(post) *post = post_new();
    (void)patience;
    post_begin_document(post);
    g_string_append(post->body, "{\"_id\":\"a\",\"_rev\":\"1-a\"}");
    post_end_document(post);
    post_close(post);
    post_start(post, http, "/db/_bulk_docs");
    g_assert_true(post_finish(post, &refusals, &error) == (error == NULL));
    for (guint i = 0; refusals != NULL && i < refusals->len; i++) {
        const struct post_refusal *refusal = refusals->pdata[i];
        g_assert_true(refusal->id != NULL && (refusal->error != NULL || refusal->reason != NULL));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const questions[])(struct http *, struct patience *) = {
        ask_feed,     ask_documents, ask_info,  ask_databases, ask_config, ask_locals,
        ask_database, ask_purged,    ask_count, ask_traits,    ask_post};
    struct patience patience = {.seconds = 5, .wait = wait_no_time};
    if (size < 2)
        return 0;
    fake_curl_script((struct slice){(const char *)data + 2, size - 2}, 1 + data[1] * 4U);
    AUTO(http) *http = http_new(&(struct http_options){.url = "http://u:p@h"}, NULL);
    http_be_patient(http, &patience);
    questions[data[0] % G_N_ELEMENTS(questions)](http, &patience);
    return 0;
}
