/*
 * task: what one part of netsvc asks of another, through the parent, which hands it on by its name
 * and knows who may ask for what (parent/task/allowed.c). A task has one answer, unless nobody
 * waits for it (number 0). Bodies and answers are JSON texts, "" for none, or packed structs where
 * the table says so; who takes one checks it.
 *
 *     child ─ MESSAGE_TASK ─→ parent ─ MESSAGE_TASK ─→ child            WHO/WHAT, body
 *           ←─ MESSAGE_DONE ─        ←─ MESSAGE_DONE ─                  answer, or why not
 *
 * The operator's questions (`lifeboat failover`, `lifeboat cert …`) come as tasks too: a request
 * {"ask": "cert/init", …} at the control socket is the task `cert/init` with the whole request as
 * its body, and its answer is the task's. Only those of allowed.c can be asked for so.
 *
 * WHO is a child (roles.h), or of the parent's own:
 *
 *     hook/NAME        runs the program that the configuration has for it, as root, with a time
 *                      limit. NAME: start, stop, fence (of [failover]), certificate (of [cert]).
 *                      Body: {"NAME": "value"}, which become LIFEBOAT_NAME in its environment.
 *                      Answer: {"seconds": 1.2, "configured": true}; its last words where it failed
 *     hook/cancel      nobody waits: the one whose name is the body is killed, or not begun
 *     install/WHAT     cert's files for others, swapped at once: see parent/task/install.h
 *     replicator/STEP  asks lifeboat-replicator at its control socket: {"ask": "switch/STEP", …the
 *                      body's members}. Its answer is the answer. Steps: see replicator/switch/
 *
 * From child to child:
 *
 *     failover/send    packed: CHILD\0 BYTES: to the same child of the other node, where it comes
 *                      as CHILD/peer with BYTES. Nobody waits. While the other node is away it is
 *                      lost: MESSAGE_ROLE tells when it is back, and the sender begins anew
 *     cert/peer, dhcp/peer, dns/peer, web/peer   see above. They come only from the other node, by
 *                      the failover child
 *     dhcp/clients     nobody waits: dhcp sends the address child all that have a lease, as …
 *     address/clients  … packed struct task_client, TASK_CLIENTS_MAX in one packet; an empty one is
 *                      the end. Nobody waits
 *     address/STEP     see address/address.h; they come only from the failover child
 *     cert/issue       web's ACME server: {"csr": BASE64, "names": […], "account": …} →
 *                      {"chain": PEM, "serial": HEX, …}; cert/revoke: {"serial": HEX} → {}: see
 *                      cert/cert.h
 *     cert/check       failover: {} → {"problems": ["…"]}: what stands in a switch's way
 *     cert/public      web: {} → what anybody may have: root, chain, CRL, and how they stand
 *     cert/key         web: {} → the private key in force, for its TLS and who may fetch it
 *     web/certificate  nobody waits: what cert/public and cert/key say has changed
 */
#pragma once

#include <glib.h>

#define TASK_NAME_MAX 64    /* with its zero byte */
#define TASK_BODY_MAX 60000 /* bytes: with its heads it is one packet */

struct task_head {
    guint32 number; /* of whoever sends it; 0: nobody waits for the answer */
    char name[TASK_NAME_MAX];
}; /* … the body follows, without a zero byte */

struct task_done {
    guint32 number;
    guint32 done; /* 0: it was not; the text says why */
};                /* … the answer follows */

struct task_client {
    guint32 address; /* host byte order */
    guint8 mac[6];
    guint8 nothing[2];
};
#define TASK_CLIENTS_MAX 4000

/* ---- MESSAGE_ROLE: the parent tells each child, at first and whenever it changes ---- */

enum task_role {
    TASK_ALONE,     /* one node: always active */
    TASK_ACTIVE,    /* clients talk to this node */
    TASK_SWITCHING, /* active still by its record, but it hands over: it serves nothing */
    TASK_STANDBY,   /* it follows the other one */
    TASK_WAIT,      /* it does not know yet */
    TASK_ROLES,
};

struct task_state {
    guint32 role;
    guint32 peer;     /* the other node can be talked to now */
    guint64 term;     /* 0: alone */
    guint32 forced;   /* the role was taken by force, and the other node was not met since */
    guint32 parity;   /* of this node: 0 or 1; which half of a pool is its own */
    guint32 unmerged; /* a node may have what the other has not */
    guint32 granted;  /* this node handed over, and has not seen that the other one took over */
    guint32 fenced;   /* the operator says that the other node is off, or it was replaced */
    guint32 nothing;  /* so that there are no bytes that nobody sets */
};

const char *task_role_name(guint32 role); /* "active" */
