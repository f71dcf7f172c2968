#include "netsvc/dhcp/world.h"

#include "lib/base/fail.h"

void
alerts_rival(void *context, const struct sighting *rival, gboolean is)
{
    struct dhcp *dhcp = context;
    char address[INET_ADDRSTRLEN], mac[FRAME_MAC_TEXT];
    config_address_text(rival->address, address);
    g_autofree char *name = g_strconcat("server ", address, NULL);
    if (!is)
        child_alert(dhcp->child, name, "%s", "");
    else
        child_alert(dhcp->child, name,
                    "another DHCP server, %s (%s), gives out addresses here: switch it off, or "
                    "clients get what it says",
                    address, rival->has_mac ? frame_mac_text(rival->mac, mac) : "MAC unknown");
}

void
alerts_conflict(void *context, const struct sighting *conflict, gboolean is)
{
    struct dhcp *dhcp = context;
    char address[INET_ADDRSTRLEN], mac[FRAME_MAC_TEXT];
    config_address_text(conflict->address, address);
    g_autofree char *name = g_strconcat("address ", address, NULL);
    if (!is)
        child_alert(dhcp->child, name, "%s", "");
    else
        child_alert(dhcp->child, name, "address %s is used by %s, whom it was not given to",
                    address, conflict->has_mac ? frame_mac_text(conflict->mac, mac) : "somebody");
}

void
alerts_exhausted(void *context, const struct config_subnet *subnet, gboolean is)
{
    struct dhcp *dhcp = context;
    g_autofree char *name = g_strconcat("subnet ", subnet->name, NULL);
    if (is)
        child_alert(dhcp->child, name,
                    "no address is left in [subnet %s]: give it a larger pool, or a shorter lease",
                    subnet->name);
    else
        child_alert(dhcp->child, name, "%s", "");
}

void
alerts_both_gave(void *context, guint32 which, const struct lease *kept, const struct lease *ended)
{
    struct dhcp *dhcp = context;
    char address[INET_ADDRSTRLEN], keeps[FRAME_MAC_TEXT], ends[FRAME_MAC_TEXT];
    config_address_text(which, address);
    g_autofree char *name = g_strconcat("both gave ", address, NULL);
    if (ended == NULL)
        child_alert(dhcp->child, name, "%s", "");
    else
        child_alert(dhcp->child, name,
                    "both nodes gave %s away while they did not hear one another: %s keeps it, %s "
                    "gets another one when it renews; at once, if its Wi-Fi is switched off and on "
                    "or its cable pulled and plugged in",
                    address, frame_mac_text(kept->mac, keeps), frame_mac_text(ended->mac, ends));
}

void
alerts_store(struct dhcp *dhcp, const GError *error)
{
    g_autofree char *message = error != NULL ? fail_message(error->message) : NULL;
    if (error != NULL)
        child_alert(dhcp->child, "leases", "no lease can be given: %s", message);
    else
        child_alert(dhcp->child, "leases", "%s", "");
}
