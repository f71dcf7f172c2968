#include "replicator/daemon/role.h"

#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/daemon/world.h"
#include "replicator/switch/merged.h"

#include <fcntl.h>
#include <string.h>

#define SILENT 60    /* seconds without a word that are told */
#define VALUE_MAX 64 /* characters of a step's value */

/* ---- following ---- */

static void
follower_changed(void *context)
{
    daemon_show(context);
}

static gboolean
is_standby(const struct daemon *daemon)
{
    return g_strcmp0(daemon->role.name, "standby") == 0;
}

void
role_apply(struct daemon *daemon)
{
    const struct configured *configured = daemon->configured;
    gboolean wanted = configured->follows && !daemon->ending &&
                      (!configured->paired || is_standby(daemon)) &&
                      steps_under_way(daemon->steps) == NULL && !steps_is_holding(daemon->steps);
    const struct daemon_options *options = daemon->options;
    const char *const *command =
        configured->paired && daemon->role.unmerged ? options->follow_keeping : options->follow;
    if (!wanted || command != daemon->follows)
        g_clear_pointer(&daemon->follower, follower_free);
    daemon->follows = command;
    if (wanted && daemon->follower == NULL)
        daemon->follower = follower_new(daemon->events, command, follower_changed, daemon);
}

/* ---- the role ---- */

static void
append_report(const struct follower *follower, const char *from, const char *name, GString *out)
{
    struct slice report = follower_report(follower), value;
    if (report.size > 0 && json_member(report, from, &value))
        json_text_member_raw(out, name, value);
    else
        json_text_member_null(out, name);
}

static void
append_lag(const struct follower *follower, GString *out)
{
    g_autofree char *trouble = follower_trouble(follower);
    json_text_begin_object(out);
    append_report(follower, "seconds_behind", "seconds", out);
    append_report(follower, "databases_behind", "databases", out);
    append_report(follower, "changes_behind", "changes", out);
    append_report(follower, "changes_counted", "counted", out);
    append_report(follower, "contact", "contact", out);
    json_text_member_string(out, "trouble", trouble);
    json_text_end_object(out);
}

static void
answer_role(const struct daemon *daemon, struct control_question *question)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_name(out, "lag");
    if (daemon->follower != NULL)
        append_lag(daemon->follower, out);
    else
        json_text_null(out);
    json_text_member_boolean(out, "backwards",
                             daemon->follower != NULL &&
                                 json_member_true(follower_report(daemon->follower), "backwards"));
    json_text_end_object(out);
    control_answer(question, out);
}

static gboolean
is_role(const char *name)
{
    static const char *const roles[] = {"active", "standby", "switching", "waiting", "alone", NULL};
    return g_strv_contains(roles, name);
}

static void
take_role(struct daemon *daemon, struct slice request, struct control_question *question)
{
    struct role *role = &daemon->role;
    g_autofree char *name = NULL;
    guint64 term = 0;
    json_member_unsigned(request, "term", &term);
    if (!json_member_text(request, "role", &name) || !is_role(name)) {
        control_refuse(question, "no such role");
        return;
    }
    gboolean changed = g_strcmp0(role->name, name) != 0 || role->term != term ||
                       role->unmerged != json_member_true(request, "unmerged");
    if (g_strcmp0(role->name, name) != 0)
        log_notice("this node is %s", name);
    if (role->told_silent)
        log_notice("lifeboat-netsvc is heard again");
    g_free(role->name);
    role->name = g_steal_pointer(&name);
    role->term = term;
    role->unmerged = json_member_true(request, "unmerged");
    role->heard = g_get_monotonic_time();
    role->told_silent = FALSE;
    steps_release(daemon->steps);
    role_apply(daemon);
    answer_role(daemon, question);
    if (changed)
        daemon_show(daemon);
}

static gint64
silence(const struct role *role)
{
    return (g_get_monotonic_time() - role->heard) / G_USEC_PER_SEC;
}

void
role_watch(struct daemon *daemon)
{
    struct role *role = &daemon->role;
    gboolean silent = daemon->configured->paired && silence(role) > SILENT;
    if (silent && !role->told_silent) {
        log_warning("lifeboat-netsvc has said nothing for %" G_GINT64_FORMAT
                    " s of which node is the active one; going on %s",
                    silence(role),
                    role->name == NULL   ? "without following the other one"
                    : is_standby(daemon) ? "as the standby"
                                         : "as before");
        daemon_show(daemon);
    }
    role->told_silent = silent;
}

/* ---- the other steps ---- */

static const struct {
    const char *step, *value; /* the member that it needs; NULL: none */
} steps[] = {
    {"pull", "attempt"}, {"adopt", "uuid"}, {"fresh", "token"}, {"merge", NULL}, {"check", "as"},
};

static gboolean
is_value(const char *text)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
    gsize size = strlen(text);
    return size > 0 && size <= VALUE_MAX && text[0] != '-' && strspn(text, allowed) == size;
}

void
role_ask(struct daemon *daemon, const char *step, struct slice request,
         struct control_question *question)
{
    g_autofree char *value = NULL;
    gsize i = 0;
    if (g_str_equal(step, "role")) {
        take_role(daemon, request, question);
        return;
    }
    while (i < G_N_ELEMENTS(steps) && !g_str_equal(steps[i].step, step))
        i++;
    if (i == G_N_ELEMENTS(steps)) {
        control_refuse(question, "no such step of a switch");
        return;
    }
    const char *wanted = steps[i].value;
    if (wanted != NULL && (!json_member_text(request, wanted, &value) || !is_value(value))) {
        g_autofree char *why = g_strdup_printf("'%s' is missing, or no such thing", wanted);
        control_refuse(question, why);
        return;
    }
    steps_ask(daemon->steps, steps[i].step, value, question);
}

/* ---- the whole ---- */

static void
step_changed(void *context)
{
    struct daemon *daemon = context;
    role_apply(daemon);
    daemon_show(daemon);
}

void
role_begin(struct daemon *daemon)
{
    daemon->role = (struct role){.heard = g_get_monotonic_time()};
    daemon->steps = steps_new(daemon->events, daemon->options->step, step_changed, daemon);
}

void
role_end(struct daemon *daemon)
{
    steps_free(daemon->steps);
    g_free(daemon->role.name);
}

/* What the last merge brought (merged.h). */
static void
append_merged(const struct daemon *daemon, GString *out)
{
    gsize size;
    AUTO_FD int folder = file_open_folder(AT_FDCWD, daemon->options->state, FALSE, NULL);
    g_autofree char *text =
        folder >= 0 ? file_read(folder, MERGED_SUMMARY, MERGED_SUMMARY_MAX, &size, NULL) : NULL;
    if (text == NULL)
        return;
    g_strstrip(text);
    struct slice json = slice_of(text);
    if (json_check(json, NULL) && json_type(json) == JSON_OBJECT)
        json_text_member_raw(out, "merged", json);
}

void
role_append(const struct daemon *daemon, GString *out)
{
    const struct role *role = &daemon->role;
    if (!daemon->configured->paired)
        return;
    json_text_name(out, "switch");
    json_text_begin_object(out);
    json_text_member_string(out, "role", role->name);
    json_text_member_unsigned(out, "term", role->term);
    json_text_member_boolean(out, "unmerged", role->unmerged);
    json_text_member_integer(out, "silent", silence(role) > SILENT ? silence(role) : 0);
    json_text_member_string(out, "step", steps_under_way(daemon->steps));
    append_merged(daemon, out);
    json_text_end_object(out);
}
