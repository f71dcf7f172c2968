/*
 * hosts: reservations, found by who asks and by address. A client may have one in each subnet.
 */
#pragma once

#include "netsvc/config/config.h"

struct hosts;

/* `config` must outlive it. */
struct hosts *hosts_new(const struct config_dhcp *config);
void hosts_free(struct hosts *hosts);
AUTO_DEFINE(hosts)

struct hosts_who {
    const guint8 *mac; /* NULL: it has no Ethernet address */
    const guint8 *id;  /* option 61; NULL: none */
    gsize id_size;
    const char *name; /* hostname, a clean label; "": none */
};

/* By its client identifier, else its MAC, else its hostname; NULL: it has none there. */
const struct config_host *hosts_of_client(const struct hosts *hosts, guint32 network, guint32 mask,
                                          const struct hosts_who *who);
const struct config_host *hosts_of_address(const struct hosts *hosts, guint32 address);

/* Whether it goes by its hostname alone. */
gboolean hosts_by_name(const struct config_host *host);
