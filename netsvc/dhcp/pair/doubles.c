#include "netsvc/dhcp/pair/doubles.h"

struct doubles {
    GArray *ended; /* struct lease, the oldest first */
    doubles_tell tell;
    void *context;
};

struct doubles *
doubles_new(doubles_tell tell, void *context)
{
    struct doubles *doubles = g_new0(struct doubles, 1);
    doubles->ended = g_array_new(FALSE, FALSE, sizeof(struct lease));
    doubles->tell = tell;
    doubles->context = context;
    return doubles;
}

void
doubles_free(struct doubles *doubles)
{
    if (doubles == NULL)
        return;
    g_array_unref(doubles->ended);
    g_free(doubles);
}

static void
drop(struct doubles *doubles, guint place)
{
    const guint32 address = g_array_index(doubles->ended, struct lease, place).address;
    g_array_remove_index(doubles->ended, place);
    doubles->tell(doubles->context, address, NULL, NULL);
}

static void
forget(struct doubles *doubles, guint32 address)
{
    for (guint i = doubles->ended->len; i-- > 0;)
        if (g_array_index(doubles->ended, struct lease, i).address == address)
            g_array_remove_index(doubles->ended, i);
}

void
doubles_note(struct doubles *doubles, const struct lease *kept, const struct lease *ended)
{
    const struct lease copy = *ended;
    forget(doubles, copy.address);
    if (doubles->ended->len >= DOUBLES_MAX)
        drop(doubles, 0);
    g_array_append_val(doubles->ended, copy);
    doubles->tell(doubles->context, copy.address, kept, &copy);
}

static gboolean
is_over(const struct lease *ended, const struct leases *leases, gint64 now)
{
    const struct lease *has = leases_of_key(leases, 0, 0, ended->key, ended->key_size);
    return ended->until <= now ||
           (has != NULL && has->state == LEASE_LEASED && has->address != ended->address);
}

void
doubles_age(struct doubles *doubles, const struct leases *leases, gint64 now)
{
    for (guint i = doubles->ended->len; i-- > 0;)
        if (is_over(&g_array_index(doubles->ended, struct lease, i), leases, now))
            drop(doubles, i);
}
