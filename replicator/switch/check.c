/* check: what stands in the way of a planned switch from the one node to the other (command.h),
 * each in a sentence that says how to mend it; and what need not. Nothing is changed, and no value
 * of a setting is told.
 *
 *     both    reachable, settings, uuids, clocks
 *     `to`    this node is the one that follows: how far, what does not come, the disk, indexes
 */
#include "replicator/switch/check/check.h"

#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "replicator/standby/open.h"
#include "replicator/switch/step.h"

static void add(GPtrArray *list, const char *format, va_list arguments) G_GNUC_PRINTF(2, 0);

static void
add(GPtrArray *list, const char *format, va_list arguments)
{
    g_ptr_array_add(list, g_strdup_vprintf(format, arguments));
}

void
check_problem(struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (check->problems->len < CHECK_TOLD_MAX)
        add(check->problems, format, arguments);
    va_end(arguments);
}

void
check_note(struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (check->notes->len < CHECK_TOLD_MAX)
        add(check->notes, format, arguments);
    va_end(arguments);
}

/* ---- the servers ---- */

static struct http *
open_server(struct check *check, const struct http_options *options, const char *credentials,
            const char *whose, struct traits *traits, GError **error)
{
    struct http *http = http_connect(options, credentials, error);
    g_autoptr(GError) failure = NULL;
    if (http == NULL)
        return NULL;
    http_set_stop(http, stop_is_due, NULL);
    if (!traits_fetch(http, traits, &failure)) {
        g_autofree char *message = fail_message(failure->message);
        check_problem(check,
                      "%s CouchDB cannot be used: %s; see that it runs, and that the "
                      "account is its administrator",
                      whose, message);
        traits_clear(traits);
    } else if (!traits->couchdb || traits->config == NULL) {
        check_problem(check, "%s server is no CouchDB 2 or newer; a switch needs one", whose);
        traits_clear(traits);
    }
    return http;
}

static void
check_all(struct check *check)
{
    if (check->own_traits.config == NULL || check->other_traits.config == NULL)
        return;
    check_settings(check);
    check_clocks(check);
    if (!check->is_to)
        return;
    check_databases(check);
    check_after(check);
}

static gboolean
run(struct check *check, struct step *step, GError **error)
{
    const struct standby_options *options = check->options;
    check->own = open_server(check, &options->into, options->into_credentials, "this node's",
                             &check->own_traits, error);
    if (check->own == NULL)
        return FALSE;
    check->other = open_server(check, &options->from, options->from_credentials, "the other node's",
                               &check->other_traits, error);
    if (check->other == NULL)
        return FALSE;
    check_all(check);
    json_text_member_strings(step->answer, "problems", check->problems);
    json_text_member_strings(step->answer, "notes", check->notes);
    return TRUE;
}

gboolean
step_check(struct step *step, GError **error)
{
    struct standby_options options;
    struct pair pair;
    gboolean is_to = g_str_equal(step->value, "to");
    if (!is_to && !g_str_equal(step->value, "from"))
        return fail_set(error, FAIL_USAGE, "'%s' is neither from nor to", step->value);
    if (!standby_options_read(step->line, &pair, &options, error))
        return FALSE;
    struct check check = {
        .options = &options,
        .is_to = is_to,
        .problems = g_ptr_array_new_with_free_func(g_free),
        .notes = g_ptr_array_new_with_free_func(g_free),
    };
    gboolean done = run(&check, step, error);
    traits_clear(&check.own_traits);
    traits_clear(&check.other_traits);
    http_free(check.own);
    http_free(check.other);
    g_ptr_array_unref(check.problems);
    g_ptr_array_unref(check.notes);
    pair_clear(&pair);
    return done;
}
