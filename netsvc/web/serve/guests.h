/*
 * guests: who is connected, how many of one address, and for how long each may take for what it
 * does.
 *
 *     accepted ── whole request ──→ waits for its handler ──→ takes the answer ──┐
 *        ↑  10 s                        as long as it takes       10 s           │
 *        └───────────────────────────────────────────────────────────────────────┘
 *
 * evhttp's own time limits begin anew with each byte, so that a request sent byte by byte holds a
 * connection for ever; these do not. Nor has it any limit of connections.
 *
 * Connections are evhttp's. It tells nobody when it ends one, so a reference to each is held here:
 * one whose callbacks are gone was ended, and goes with the next look at all of them. One that is
 * to end is shut down: evhttp finds that out by itself.
 *
 * Beyond the limits the one goes that has waited longest without a request of its own going on: of
 * the same address; where all places are taken, of any that has waited for a second. Where there is
 * none, the new one goes.
 */
#pragma once

#include "netsvc/web/request.h"

#include <event2/bufferevent.h>

enum guest_state {
    GUEST_READS,  /* the next request is not all there */
    GUEST_WAITS,  /* for its handler */
    GUEST_WRITES, /* the answer */
};

struct guest {
    struct bufferevent *connection;
    struct sockaddr_storage from; /* an IPv4 address as such, however it came */
    enum guest_state state;
    gint64 since;    /* milliseconds: when that began … */
    guint64 number;  /* … and its place among all such beginnings */
    guint requests;  /* so far */
    gboolean placed; /* it has been admitted … */
    gboolean cut;    /* … or shut down */
    gboolean tls;
};

struct guests;

/* A clock in milliseconds that never goes back; NULL: the system's. */
struct guests *guests_new(gint64 (*milliseconds)(void));

/* Shuts down all. */
void guests_free(struct guests *guests);
AUTO_DEFINE(guests)

/* One whose socket comes in a moment: evhttp sets it after this. */
void guests_add(struct guests *guests, struct bufferevent *connection, gboolean tls);

/* Those that were added are counted now, or refused. */
void guests_admit(struct guests *guests);

/* Ends those that take too long, forgets those that are gone. Once a second. */
void guests_sweep(struct guests *guests);

/* NULL: none. */
struct guest *guests_find(struct guests *guests, const struct bufferevent *connection);

void guests_note(struct guests *guests, struct guest *guest, enum guest_state state);

/* Cuts those that have taken no answer for a second; gives how many are left. */
guint guests_dismiss(struct guests *guests);

/* Shuts it down. */
void guests_cut(struct guest *guest);

guint guests_count(const struct guests *guests); /* that may be served */
