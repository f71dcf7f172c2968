/*
 * config: what lifeboat.conf says to netsvc, checked and as numbers: the parent opens sockets by
 * it, and each child serves by it. One is read whole and never changed; a reload reads a new one.
 *
 * IPv4 addresses and masks are in the host's byte order here, names are text without the dot at
 * their end and in small letters.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/command/command.h"

#include <netinet/in.h>

#define CONFIG_NAMES_MAX 4096 /* names, hosts, reservations: of each so many */
#define CONFIG_SUBNETS_MAX 64 /* and pools of each */
#define CONFIG_LEASE_MIN 60   /* seconds, and so much at most: as the options have it */
#define CONFIG_LEASE_MAX 31536000
#define CONFIG_MAC_SIZE 6 /* Ethernet and Wi-Fi */

/* A range of addresses, both ends belong to it. */
struct config_range {
    guint32 first, last;
    guint32 lease; /* seconds: of a pool with a lease time of its own, which clients cannot make
                      longer; 0: it has the subnet's */
};

/* A network in CIDR notation, of either family: who may ask, what a zone covers. */
struct config_network {
    int family; /* AF_INET or AF_INET6 */
    guint8 address[16];
    guint prefix; /* bits */
};

/* ---- DNS ---- */

/* A name with its address: `[dns] names`, `[host …]`. */
struct config_name {
    char *name; /* may begin with "*." */
    int family;
    guint8 address[16];
};

/* An address and port, with the TSIG key that requests there are signed with. */
struct config_peer {
    struct sockaddr_storage address;
    socklen_t size;
};

struct config_tsig {
    char *name;      /* of the key, as both sides have it */
    char *algorithm; /* "hmac-sha256", … */
    GBytes *secret;
};

/* [zone NAME] */
struct config_zone {
    char *name;
    char *file;        /* RFC 1035 master file; NULL: made of names alone */
    gboolean sign;     /* DNSSEC */
    char *keys;        /* folder of the zone's signing keys, as ldns-keygen writes them */
    GArray *notify;    /* struct config_peer: secondaries */
    GArray *primaries; /* struct config_peer: where it is transferred from; none: it is ours */
    char *tsig; /* name of the key for transfers of it; NULL: the networks of [dns] transfer */
    guint line; /* of lifeboat.conf */
};

struct config_dns {
    gboolean enabled;
    GArray *listen;     /* struct config_peer; port 53 unless one is given */
    GPtrArray *zones;   /* struct config_zone; those that `names` and subnets ask for are in it */
    GPtrArray *names;   /* struct config_name */
    GArray *networks;   /* struct config_network: who may ask for what is not ours */
    GArray *forwarders; /* struct config_peer */
    char *address_zone; /* 10-0-0-7.NAME is 10.0.0.7; NULL: none */
    GArray *address_networks; /* struct config_network: only inside these */
    GPtrArray *tsig;          /* struct config_tsig */
    char *nsid;               /* RFC 5001: the node's name */
    guint32 ttl;              /* seconds, of what is made of names */
    guint rate;               /* answers a second to one network of clients; 0: no limit */
};

/* ---- DHCP ---- */

struct config_option {
    guint8 code;
    GBytes *data;
};

/* [subnet NAME] */
struct config_subnet {
    char *name;
    guint32 network, mask;
    guint prefix;
    char *interface; /* NULL: clients come through relays only, or the one that has an address in it
                      */
    GArray *pools;   /* struct config_range, ascending, none overlapping */
    GArray *routers, *dns, *ntp; /* guint32 */
    char *domain;                /* of its clients' names; NULL: they get none */
    GPtrArray *search;           /* char *: RFC 3397 */
    guint32 lease;               /* seconds */
    guint32 lease_max;           /* that a client may ask for */
    guint16 mtu;                 /* 0: not told */
    GPtrArray *options;          /* struct config_option: further ones, by number */
    guint line;
};

/* [host NAME]: who always gets that address. */
struct config_host {
    char *name; /* without a domain; also the hostname by which it is known, where neither
                   of the next two is given */
    gboolean has_mac;
    guint8 mac[CONFIG_MAC_SIZE];
    GBytes *client_id; /* option 61; NULL: none */
    guint32 address;
    guint line;
};

struct config_dhcp {
    gboolean enabled;
    gboolean authoritative; /* NAK what is provably wrong */
    gboolean probe;         /* by ARP, whether an address is free */
    GPtrArray *subnets;     /* struct config_subnet */
    GPtrArray *hosts;       /* struct config_host */
    guint32 decline_rest;   /* seconds that a declined address rests */
    guint16 port;           /* 67; the client's is one more */
};

/* ---- the two nodes ---- */

/* [peer NAME]: a node, as the other one reaches it. */
struct config_node {
    char *name;
    GArray *addresses; /* struct config_peer: where its link listens; the first is in the LAN,
                          others are further paths */
    char *couchdb;     /* URL of its CouchDB; NULL: through the link */
    guint line;
};

/* [failover] */
struct config_failover {
    char *interface; /* that the service address is put on; NULL: the one in its network */
    guint boot_wait; /* seconds */
    guint catch_up;  /* seconds that a planned switch may keep clients waiting */
    char *start, *stop, *fence; /* hooks; NULL: none */
    gboolean automatic;
    guint automatic_after; /* seconds */
    guint16 tunnel;        /* port of 127.0.0.1 that leads to the other node's CouchDB; 0: none */
};

/* [source], as the other node's tunnel comes out at it. */
struct config_source {
    struct config_peer address; /* size 0: none … */
    const char *problem;        /* … since the URL is such; NULL: there is none */
};

/* ---- certificates ---- */

/* [cert] */
struct config_cert {
    char *name;         /* of the service, as clients call it; NULL: there are no certificates */
    GPtrArray *names;   /* char *: further ones */
    char *organisation; /* who the root says that it is of */
    GArray *networks;   /* struct config_network: addresses that the root may certify */
    guint days;         /* a leaf's life */
    char *install;      /* folder for CHT's nginx; NULL: none */
    char *hook;         /* run when that has changed; NULL: none */
};

/* [web] */
struct config_web {
    gboolean enabled;
    GArray *listen; /* struct config_peer without ports; none: the service address and own ones */
    guint16 http, https;  /* ports; 0: not served */
    GArray *key_networks; /* struct config_network: who may fetch the private key; none: nobody */
    gboolean acme;
    GArray *acme_networks; /* struct config_network: who may order certificates */
};

/* ---- all ---- */

struct config {
    char *node;            /* "a" */
    char *user;            /* that the children become */
    char *replicator_user; /* that lifeboat-replicator becomes */
    char *state;           /* folder: what must survive; each child has one of its own name in it */
    char *keys;            /* folder of the node's keys: the site's recovery key is among them */
    char *control;         /* socket at which the parent answers */
    guint32 service_address; /* moves with the active node; 0: none */
    struct config_dns dns;
    struct config_dhcp dhcp;
    GPtrArray *nodes;                      /* struct config_node: none, or both of a pair */
    const struct config_node *own, *other; /* of `nodes`; NULL: there is no pair */
    struct config_failover failover;
    struct config_source source;
    guint hook_seconds; /* that a hook may take */
    char *alike;        /* what the other node is told of this configuration: alike.h */
    struct config_cert cert;
    struct config_web web;
    GPtrArray *mistakes; /* while config_read_all reads it */
};

/* Of what was given; a mistake names file, line and mend. Opens the files that it names (TSIG
 * secrets), but not zone files. */
struct config *config_read(const struct command_line *line, GError **error);

/* The same, with each mistake of which the others do not come in `mistakes` (GError *, which the
 * caller frees); NULL where there is any. */
struct config *config_read_all(const struct command_line *line, GPtrArray *mistakes);
void config_free(struct config *config);
AUTO_DEFINE(config)

/* The subnet that the address is in; NULL: none. */
const struct config_subnet *config_subnet_of(const struct config_dhcp *dhcp, guint32 address);

/* The pool that holds it; NULL: none. */
const struct config_range *config_pool_of(const struct config_subnet *subnet, guint32 address);

/* Whether an address (network byte order, of that family) is in one of the networks. */
gboolean config_networks_have(const GArray *networks, int family, const void *address);

/* "10.0.0.7"; `text` holds INET_ADDRSTRLEN bytes and is given back. */
const char *config_address_text(guint32 address, char *text);
