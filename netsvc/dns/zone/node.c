#include "netsvc/dns/zone/node.h"

#include <string.h>

#define SLOTS_MIN 16

static gboolean
is_wildcard(const struct node *node)
{
    return node->wire[0] == 1 && node->wire[1] == '*';
}

/* ---- table ---- */

struct node *
nodes_find(const struct nodes *nodes, guint32 hash, const guint8 *wire, gsize size)
{
    const struct nodes_slot *slot;
    for (gsize i = hash & nodes->mask; (slot = &nodes->slots[i])->node != NULL;
         i = (i + 1) & nodes->mask)
        if (slot->hash == hash && slot->node->size == size &&
            memcmp(slot->node->wire, wire, size) == 0)
            return slot->node;
    return NULL;
}

static void
place(struct nodes *nodes, struct node *node)
{
    gsize i = node->hash & nodes->mask;
    while (nodes->slots[i].node != NULL)
        i = (i + 1) & nodes->mask;
    nodes->slots[i] = (struct nodes_slot){node, node->hash};
}

static void
insert(struct nodes *nodes, struct node *node)
{
    node->index = nodes->list->len;
    g_ptr_array_add(nodes->list, node);
    if (nodes->list->len <= (nodes->mask + 1) / 2) {
        place(nodes, node);
        return;
    }
    g_free(nodes->slots);
    nodes->mask = nodes->mask * 2 + 1;
    nodes->slots = g_new0(struct nodes_slot, nodes->mask + 1);
    for (guint i = 0; i < nodes->list->len; i++)
        place(nodes, nodes->list->pdata[i]);
}

/* Closes the gap: whoever was put behind it because it was taken moves into it. */
static void
displace(struct nodes *nodes, const struct node *node)
{
    gsize gap = node->hash & nodes->mask;
    while (nodes->slots[gap].node != node)
        gap = (gap + 1) & nodes->mask;
    for (gsize i = (gap + 1) & nodes->mask; nodes->slots[i].node != NULL;
         i = (i + 1) & nodes->mask) {
        gsize home = nodes->slots[i].hash & nodes->mask;
        if (((i - home) & nodes->mask) < ((i - gap) & nodes->mask))
            continue;
        nodes->slots[gap] = nodes->slots[i];
        gap = i;
    }
    nodes->slots[gap].node = NULL;
}

/* ---- nodes ---- */

static struct node *
node_new(const struct name *name, guint offset, guint32 hash)
{
    gsize size = (gsize)(name->size - offset);
    struct node *node = g_malloc0(sizeof *node + size);
    node->hash = hash;
    node->size = (guint8)size;
    memcpy(node->wire, name->wire + offset, size);
    for (const guint8 *at = node->wire; *at > 0; at += *at + 1)
        node->labels++;
    return node;
}

static void
node_free(gpointer data)
{
    struct node *node = data;
    while (node->rrsets != NULL) {
        struct rrset *set = node->rrsets;
        node->rrsets = set->next;
        g_free(set);
    }
    g_free(node);
}

void
nodes_init(struct nodes *nodes, const struct name *origin)
{
    nodes->mask = SLOTS_MIN - 1;
    nodes->slots = g_new0(struct nodes_slot, SLOTS_MIN);
    nodes->list = g_ptr_array_new_with_free_func(node_free);
    insert(nodes, node_new(origin, 0, name_hash(origin)));
}

void
nodes_clear(struct nodes *nodes)
{
    g_free(nodes->slots);
    g_ptr_array_unref(nodes->list);
}

struct node *
nodes_make(struct nodes *nodes, const struct name *owner)
{
    struct name_hashes hashes;
    name_hashes(owner, &hashes);
    struct node *found = NULL;
    guint i = 0;
    while ((found = nodes_find(nodes, hashes.of[i], owner->wire + hashes.offsets[i],
                               (gsize)(owner->size - hashes.offsets[i]))) == NULL)
        i++;
    while (i-- > 0) {
        struct node *node = node_new(owner, hashes.offsets[i], hashes.of[i]);
        node->parent = found;
        node->flags = found->flags != 0 ? NODE_HIDDEN : 0;
        found->children++;
        if (is_wildcard(node))
            found->wildcard = node;
        insert(nodes, node);
        found = node;
    }
    return found;
}

void
nodes_prune(struct nodes *nodes, struct node *node)
{
    while (node->parent != NULL && node->rrsets == NULL && node->children == 0) {
        struct node *parent = node->parent;
        displace(nodes, node);
        parent->children--;
        if (parent->wildcard == node)
            parent->wildcard = NULL;
        struct node *last = nodes->list->pdata[nodes->list->len - 1];
        last->index = node->index;
        g_ptr_array_remove_index_fast(nodes->list, (guint)node->index);
        node = parent;
    }
}

void
node_name(const struct node *node, struct name *name)
{
    name->size = node->size;
    name->labels = node->labels;
    memcpy(name->wire, node->wire, node->size);
}

struct rrset **
node_link(struct node *node, guint16 type)
{
    struct rrset **link = &node->rrsets;
    while (*link != NULL && (*link)->type != type)
        link = &(*link)->next;
    return link;
}

struct rrset *
node_put(struct node *node, guint16 type, struct rrset *set)
{
    struct rrset **link = node_link(node, type);
    struct rrset *old = *link;
    struct rrset *next = old != NULL ? old->next : NULL;
    if (set != NULL && old == NULL && type == TYPE_SOA) {
        link = &node->rrsets;
        next = *link;
    }
    *link = set != NULL ? set : next;
    if (set != NULL)
        set->next = next;
    return old;
}
