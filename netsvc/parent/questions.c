#include "netsvc/parent/questions.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/parent/change.h"
#include "netsvc/parent/task/tasks.h"

#include <fcntl.h>
#include <string.h>

#define ALERTS_MAX 200 /* of one child */

/* Which child knows; "status" is the parent's own. */
static const struct {
    const char *ask;
    const char *service;
} known[] = {
    {"leases", "dhcp"},
    {"dhcp", "dhcp"},
    {"zones", "dns"},
    {"dns", "dns"},
};

/* ---- alerts ---- */

static char *
alert_key(struct world *world, guint service, const char *name)
{
    return g_strdup_printf("%s: %s", service_name(world->services[service]), name);
}

void
questions_own_alert(struct world *world, const char *name, const char *text)
{
    if (*text == '\0') {
        if (g_hash_table_remove(world->alerts, name))
            log_notice("%s: over", name);
        questions_changed(world);
        return;
    }
    log_warning("%s", text);
    g_hash_table_replace(world->alerts, g_strdup(name), g_strdup(text));
    questions_changed(world);
}

static gboolean
is_of(gpointer key, gpointer value, gpointer prefix)
{
    (void)value;
    return g_str_has_prefix(key, prefix);
}

/* Whether that child may tell of one thing more: each alert is kept, and logged. */
static gboolean
has_room(struct world *world, guint service, const char *key)
{
    GHashTableIter at;
    gpointer each;
    guint count = 0;
    g_autofree char *prefix = alert_key(world, service, "");
    g_hash_table_iter_init(&at, world->alerts);
    while (g_hash_table_iter_next(&at, &each, NULL))
        count += g_str_has_prefix(each, prefix);
    return count < ALERTS_MAX || g_hash_table_contains(world->alerts, key);
}

void
questions_alert(struct world *world, guint service, const void *data, gsize size)
{
    const char *name = data;
    gsize name_size = size > 0 && size <= MESSAGE_ALERT_MAX ? strnlen(name, size) : size;
    if (name_size >= size || name[size - 1] != '\0')
        return; /* not as the child's frame writes it */
    const char *text = name + name_size + 1;
    if (text >= name + size)
        return;
    g_autofree char *key = alert_key(world, service, name);
    if (*text == '\0' || has_room(world, service, key))
        questions_own_alert(world, key, text);
}

void
questions_forget_alerts(struct world *world, guint service)
{
    g_autofree char *prefix = alert_key(world, service, "");
    g_hash_table_foreach_remove(world->alerts, is_of, prefix);
}

/* ---- status ---- */

static void
append_services(const struct world *world, GString *out)
{
    json_text_member_array(out, "services");
    for (guint i = 0; i < WORLD_SERVICES; i++) {
        const struct process *process = service_process(world->services[i]);
        json_text_begin_object(out);
        json_text_member_string(out, "name", service_name(world->services[i]));
        json_text_member_boolean(out, "wanted",
                                 service_is_wanted(world->services[i], world->current->config));
        json_text_member_boolean(out, "serves", process != NULL);
        if (process != NULL) {
            json_text_member_integer(out, "process", process_pid(process));
            json_text_member_time(out, "since", process_since(process));
        }
        json_text_member_integer(out, "restarts", service_restarts(world->services[i]));
        json_text_end_object(out);
    }
    json_text_end_array(out);
}

static void
append_configuration(const struct world *world, GString *out)
{
    g_autofree char *problem = world->problem != NULL ? fail_message(world->problem) : NULL;
    json_text_member_object(out, "configuration");
    json_text_member_time(out, "read", world->current->read);
    json_text_member_string(out, "problem", problem);
    json_text_member_string(out, "hint", problem != NULL ? fail_hint(world->problem) : NULL);
    json_text_end_object(out);
}

static void
append_alerts(const struct world *world, GString *out)
{
    g_autoptr(GList) names =
        g_list_sort(g_hash_table_get_keys(world->alerts), (GCompareFunc)strcmp);
    json_text_member_array(out, "alerts");
    for (const GList *each = names; each != NULL; each = each->next) {
        json_text_begin_object(out);
        json_text_member_string(out, "about", each->data);
        json_text_member_string(out, "text", g_hash_table_lookup(world->alerts, each->data));
        json_text_end_object(out);
    }
    json_text_end_array(out);
}

static void
append_absent(const struct world *world, GString *out)
{
    json_text_member_strings(out, "absent", world->sockets->absent);
}

static GString *
status(const struct world *world)
{
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "node", world->current->config->node);
    json_text_member_time(out, "since", world->since);
    json_text_member_string(out, "role", task_role_name(world->state.role));
    append_configuration(world, out);
    append_services(world, out);
    append_absent(world, out);
    append_alerts(world, out);
    json_text_end_object(out);
    return out;
}

static void
answer_status(const struct world *world, struct control_question *question)
{
    g_autoptr(GString) out = status(world);
    control_answer(question, out);
}

/* ---- status.json ---- */

void
questions_changed(struct world *world)
{
    if (world->changed != NULL)
        event_active(world->changed, EV_TIMEOUT, 0);
}

void
questions_publish(struct world *world)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = status(world);
    g_string_append_c(text, '\n');
    if (g_strcmp0(world->published, text->str) == 0)
        return;
    g_free(world->published);
    world->published = g_strdup(text->str);
    g_autofree char *folder = g_path_get_dirname(world->current->config->control);
    AUTO_FD int fd = file_open_folder(AT_FDCWD, folder, FALSE, &error);
    if (fd < 0 || !file_replace(fd, "status.json", text->str, text->len, 0644, &error))
        log_warning("%s; going on", error->message);
}

/* ---- a change ---- */

void
questions_reloaded(struct world *world)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    append_configuration(world, out);
    json_text_end_object(out);
    for (guint i = 0; i < world->reloading->len; i++)
        control_answer(world->reloading->pdata[i], out);
    g_ptr_array_set_size(world->reloading, 0);
}

/* ---- what a child knows ---- */

static void
pass_on(struct world *world, guint service, struct slice request, struct control_question *question)
{
    g_autofree char *message = NULL;
    if (service_send(world->services[service], MESSAGE_QUESTION, request.data, request.size)) {
        g_queue_push_tail(&world->questions[service], question);
        return;
    }
    message = g_strdup_printf("'%s' is not served: it is not configured, or is being started again",
                              service_name(world->services[service]));
    control_refuse(question, message);
}

void
questions_answered(struct world *world, guint service, const void *json, gsize size)
{
    struct control_question *question = g_queue_pop_head(&world->questions[service]);
    if (question == NULL)
        return;
    g_autoptr(GString) answer = g_string_new_len(json, (gssize)size);
    if (json_check((struct slice){answer->str, answer->len}, NULL))
        control_answer(question, answer);
    else
        control_refuse(question, "the answer makes no sense");
}

void
questions_lost(struct world *world, guint service)
{
    struct control_question *question;
    while ((question = g_queue_pop_head(&world->questions[service])) != NULL)
        control_refuse(question, "it has ended meanwhile; ask again");
}

static gboolean
ask_child(struct world *world, const char *ask, struct slice request,
          struct control_question *question)
{
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        for (guint k = 0; k < WORLD_SERVICES; k++)
            if (strcmp(known[i].ask, ask) == 0 &&
                strcmp(known[i].service, service_name(world->services[k])) == 0) {
                pass_on(world, k, request, question);
                return TRUE;
            }
    return FALSE;
}

void
questions_ask(void *context, struct slice request, struct control_question *question)
{
    struct world *world = context;
    g_autofree char *ask = NULL;
    if (!json_member_text(request, "ask", &ask)) {
        control_refuse(question, "there is no 'ask' in it");
    } else if (control_is_crowded(world->control)) {
        control_refuse(question, "too many ask at once");
    } else if (strcmp(ask, "status") == 0) {
        answer_status(world, question);
    } else if (strcmp(ask, "reload") == 0) {
        g_ptr_array_add(world->reloading, question);
        change_reload(world);
    } else if (!tasks_question(world->tasks, ask, request, question) &&
               !ask_child(world, ask, request, question)) {
        control_refuse(question, "it is not known what that asks for");
    }
}
