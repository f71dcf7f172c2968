#include "netsvc/child/asked.h"

#include <string.h>

struct waiting {
    child_answered answered;
    gpointer context;
};

struct asked {
    GHashTable *waiting; /* number → struct waiting */
    guint32 last;
    GPtrArray *early; /* GByteArray: packets that are not sent yet */
};

static void
free_packet(gpointer packet)
{
    g_byte_array_unref(packet);
}

struct asked *
asked_new(void)
{
    struct asked *asked = g_new0(struct asked, 1);
    asked->waiting = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    asked->early = g_ptr_array_new_with_free_func(free_packet);
    asked->last = g_random_int(); /* the process before this one may be waiting still */
    return asked;
}

static guint32
note(struct asked *asked, child_answered answered, gpointer context)
{
    struct waiting *waiting = g_new0(struct waiting, 1);
    *waiting = (struct waiting){answered, context};
    do
        asked->last++;
    while (asked->last == 0 ||
           g_hash_table_contains(asked->waiting, GUINT_TO_POINTER(asked->last)));
    g_hash_table_insert(asked->waiting, GUINT_TO_POINTER(asked->last), waiting);
    return asked->last;
}

void
asked_send(struct asked *asked, struct channel *channel, const char *name, const char *body,
           gsize size, child_answered answered, gpointer context)
{
    struct task_head head = {0};
    g_assert(size <= TASK_BODY_MAX && strlen(name) < TASK_NAME_MAX);
    head.number = answered != NULL ? note(asked, answered, context) : 0;
    g_strlcpy(head.name, name, sizeof head.name);
    g_autoptr(GByteArray) packet = g_byte_array_sized_new((guint)(sizeof head + size));
    g_byte_array_append(packet, (const guint8 *)&head, sizeof head);
    if (size > 0)
        g_byte_array_append(packet, (const guint8 *)body, (guint)size);
    if (channel != NULL)
        channel_send(channel, MESSAGE_TASK, packet->data, packet->len, -1);
    else
        g_ptr_array_add(asked->early, g_steal_pointer(&packet));
}

void
asked_begin(struct asked *asked, struct channel *channel)
{
    for (guint i = 0; i < asked->early->len; i++) {
        const GByteArray *packet = asked->early->pdata[i];
        channel_send(channel, MESSAGE_TASK, packet->data, packet->len, -1);
    }
    g_ptr_array_set_size(asked->early, 0);
}

static gboolean
is_of(gpointer number, gpointer waiting, gpointer context)
{
    (void)number;
    return ((struct waiting *)waiting)->context == context;
}

void
asked_forget(struct asked *asked, gpointer context)
{
    g_hash_table_foreach_remove(asked->waiting, is_of, context);
}

void
asked_take(struct asked *asked, const void *data, gsize size)
{
    struct task_done head;
    if (size < sizeof head)
        return;
    memcpy(&head, data, sizeof head);
    struct waiting *found = g_hash_table_lookup(asked->waiting, GUINT_TO_POINTER(head.number));
    if (found == NULL)
        return; /* it was forgotten */
    const struct waiting waiting = *found;
    g_hash_table_remove(asked->waiting, GUINT_TO_POINTER(head.number));
    const gsize length = size - sizeof head;
    g_autofree char *answer = g_malloc0(length + 1);
    memcpy(answer, (const char *)data + sizeof head, length);
    waiting.answered(waiting.context, head.done != 0, answer, length);
}

gboolean
asked_parse(const void *data, gsize size, struct child_task *task, char **copy)
{
    if (size < sizeof(struct task_head))
        return FALSE;
    *copy = g_malloc0(size + 1);
    memcpy(*copy, data, size);
    struct task_head *head = (struct task_head *)(void *)*copy;
    head->name[TASK_NAME_MAX - 1] = '\0';
    const char *what = strchr(head->name, '/');
    *task = (struct child_task){.number = head->number,
                                .what = what != NULL ? what + 1 : "",
                                .body = *copy + sizeof *head,
                                .size = size - sizeof *head};
    return what != NULL;
}

/* What an answer is made of may be others' word: one that is too long is none. */
void
asked_done(struct channel *channel, guint32 number, gboolean done, const char *answer, gsize size)
{
    static const char too_long[] = "the answer is too long";
    if (number == 0)
        return;
    if (size > TASK_BODY_MAX) {
        asked_done(channel, number, FALSE, too_long, sizeof too_long - 1);
        return;
    }
    const struct task_done head = {.number = number, .done = done};
    g_autoptr(GByteArray) packet = g_byte_array_sized_new((guint)(sizeof head + size));
    g_byte_array_append(packet, (const guint8 *)&head, sizeof head);
    if (size > 0)
        g_byte_array_append(packet, (const guint8 *)answer, (guint)size);
    channel_send(channel, MESSAGE_DONE, packet->data, packet->len, -1);
}
