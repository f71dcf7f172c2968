#include "netsvc/parent/task/tasks.h"

#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/parent/task/allowed.h"
#include "netsvc/parent/task/hooks.h"
#include "netsvc/parent/task/install.h"
#include "netsvc/parent/task/replicator.h"

#include <string.h>

#define TASKS_MAX 4096 /* that wait for their answers */

#define ASKER_OPERATOR G_MAXUINT
#define NOBODY G_MAXUINT /* the parent itself does it */

struct pending {
    guint asker;    /* service, or ASKER_OPERATOR */
    guint32 number; /* of the asker */
    struct control_question *question;
    guint doer; /* service, or NOBODY */
};

struct tasks {
    struct world *world;
    GHashTable *pending; /* handle → struct pending */
    guint32 last;
};

struct tasks *
tasks_new(struct world *world)
{
    struct tasks *tasks = g_new0(struct tasks, 1);
    tasks->world = world;
    tasks->pending = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return tasks;
}

/* ---- answers ---- */

static void
answer_operator(struct control_question *question, gboolean done, const char *answer, gsize size)
{
    g_autoptr(GString) text = g_string_new_len(answer, (gssize)size);
    if (!done)
        control_refuse(question, text->str);
    else if (json_check((struct slice){text->str, text->len}, NULL))
        control_answer(question, text);
    else
        control_refuse(question, "the answer makes no sense");
}

static void
answer(struct tasks *tasks, const struct pending *pending, gboolean done, const char *text,
       gsize size)
{
    if (pending->question != NULL) {
        answer_operator(pending->question, done, text, size);
        return;
    }
    if (pending->number == 0 || pending->asker >= WORLD_SERVICES)
        return;
    const struct task_done head = {.number = pending->number, .done = done};
    g_autoptr(GByteArray) packet = g_byte_array_new();
    g_byte_array_append(packet, (const guint8 *)&head, sizeof head);
    g_byte_array_append(packet, (const guint8 *)text, (guint)MIN(size, TASK_BODY_MAX));
    service_send(tasks->world->services[pending->asker], MESSAGE_DONE, packet->data, packet->len);
}

static void
finish(struct tasks *tasks, guint32 handle, gboolean done, const char *text, gsize size)
{
    gpointer found = NULL;
    if (!g_hash_table_steal_extended(tasks->pending, GUINT_TO_POINTER(handle), NULL, &found))
        return; /* whoever asked is gone */
    g_autofree struct pending *pending = found;
    answer(tasks, pending, done, text, size);
}

static void
refuse(struct tasks *tasks, guint32 handle, const char *why)
{
    finish(tasks, handle, FALSE, why, strlen(why));
}

void
tasks_done(struct tasks *tasks, guint32 handle, gboolean done, const char *text, gsize size)
{
    finish(tasks, handle, done, text, size);
}

void
tasks_free(struct tasks *tasks)
{
    if (tasks == NULL)
        return;
    g_autoptr(GList) handles = g_hash_table_get_keys(tasks->pending);
    for (const GList *each = handles; each != NULL; each = each->next)
        refuse(tasks, GPOINTER_TO_UINT(each->data), "lifeboat-netsvc ends");
    g_hash_table_unref(tasks->pending);
    g_free(tasks);
}

/* ---- to whom ---- */

static guint
find_service(const struct world *world, const char *name, gsize size)
{
    guint i = 0;
    while (i < WORLD_SERVICES && (strlen(service_name(world->services[i])) != size ||
                                  memcmp(service_name(world->services[i]), name, size) != 0))
        i++;
    return i;
}

static void
send_task(struct tasks *tasks, guint doer, guint32 handle, const char *name, const char *body,
          gsize size)
{
    struct task_head head = {.number = handle};
    g_strlcpy(head.name, name, sizeof head.name);
    g_autoptr(GByteArray) packet = g_byte_array_new();
    g_byte_array_append(packet, (const guint8 *)&head, sizeof head);
    g_byte_array_append(packet, (const guint8 *)body, (guint)size);
    struct service *service = tasks->world->services[doer];
    if (service_send(service, MESSAGE_TASK, packet->data, packet->len) || handle == 0)
        return;
    g_autofree char *why =
        g_strdup_printf("'%s' is not served: it is not configured, or is being started again",
                        service_name(service));
    refuse(tasks, handle, why);
}

static guint32
note(struct tasks *tasks, const struct pending *pending)
{
    do
        tasks->last++;
    while (tasks->last == 0 ||
           g_hash_table_contains(tasks->pending, GUINT_TO_POINTER(tasks->last)));
    g_hash_table_insert(tasks->pending, GUINT_TO_POINTER(tasks->last),
                        g_memdup2(pending, sizeof *pending));
    return tasks->last;
}

/* What the parent does itself. */
static void
do_own(struct tasks *tasks, guint32 handle, const char *name, const char *body, gsize size)
{
    struct world *world = tasks->world;
    if (strcmp(name, "hook/cancel") == 0)
        hooks_cancel(world->hooks, handle, body);
    else if (g_str_has_prefix(name, "hook/"))
        hooks_run(world->hooks, handle, name + strlen("hook/"), body, size);
    else if (g_str_has_prefix(name, "replicator/"))
        replicator_ask(world->replicator, handle, name + strlen("replicator/"), body, size);
    else if (g_str_has_prefix(name, "install/"))
        install_do(world, handle, name + strlen("install/"), body, size);
    else
        refuse(tasks, handle, "nobody does that");
}

static void
begin(struct tasks *tasks, struct pending *pending, const char *name, const char *body, gsize size)
{
    const char *slash = strchr(name, '/');
    guint doer = find_service(tasks->world, name, slash != NULL ? (gsize)(slash - name) : 0);
    pending->doer = doer < WORLD_SERVICES ? doer : NOBODY;
    /* the parent's own are noted even if nobody waits: they need a handle */
    gboolean waits = pending->question != NULL || pending->number != 0 || pending->doer == NOBODY;
    guint32 handle = waits ? note(tasks, pending) : 0;
    if (g_hash_table_size(tasks->pending) > TASKS_MAX)
        refuse(tasks, handle, "too much is to be done at once");
    else if (pending->doer == NOBODY)
        do_own(tasks, handle, name, body, size);
    else
        send_task(tasks, doer, handle, name, body, size);
}

static void
take_task(struct tasks *tasks, guint service, const void *data, gsize size)
{
    struct task_head head;
    struct pending pending = {.asker = service};
    if (size < sizeof head)
        return;
    memcpy(&head, data, sizeof head);
    head.name[TASK_NAME_MAX - 1] = '\0';
    pending.number = head.number;
    const char *who = service_name(tasks->world->services[service]);
    g_autofree char *body = g_malloc0(size - sizeof head + 1); /* with a zero byte behind it */
    memcpy(body, (const char *)data + sizeof head, size - sizeof head);
    if (allowed_ask(who, head.name, body, size - sizeof head)) {
        begin(tasks, &pending, head.name, body, size - sizeof head);
        return;
    }
    static const char no[] = "that may not be asked for";
    g_autofree char *name = log_escape(head.name);
    log_warning("'%s' asks for '%s', which it may not: ignoring", who, name);
    answer(tasks, &pending, FALSE, no, sizeof no - 1);
}

void
tasks_take(struct tasks *tasks, guint service, enum message_kind kind, const void *data, gsize size)
{
    struct task_done head;
    if (kind == MESSAGE_TASK) {
        take_task(tasks, service, data, size);
        return;
    }
    if (size < sizeof head)
        return;
    memcpy(&head, data, sizeof head);
    const struct pending *pending =
        g_hash_table_lookup(tasks->pending, GUINT_TO_POINTER(head.number));
    if (pending != NULL && pending->doer == service)
        finish(tasks, head.number, head.done != 0, (const char *)data + sizeof head,
               size - sizeof head);
}

void
tasks_lost(struct tasks *tasks, guint service)
{
    g_autoptr(GList) handles = g_hash_table_get_keys(tasks->pending);
    for (const GList *each = handles; each != NULL; each = each->next) {
        const struct pending *pending = g_hash_table_lookup(tasks->pending, each->data);
        if (pending->asker == service && pending->question == NULL)
            g_hash_table_remove(tasks->pending, each->data);
        else if (pending->doer == service)
            refuse(tasks, GPOINTER_TO_UINT(each->data), "it has ended meanwhile; ask again");
    }
}

gboolean
tasks_question(struct tasks *tasks, const char *name, struct slice request,
               struct control_question *question)
{
    struct pending pending = {.asker = ASKER_OPERATOR, .question = question};
    const char *slash = strchr(name, '/');
    if (slash == NULL || strlen(name) >= TASK_NAME_MAX || request.size > TASK_BODY_MAX ||
        !allowed_operator(name) ||
        find_service(tasks->world, name, (gsize)(slash - name)) >= WORLD_SERVICES)
        return FALSE;
    begin(tasks, &pending, name, request.data, request.size);
    return TRUE;
}
