#include "netsvc/web/web.h"

struct web {
    struct child *child;
};

static gpointer
web_open(struct child *child, GError **error)
{
    struct web *self = g_new0(struct web, 1);
    (void)error;
    self->child = child;
    return self;
}

static gboolean
web_begin(gpointer self, GError **error)
{
    (void)self;
    (void)error;
    return TRUE;
}

static void
web_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self;
    (void)kind;
    (void)data;
    (void)size;
}

static void
web_end(gpointer self)
{
    (void)self;
}

static gboolean
web_wanted(const struct config *config)
{
    return config->web.enabled && config->cert.name != NULL;
}

const struct child_role web_role = {
    .name = "web",
    .wanted = web_wanted,
    .open = web_open,
    .begin = web_begin,
    .take = web_take,
    .end = web_end,
};
