/* server: of thousands of _local documents only those worth keeping stay in memory; odd answers are
 * told. */
#include "lib/couch/locals.h"
#include "lib/couch/server.h"
#include "lib/http/patience.h"
#include "lib/json/json.h"
#include "tests/unit/http_server.h"

struct script {
    const char *texts[4]; /* answers in their order, the last again and again */
    guint statuses[4];
    gboolean cut[4];
    guint checkpoints;
};

static void
answer_script(void *context, const struct server_request *request, struct server_answer *answer)
{
    const struct script *script = context;
    guint at = request->number;
    while (at > 0 && (at >= 4 || (script->texts[at] == NULL && script->statuses[at] == 0)))
        at--;
    answer->status = script->statuses[at];
    answer->cut = script->cut[at];
    answer->cut_at = 30;
    answer->chunk = 7000;
    g_string_assign(answer->body, script->texts[at] != NULL ? script->texts[at] : "");
    for (guint i = 0; i < script->checkpoints; i++)
        g_string_append_printf(answer->body,
                               "{\"id\":\"_local/%u\",\"doc\":{\"_id\":\"_local/"
                               "%u\",\"session_id\":\"s\",\"history\":[\"%0900u\"]}},\n",
                               i, i, 1);
    if (script->checkpoints > 0)
        g_string_append(answer->body, "{\"doc\":{\"_id\":\"_local/z\"}}]}");
}

static char *
local_documents(struct script *script, GError **error)
{
    AUTO(http_server) *server = http_server_new(answer_script, script);
    AUTO(http) *http = http_server_client(server, 0);
    g_autoptr(GString) text = locals_kept(http, "d/b", error);
    if (text == NULL)
        return NULL;
    g_assert_true(json_check((struct slice){text->str, text->len}, NULL));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
only_lasting_local_documents_are_kept(void)
{
    struct script script = {
        {"{\"total_rows\":null,\"rows\":["
         "{\"id\":\"_local/a\",\"doc\":{\"_id\":\"_local/a\",\"n\": 1.0}},"
         "{\"doc\":{\"_id\":\"_local/b\",\"session_id\":\"x\",\"history\":[]}},"
         "{\"doc\":{\"_id\":\"_local/c\",\"session_id\":\"x\"}},"
         "{\"doc\":{\"_id\":\"_local/lifeboat-x-1\",\"token\":\"x\"}},{\"doc\":{\"_id\":\"_local/"
         "shard-sync-x\"}},"
         "{\"doc\":{\"_id\":\"_local/"
         "purge-x\"}},{\"doc\":null},{\"doc\":{\"_id\":1}},{\"id\":\"x\"},1]}"}};
    g_autofree char *text = local_documents(&script, NULL);
    g_assert_cmpstr(text, ==,
                    "{\"docs\":[\n{\"_id\":\"_local/a\",\"n\": "
                    "1.0},\n{\"_id\":\"_local/c\",\"session_id\":\"x\"}]}\n");
}

static void
checkpoints_of_many_phones_fit(void)
{
    struct script script = {.texts = {"{\"rows\":["},
                            .checkpoints =
                                80000}; /* 75 MB, more than an answer read whole may have */
    g_autofree char *text = local_documents(&script, NULL);
    g_assert_cmpstr(text, ==, "{\"docs\":[\n{\"_id\":\"_local/z\"}]}\n");
}

static void
a_server_without_the_list_has_none(void)
{
    static const guint statuses[] = {404, 405, 501};
    for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
        struct script script = {.statuses = {statuses[i]}};
        g_autofree char *text = local_documents(&script, NULL);
        g_assert_cmpstr(text, ==, "{\"docs\":[]}\n");
    }
}

static void
an_unfinished_list_is_refused(void)
{
    static const char *const bad[] = {
        "", "{\"rows\":[", "{\"rows\":[{\"doc\":{\"_id\":\"_local/a\"}}]", "{\"rows\":[}", "[]"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        struct script script = {.texts = {bad[i]}};
        g_assert_null(local_documents(&script, &error));
        g_assert_error(error, HTTP, HTTP_TRANSPORT);
    }
}

static void
note_wait(void *context, guint milliseconds, const GError *cause)
{
    (void)milliseconds;
    (void)cause;
    ++*(guint *)context;
}

static void
a_cut_list_is_asked_for_again_and_not_doubled(void)
{
    guint waits = 0;
    static const char list[] = "{\"rows\":[{\"doc\":{\"_id\":\"a\"}},{\"doc\":{\"_id\":\"b\"}}]}";
    struct script script = {.texts = {list, list, list}, .statuses = {0, 503, 0}, .cut = {TRUE}};
    struct patience patience = {.seconds = 60, .wait = note_wait, .context = &waits};
    AUTO(http_server) *server = http_server_new(answer_script, &script);
    AUTO(http) *http = http_server_client(server, 0);
    http_be_patient(http, &patience);
    g_autoptr(GString) text = locals_kept(http, "db", NULL);
    g_assert_cmpstr(text->str, ==, "{\"docs\":[\n{\"_id\":\"a\"},\n{\"_id\":\"b\"}]}\n");
    g_assert_cmpuint(waits, ==, 2);
}

static void
databases_come_sorted(void)
{
    struct script script = {.texts = {"[\"b\",\"a/\\u0062\",\"_users\"]", "{}", "[1]"}};
    AUTO(http_server) *server = http_server_new(answer_script, &script);
    AUTO(http) *http = http_server_client(server, 0);
    g_auto(GStrv) names = server_databases(http, NULL);
    g_assert_true(
        g_strv_equal((const char *const *)names, (const char *[]){"_users", "a/b", "b", NULL}));
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(server_databases(http, &error));
        g_assert_nonnull(error);
    }
}

static void
paths_are_as_couchdb_takes_them(void)
{
    static const char *const documents[][2] = {
        {"a/b c", "/d%2Fb/a%2Fb%20c?x"},
        {"_design/v/w", "/d%2Fb/_design/v%2Fw?x"},
        {"_design/..", "/d%2Fb/_design/%2E%2E?x"},
        {"..", "/d%2Fb/%2E%2E?x"},
        {".", "/d%2Fb/%2E?x"},
        {"...", "/d%2Fb/...?x"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *path = server_document_path("d/b", slice_of(documents[i][0]), "?x");
        g_assert_cmpstr(path, ==, documents[i][1]);
    }
    g_autofree char *attachment = server_attachment_path(
        "d", slice_of("_design/v"), slice_of("\"a\\/\\u00e9\""), slice_of("1-a"));
    g_assert_cmpstr(attachment, ==, "/d/_design/v/a%2F%C3%A9?rev=1-a");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/server/only lasting _local documents are kept",
                    only_lasting_local_documents_are_kept);
    g_test_add_func("/server/checkpoints of many phones fit", checkpoints_of_many_phones_fit);
    g_test_add_func("/server/a server without the list has none",
                    a_server_without_the_list_has_none);
    g_test_add_func("/server/an unfinished list is refused", an_unfinished_list_is_refused);
    g_test_add_func("/server/a cut list is asked for again and not doubled",
                    a_cut_list_is_asked_for_again_and_not_doubled);
    g_test_add_func("/server/databases come sorted", databases_come_sorted);
    g_test_add_func("/server/paths are as CouchDB takes them", paths_are_as_couchdb_takes_them);
    return g_test_run();
}
