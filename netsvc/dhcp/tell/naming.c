#include "netsvc/dhcp/tell/naming.h"

#include <string.h>

struct naming {
    struct child *child;
    guint count;
    struct message_name names[MESSAGE_NAMES_MAX];
};

struct naming *
naming_new(struct child *child)
{
    struct naming *naming = g_new0(struct naming, 1);
    naming->child = child;
    return naming;
}

void
naming_free(struct naming *naming)
{
    g_free(naming);
}

void
naming_send(struct naming *naming)
{
    if (naming->count > 0)
        child_send(naming->child, MESSAGE_NAMES, naming->names,
                   naming->count * sizeof naming->names[0]);
    naming->count = 0;
}

static struct message_name *
next_name(struct naming *naming, enum message_name_act act)
{
    if (naming->count == MESSAGE_NAMES_MAX)
        naming_send(naming);
    struct message_name *name = &naming->names[naming->count++];
    memset(name, 0, sizeof *name);
    name->act = act;
    return name;
}

void
naming_add(struct naming *naming, const struct lease *lease, const struct config_subnet *subnet,
           gboolean gone, gint64 now)
{
    char full[MESSAGE_NAME_MAX];
    if (lease->name[0] == '\0' || subnet == NULL || subnet->domain == NULL)
        return;
    int size = g_snprintf(full, sizeof full, "%s.%s", lease->name, subnet->domain);
    if (size >= (int)sizeof full)
        return; /* no name may be that long */
    struct message_name *name = next_name(naming, gone ? MESSAGE_NAME_GONE : MESSAGE_NAME_SET);
    name->address = lease->address;
    if (!gone)
        name->lifetime = (guint32)CLAMP(lease->until - now, 0, G_MAXUINT32);
    g_strlcpy(name->name, full, sizeof name->name);
}

void
naming_send_all(struct naming *naming, const struct config *config, const struct leases *leases,
                gint64 now)
{
    naming->count = 0;
    next_name(naming, MESSAGE_NAME_FIRST);
    const struct lease *lease = leases_after(leases, 0);
    for (; lease != NULL; lease = leases_after(leases, lease->address))
        if (lease->state == LEASE_LEASED)
            naming_add(naming, lease, config_subnet_of(&config->dhcp, lease->address), FALSE, now);
    next_name(naming, MESSAGE_NAME_LAST);
    naming_send(naming);
}
