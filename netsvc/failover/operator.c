/* operator: what people ask (task.h): how the pair stands, and to do a switch. */
#include "netsvc/failover/world.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

static const char *const order_names[PROTOCOL_ORDERS] = {
    [PROTOCOL_SWITCH] = "switch",     [PROTOCOL_FORCE] = "force",   [PROTOCOL_FENCED] = "force",
    [PROTOCOL_RESTORED] = "restored", [PROTOCOL_CANCEL] = "cancel",
};

const char *
operator_order_name(enum protocol_order order)
{
    return order_names[order];
}

static void
refuse(struct failover *failover, const struct child_task *task, const char *why)
{
    child_task_done(failover->child, task->number, FALSE, why, strlen(why));
}

static void
answer(struct failover *failover, guint32 task, const GString *out)
{
    child_task_done(failover->child, task, TRUE, out->str, out->len);
}

/* ---- how it stands ---- */

static void
append_other(const struct failover *failover, GString *out)
{
    json_text_member_object(out, "other");
    json_text_member_string(out, "node", failover->config->other->name);
    json_text_name(out, "told");
    if (failover->note != NULL)
        json_text_raw(out, slice_of(failover->note));
    else
        json_text_null(out);
    if (failover->note != NULL)
        json_text_member_decimal(out, "seconds_ago",
                                 (double)(g_get_monotonic_time() - failover->noted) /
                                     G_USEC_PER_SEC);
    json_text_end_object(out);
}

static void
append_record(const struct failover *failover, GString *out)
{
    const struct protocol_record *record = protocol_record(failover->protocol);
    json_text_member_unsigned(out, "term", record->term);
    json_text_member_boolean(out, "unmerged", record->unmerged);
    json_text_member_boolean(out, "handed_over", record->granted);
}

void
operator_append(const struct failover *failover, GString *out)
{
    json_text_member_string(out, "node", failover->config->own->name);
    json_text_member_string(out, "home",
                            ((const struct config_node *)failover->config->nodes->pdata[0])->name);
    json_text_member_string(out, "role", task_role_name(failover->told.role));
    json_text_member_time(out, "since", failover->since);
    json_text_member_string(out, "trouble", protocol_trouble(failover->protocol));
    append_record(failover, out);
    json_text_member_object(out, "link");
    link_append(failover->link, out);
    json_text_end_object(out);
    json_text_name(out, "replicator");
    if (failover->standing != NULL)
        json_text_raw(out, slice_of(failover->standing));
    else
        json_text_null(out);
    json_text_member_string(out, "replicator_trouble", failover->replicator_trouble);
    append_other(failover, out);
    look_append(failover, out);
    json_text_member_object(out, "switch");
    history_append(failover->history, out);
    json_text_member_integer(out, "last", history_last(failover->history));
    json_text_end_object(out);
}

static void
tell_status(struct failover *failover, const struct child_task *task)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    operator_append(failover, out);
    json_text_end_object(out);
    answer(failover, task->number, out);
    look_refresh(failover);
}

/* ---- doing it ---- */

static void
order(struct failover *failover, const struct child_task *task, enum protocol_order what)
{
    g_autofree char *why = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    const guint after = history_last(failover->history);
    if (what != PROTOCOL_CANCEL)
        history_begin(failover->history, order_names[what]);
    if (!protocol_order(failover->protocol, what, failover_now(), &why)) {
        if (what != PROTOCOL_CANCEL)
            history_end(failover->history, order_names[what], why);
        refuse(failover, task, why);
        return;
    }
    failover_tell(failover);
    json_text_begin_object(out);
    json_text_member_integer(out, "after", after);
    json_text_end_object(out);
    answer(failover, task->number, out);
}

static void
order_switch(struct failover *failover, const struct child_task *task)
{
    struct slice request = {task->body, task->size};
    if (protocol_is_busy(failover->protocol))
        refuse(failover, task, "a switch is under way already: lifeboat status shows it");
    else if (json_member_true(request, "fenced"))
        order(failover, task, PROTOCOL_FENCED);
    else if (json_member_true(request, "force"))
        order(failover, task, PROTOCOL_FORCE);
    else
        order(failover, task, PROTOCOL_SWITCH);
}

void
operator_task(struct failover *failover, const struct child_task *task)
{
    if (strcmp(task->what, "status") == 0)
        tell_status(failover, task);
    else if (strcmp(task->what, "look") == 0)
        look_begin(failover, task->number);
    else if (strcmp(task->what, "switch") == 0 &&
             json_check((struct slice){task->body, task->size}, NULL))
        order_switch(failover, task);
    else if (strcmp(task->what, "steps") == 0)
        history_ask(failover->history, task);
    else if (strcmp(task->what, "cancel") == 0)
        order(failover, task, PROTOCOL_CANCEL);
    else if (strcmp(task->what, "restored") == 0)
        order(failover, task, PROTOCOL_RESTORED);
    else
        refuse(failover, task, "it is not known what that asks for");
}
