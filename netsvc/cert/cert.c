#include "netsvc/cert/cert.h"

struct cert {
    struct child *child;
};

static gpointer
cert_open(struct child *child, GError **error)
{
    struct cert *self = g_new0(struct cert, 1);
    (void)error;
    self->child = child;
    return self;
}

static gboolean
cert_begin(gpointer self, GError **error)
{
    (void)self;
    (void)error;
    return TRUE;
}

static void
cert_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self;
    (void)kind;
    (void)data;
    (void)size;
}

static void
cert_end(gpointer self)
{
    (void)self;
}

static gboolean
cert_wanted(const struct config *config)
{
    return config->cert.name != NULL;
}

const struct child_role cert_role = {
    .name = "cert",
    .wanted = cert_wanted,
    .open = cert_open,
    .begin = cert_begin,
    .take = cert_take,
    .end = cert_end,
};
