#include "netsvc/dhcp/link/held.h"

#include <string.h>

struct held {
    GHashTable *by_address; /* address → GQueue of struct held_request */
    guint count;
};

static void
free_queue(gpointer queue)
{
    g_queue_free_full(queue, g_free);
}

struct held *
held_new(void)
{
    struct held *held = g_new0(struct held, 1);
    held->by_address = g_hash_table_new_full(NULL, NULL, NULL, free_queue);
    return held;
}

void
held_free(struct held *held)
{
    if (held == NULL)
        return;
    g_hash_table_unref(held->by_address);
    g_free(held);
}

static gboolean
is_there(GQueue *queue, const guint8 *data, gsize size)
{
    for (const GList *each = queue->head; each != NULL; each = each->next) {
        const struct held_request *request = each->data;
        if (request->size == size && memcmp(request->data, data, size) == 0)
            return TRUE;
    }
    return FALSE;
}

#define OF_ONE_ADDRESS 8 /* requests; more than one come only where somebody plays tricks */

void
held_add(struct held *held, guint32 address, guint link, gboolean to_all, const guint8 *data,
         gsize size)
{
    gpointer key = GUINT_TO_POINTER(address);
    GQueue *queue = g_hash_table_lookup(held->by_address, key);
    if (held->count >= HELD_MAX ||
        (queue != NULL && (queue->length >= OF_ONE_ADDRESS || is_there(queue, data, size))))
        return;
    if (queue == NULL) {
        queue = g_queue_new();
        g_hash_table_insert(held->by_address, key, queue);
    }
    struct held_request *request = g_malloc(sizeof *request + size);
    *request =
        (struct held_request){.address = address, .link = link, .to_all = to_all, .size = size};
    memcpy(request->data, data, size);
    g_queue_push_tail(queue, request);
    held->count++;
}

struct held_request *
held_take(struct held *held, guint32 address)
{
    gpointer key = GUINT_TO_POINTER(address);
    GQueue *queue = g_hash_table_lookup(held->by_address, key);
    if (queue == NULL)
        return NULL;
    struct held_request *request = g_queue_pop_head(queue);
    held->count--;
    if (g_queue_is_empty(queue))
        g_hash_table_remove(held->by_address, key);
    return request;
}
