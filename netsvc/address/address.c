#include "netsvc/address/address.h"

struct address {
    struct child *child;
};

static gpointer
address_open(struct child *child, GError **error)
{
    struct address *self = g_new0(struct address, 1);
    (void)error;
    self->child = child;
    return self;
}

static gboolean
address_begin(gpointer self, GError **error)
{
    (void)self;
    (void)error;
    return TRUE;
}

static void
address_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self;
    (void)kind;
    (void)data;
    (void)size;
}

static void
address_end(gpointer self)
{
    (void)self;
}

static gboolean
address_wanted(const struct config *config)
{
    return config->nodes->len > 0 && config->service_address != 0;
}

const struct child_role address_role = {
    .name = "address",
    .wanted = address_wanted,
    .open = address_open,
    .begin = address_begin,
    .take = address_take,
    .end = address_end,
};
