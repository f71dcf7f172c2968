/*
 * message: what goes over the socket between the parent and a child. Both are one program, so these
 * are plain structs; each is one packet (SOCK_SEQPACKET), and who receives it checks its size and
 * every number before it uses them.
 *
 *     parent → child   MESSAGE_SOCKET   with a descriptor (SCM_RIGHTS), one each, before …
 *                      MESSAGE_SERVE    … this: all are there; begin
 *                      MESSAGE_PING     is given back
 *                      MESSAGE_QUESTION of `lifeboat net …`; one at a time
 *                      MESSAGE_NAMES    what dhcp told, to dns
 *                      MESSAGE_TELL_NAMES  to dhcp: a dns is new, tell all again
 *                      MESSAGE_ROLE     active, standby, …: at first, and when it changes (task.h)
 *     child → parent   MESSAGE_PREPARED the configuration can be served
 *                      MESSAGE_READY    it serves; what served before may end
 *                      MESSAGE_REFUSED  the configuration cannot be served: text
 *                      MESSAGE_ANSWER   to a question
 *                      MESSAGE_NAMES    of dhcp's clients
 *                      MESSAGE_ALERT    what people must be told of
 *                      MESSAGE_ROLE     by failover: what all are to be told
 *                      MESSAGE_PING
 *     both             MESSAGE_TASK, MESSAGE_DONE  what one asks of another (task.h)
 *
 * A child ends when its socket does.
 */
#pragma once

#include <glib.h>
#include <net/if.h>
#include <netinet/in.h>

#define MESSAGE_MAX 65536    /* bytes of a packet */
#define MESSAGE_NAME_MAX 254 /* of a name with its zero byte */

enum message_kind {
    MESSAGE_SOCKET,
    MESSAGE_SERVE,
    MESSAGE_QUESTION,
    MESSAGE_NAMES,
    MESSAGE_TELL_NAMES,
    MESSAGE_PREPARED,
    MESSAGE_READY,
    MESSAGE_REFUSED,
    MESSAGE_ANSWER,
    MESSAGE_ALERT,
    MESSAGE_PING,
    MESSAGE_ROLE,
    MESSAGE_TASK,
    MESSAGE_DONE,
    MESSAGE_KINDS,
};

struct message {
    guint32 kind;
    guint32 size; /* of what follows */
};

/* ---- sockets ---- */

enum message_socket_kind {
    MESSAGE_DNS_UDP, /* bound to `address` */
    MESSAGE_DNS_TCP, /* listens there */
    MESSAGE_DHCP,    /* UDP, bound to the interface and port 67, IP_PKTINFO on, may broadcast */
    MESSAGE_FRAME,   /* AF_PACKET, SOCK_RAW: sends to clients that have no address yet; receives
                        nothing */
    MESSAGE_ARP,     /* AF_PACKET, SOCK_RAW, ETH_P_ARP */
    MESSAGE_HTTP,    /* TCP, listens at `address` */
    MESSAGE_HTTPS,
    MESSAGE_LINK,   /* TCP: the other node calls there */
    MESSAGE_TUNNEL, /* TCP, of this machine alone: comes out at the other node's CouchDB */
    MESSAGE_SOCKETS,
};

struct message_socket {
    guint32 kind;
    /* DNS, HTTP, the link */
    struct sockaddr_storage address;
    /* DHCP: the interface */
    char interface[IF_NAMESIZE];
    guint32 index;
    guint8 mac[8]; /* 6 of them */
    guint32 own;   /* its first address in a subnet of ours, host byte order */
};

/* ---- names ---- */

enum message_name_act {
    MESSAGE_NAME_SET,   /* `name` has `address` now, and the address that name */
    MESSAGE_NAME_GONE,  /* no longer */
    MESSAGE_NAME_FIRST, /* all are told now: those that do not come again before … */
    MESSAGE_NAME_LAST,  /* … this are gone */
};

struct message_name {
    guint32 act;
    guint32 address;             /* host byte order */
    guint32 lifetime;            /* seconds that the lease lasts */
    char name[MESSAGE_NAME_MAX]; /* with its domain, small letters */
};

#define MESSAGE_NAMES_MAX 200 /* in one packet */

/* ---- questions ---- */

/*
 * A question is one line of JSON, {"ask": "leases", "after": "10.0.0.7"}, and may hold members that
 * are not known. An answer is an object: one page of at most MESSAGE_PAGE entries, and
 * "more": true where there are others; the next question has the last entry's key as "after".
 * Entries that would make the text longer than MESSAGE_ANSWER_MAX are left to the next page.
 * Times are RFC 3339 (json_text_member_time); what is not known, or does not apply, is null or not
 * there.
 *
 * {"ask": "leases", "after": ADDRESS}, by dhcp, in the order of addresses:
 *     "leases": [{
 *         "address": "10.66.1.7", "subnet": "clinic",
 *         "name": "phone.lan.clinic.example",  with its domain; else the client's own word
 *         "mac": "52:54:00:12:34:56", "client": "0152…" (the client key in hex),
 *         "state": "offered" | "leased" | "released" | "expired" | "declined",
 *         "reserved": true                     it has a [host],
 *         "seconds": 1200                      that are left of the state,
 *         "ends": "2026-…" }]                  null where the wall clock is not believed
 *     "pools": [{                              on the first page (no "after")
 *         "subnet": "clinic", "first": "10.66.1.0", "last": "10.66.1.255",
 *         "size": 256, "leased": 12, "offered": 0, "resting": 1 }]
 *     "peer": {                                on the first page; of a pair
 *         "role": "standby", "copy": true,     whether this only copies the active node's
 *         "in_step": true, "behind": 0,        leases that the other node does not have yet
 *         "short_for": 120, "short_since": … } seconds that leases have been short: it is not heard
 *
 * {"ask": "zones", "after": NAME}, by dns, in the order of names:
 *     "zones": [{
 *         "name": "clinic.example",
 *         "kind": "file" | "names" | "clients" | "address" | "reverse" | "special" | "secondary",
 *         "records": 120, "serial": 2026112801, "since": when it became what it is,
 *         "signed": true, "ds": ["clinic.example. 3600 IN DS …"],
 *         "from": "10.66.0.2"                  whom it was transferred from last,
 *         "checked": …, "refresh": …, "expires": …  of a secondary,
 *         "problem": "no answer since …" }]    what people are to know of it
 *     "forwarders": [{                         on the first page
 *         "address": "9.9.9.9", "state": "alive" | "dead" | "unknown", "since": …,
 *         "milliseconds": 12                   that it takes to answer
 *         "problem": … }]
 *
 * {"ask": "dhcp"}, {"ask": "dns"}: what `lifeboat status` shows of each, short:
 *     dhcp: "pools", "peer" as above (no "more"), "leases": 12 (leased, of all)
 *     dns: "zones": 3, "forwarders" as above, "queries", "refused", "limited": counted since start
 */
#define MESSAGE_PAGE 200
#define MESSAGE_ANSWER_MAX 60000 /* bytes: with its head it is one packet */

/* ---- alerts ---- */

/* NAME\0TEXT\0: a name for each kind of alert and what it is about ("pool clinic"); an empty text
 * ends it. */
#define MESSAGE_ALERT_MAX 1024 /* bytes of both */
