#include "replicator/standby/check/command.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/progress.h"
#include "lib/base/stop.h"
#include "lib/couch/choice.h"
#include "lib/couch/server.h"
#include "lib/http/rate.h"
#include "replicator/standby/check/compare.h"
#include "replicator/switch/pair.h"

#include <stdio.h>

#define STALL 120    /* seconds without a byte, and a call is asked again */
#define PATIENCE 300 /* seconds that it goes on through failures */

struct check {
    struct comparison comparison;
    struct choice choice;
    struct patience patience;
    gboolean json;
    guint64 databases, documents, leaves, differences, only_here;
};

static void
wait_and_tell(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    log_notice("%s; trying again in %.1f s", cause->message, milliseconds / 1000.0);
    stop_sleep(milliseconds);
}

/* ---- what is told ---- */

/* `database`: NULL for what concerns none. */
static void
tell(struct check *check, const char *database, const char *sentence)
{
    if (!check->json && database == NULL) {
        printf("%s\n", sentence);
        return;
    }
    if (!check->json) {
        printf("database '%s': %s\n", database, sentence);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "event", "difference");
    json_text_member_string(text, "database", database);
    json_text_member_string(text, "message", sentence);
    json_text_end_object(text);
    printf("%s\n", text->str);
}

static void
tell_database(struct check *check, const char *database)
{
    const struct comparison *comparison = &check->comparison;
    for (guint i = 0; i < comparison->sentences->len; i++)
        tell(check, database, comparison->sentences->pdata[i]);
    if (comparison->differences > comparison->sentences->len) {
        g_autofree char *more =
            g_strdup_printf("and %" G_GUINT64_FORMAT " more differences",
                            comparison->differences - comparison->sentences->len);
        tell(check, database, more);
    }
    check->databases++;
    check->documents += comparison->documents;
    check->leaves += comparison->leaves;
    check->differences += comparison->differences;
    check->only_here += comparison->only_here;
}

static void
tell_summary(const struct check *check)
{
    const char *verdict = check->differences == 0 ? "equal" : "DIFFERENT";
    if (!check->json) {
        printf("%s: %" G_GUINT64_FORMAT " databases, %" G_GUINT64_FORMAT
               " documents, %" G_GUINT64_FORMAT " revisions compared%s\n",
               verdict, check->databases, check->documents, check->leaves,
               check->comparison.deep ? ", with their contents" : "");
        if (check->only_here > 0)
            printf("only here: %" G_GUINT64_FORMAT " document%s\n", check->only_here,
                   check->only_here == 1 ? "" : "s");
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "event", "summary");
    json_text_member_boolean(text, "equal", check->differences == 0);
    json_text_member_unsigned(text, "databases", check->databases);
    json_text_member_unsigned(text, "documents", check->documents);
    json_text_member_unsigned(text, "leaves", check->leaves);
    json_text_member_unsigned(text, "differences", check->differences);
    json_text_member_unsigned(text, "only_here", check->only_here);
    json_text_end_object(text);
    printf("%s\n", text->str);
}

/* ---- the work ---- */

/* One that is not there is a difference, like any other. */
static gboolean
check_one(struct check *check, const char *database, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (compare_database(&check->comparison, database, &failure)) {
        tell_database(check, database);
        return TRUE;
    }
    if (http_has_status(failure, 404)) {
        check->databases++;
        check->differences++;
        tell(check, database, "it is not on both nodes");
        return TRUE;
    }
    g_propagate_prefixed_error(error, g_steal_pointer(&failure), "database '%s': ", database);
    return FALSE;
}

/* A pattern that is mistyped would leave out what it should take, and all be equal. */
static void
tell_idle(struct check *check, char **names)
{
    g_autofree char *idle = choice_idle(&check->choice, names);
    if (idle == NULL)
        return;
    g_autofree char *sentence =
        g_strdup_printf("no database on the other node matches --include %s", idle);
    check->differences++;
    tell(check, NULL, sentence);
}

static gboolean
check_all(struct check *check, GError **error)
{
    g_auto(GStrv) names = server_databases(check->comparison.source, error);
    if (names == NULL)
        return FALSE;
    tell_idle(check, names);
    for (guint i = 0; names[i] != NULL; i++)
        if (!server_is_passing(names[i]) && choice_takes(&check->choice, names[i]) &&
            !check_one(check, names[i], error))
            return FALSE;
    return TRUE;
}

static struct http *
open_server(const struct http_options *options, const char *credentials, GError **error)
{
    struct http *http = http_connect(options, credentials, error);
    if (http != NULL)
        http_set_stop(http, stop_is_due, NULL);
    return http;
}

static int
check_pair(const struct command_line *line, const struct pair *pair, GError **error)
{
    guint64 bytes = (guint64)options_integer(line, "rate") << 10;
    AUTO(rate) *rate = bytes > 0 ? rate_new(bytes) : NULL;
    const struct http_options from = {.url = pair->url,
                                      .login_option = "--from-credentials",
                                      .ca_file = options_string(line, "from-ca"),
                                      .stall_seconds = STALL,
                                      .rate = rate};
    const struct http_options into = {.url = options_string(line, "source"),
                                      .stall_seconds = STALL};
    struct check check = {
        .choice = {options_list(line, "include"), options_list(line, "exclude")},
        .json = options_flag(line, "json"),
        .patience = {.seconds = PATIENCE, .wait = wait_and_tell, .stopped = stop_is_due},
    };
    AUTO(http) *source = open_server(&from, pair->credentials, error);
    AUTO(http) *target =
        source != NULL ? open_server(&into, options_string(line, "credentials"), error) : NULL;
    if (target == NULL)
        return fail_exit_code(*error);
    stop_watch();
    comparison_init(&check.comparison);
    check.comparison.source = source;
    check.comparison.target = target;
    check.comparison.patience = &check.patience;
    check.comparison.deep = options_flag(line, "deep");
    gboolean done = check_all(&check, error);
    if (done)
        tell_summary(&check);
    comparison_clear(&check.comparison);
    return !done ? fail_exit_code(*error) : check.differences > 0 ? FAIL_INCOMPLETE : 0;
}

int
standby_check_command(const struct command_line *line, GError **error)
{
    struct pair pair;
    if (!pair_require(line, &pair, error))
        return fail_exit_code(*error);
    int code = check_pair(line, &pair, error);
    pair_clear(&pair);
    return code;
}
