#include "replicator/switch/clients/clone.h"

#include "lib/base/fail.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

static char *
path_since(const char *database, const char *since)
{
    g_autoptr(GString) rest = g_string_new("/_changes?limit=1&since=");
    http_escape(rest, slice_of(since));
    return server_path(database, rest->str);
}

gboolean
clone_ahead(struct http *http, const char *database, const char *sequence)
{
    g_autoptr(GString) since = g_string_new(NULL);
    if (json_type(slice_of(sequence)) != JSON_STRING)
        return TRUE;
    json_unescape(slice_of(sequence), since);
    g_autofree char *path = path_since(database, since->str);
    return http_ahead(http, path);
}

/* How many changes are listed since then; FALSE: it does not take that for a sequence. Asked once:
 * a server that fails is none that believes. */
static gboolean
count_since(struct http *http, const char *database, const char *since, guint64 *count)
{
    struct slice results, row;
    g_autofree char *path = path_since(database, since);
    const struct http_request request = {.path = path};
    AUTO(http_call) *call = http_start(http, &request);
    g_autoptr(GString) answer =
        http_expect_success(call, NULL) ? http_read_all(call, HTTP_ANSWER_MAX, NULL) : NULL;
    struct slice json = {answer != NULL ? answer->str : NULL, answer != NULL ? answer->len : 0};
    if (answer == NULL || !json_check(json, NULL) ||
        !json_member_unsigned(json, "pending", count) || !json_member(json, "results", &results) ||
        json_type(results) != JSON_ARRAY)
        return FALSE;
    for (gsize place = 0; json_next_element(results, &place, &row);)
        ++*count;
    return TRUE;
}

gboolean
clone_check(struct http *http, const char *database, const char *sequence, guint64 all,
            GError **error)
{
    g_autoptr(GString) since = g_string_new(NULL);
    guint64 rest = 0, number;
    if (json_type(slice_of(sequence)) != JSON_STRING)
        return TRUE;
    json_unescape(slice_of(sequence), since);
    if (all == 0 || !server_sequence_number(slice_of(sequence), &number) || number == 0 ||
        !count_since(http, database, since->str, &rest) || rest >= all)
        return TRUE;
    return fail_set(error, FAIL_FAILED,
                    "database '%s' of this node was made by copying the other one's files: clients "
                    "that go on from where they were there would miss something here\n"
                    "hint: delete it on this node, and let it be followed anew",
                    database);
}
