/*
 * node: a name of a zone with its RRsets, found by a hash over its wire form. Names between one
 * that has records and the zone's apex are nodes too, without RRsets: empty non-terminals (RFC 4592
 * 2.2.2).
 */
#pragma once

#include "netsvc/dns/zone/rrset.h"

enum node_flag {
    NODE_CUT = 1,    /* has NS and is not the apex: a delegation */
    NODE_DNAME = 2,  /* what is below it is elsewhere (RFC 6672) */
    NODE_HIDDEN = 4, /* below one of those: glue, or nothing */
};

struct node {
    struct node *parent;   /* NULL: the apex */
    struct node *wildcard; /* its child *; NULL: none */
    struct rrset *rrsets;
    gsize index;      /* in nodes->list */
    guint32 hash;     /* of the name */
    guint32 children; /* nodes right below it */
    guint8 flags;
    guint8 labels; /* of the name, without the root's */
    guint8 size;   /* of the name */
    guint8 wire[];
};

/* The hash stands here too, so that passing over others touches no memory of theirs. */
struct nodes_slot {
    struct node *node; /* NULL: free */
    guint32 hash;
};

struct nodes {
    struct nodes_slot *slots; /* open addressing, half of them free at least */
    gsize mask;               /* slots - 1 */
    GPtrArray *list;          /* of all, the apex first */
};

/* With the apex. */
void nodes_init(struct nodes *nodes, const struct name *origin);
void nodes_clear(struct nodes *nodes);

static inline struct node *
nodes_apex(const struct nodes *nodes)
{
    return nodes->list->pdata[0];
}

/* Of that name in wire form, whose hash it is; NULL: there is none. */
struct node *nodes_find(const struct nodes *nodes, guint32 hash, const guint8 *wire, gsize size);

/* Made with all above it that are missing. `owner` is in the zone. */
struct node *nodes_make(struct nodes *nodes, const struct name *owner);

/* Removes it if it holds nothing and has nothing below it, and likewise those above it. */
void nodes_prune(struct nodes *nodes, struct node *node);

/* NULL: it has none of the type. */
static inline struct rrset *
node_rrset(const struct node *node, guint16 type)
{
    struct rrset *set = node->rrsets;
    while (set != NULL && set->type != type)
        set = set->next;
    return set;
}

/* Where the pointer to it stands, or would. */
struct rrset **node_link(struct node *node, guint16 type);

void node_name(const struct node *node, struct name *name);

/* Puts the RRset in the place of the node's one of the type, which is given back (caller frees);
 * the SOA comes first. `set` NULL: takes it out. */
struct rrset *node_put(struct node *node, guint16 type, struct rrset *set);
