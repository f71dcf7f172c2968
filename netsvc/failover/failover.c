#include "netsvc/failover/failover.h"

struct failover {
    struct child *child;
};

static gpointer
failover_open(struct child *child, GError **error)
{
    struct failover *self = g_new0(struct failover, 1);
    (void)error;
    self->child = child;
    return self;
}

static gboolean
failover_begin(gpointer self, GError **error)
{
    (void)self;
    (void)error;
    return TRUE;
}

static void
failover_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self;
    (void)kind;
    (void)data;
    (void)size;
}

static void
failover_end(gpointer self)
{
    (void)self;
}

static gboolean
failover_wanted(const struct config *config)
{
    return config->nodes->len > 0;
}

const struct child_role failover_role = {
    .name = "failover",
    .wanted = failover_wanted,
    .open = failover_open,
    .begin = failover_begin,
    .take = failover_take,
    .end = failover_end,
};
