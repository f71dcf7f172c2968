/*
 * announce: tells clients which machine has the service address now, by ARP.
 *
 *     at 0, 1, 3 and 10 s   to all, as a request and as an answer (gratuitous ARP, RFC 5227 3):
 * some heed only the one, some only the other; and to each client that has a lease alone, since
 * what is sent to all does not reach phones whose Wi-Fi sleeps then every 60 s       to all
 *
 * A client alone is asked for its own address at 0 and 3 s: a question that it must answer, so it
 * notes who asks, at once (RFC 826), and no filter of its Wi-Fi holds that back. At 1 and 10 s it
 * is given an answer, in case it has another address than its lease says.
 *
 * Frames go out in small portions, so that no queue overflows.
 *
 * The kernel's own table of neighbours needs no word: an address of this machine is never looked up
 * in it, and what the other node announces later sets it right as with any client.
 */
#pragma once

#include "netsvc/dhcp/link/frame.h"
#include "netsvc/task.h"

#include <event2/event.h>

#define ANNOUNCE_CLIENTS_MAX 200000 /* that wait for their turn */
#define ANNOUNCE_PORTION 250        /* frames, … */
#define ANNOUNCE_PAUSE_MS 5         /* … and then this: 50,000 a second */

struct announce_ears {
    gboolean (*send)(void *context, const guint8 *frame, gsize size);
    void (*want_clients)(void *context); /* they are to come to announce_clients */
    void *context;
};

struct announce;

struct announce *announce_new(struct event_base *events, guint32 address,
                              const struct announce_ears *ears);
void announce_free(struct announce *announce);
AUTO_DEFINE(announce)

/* From the first time on, with the MAC that the interface has now; also where it ran already. */
void announce_begin(struct announce *announce, const guint8 mac[FRAME_MAC]);
void announce_stop(struct announce *announce);
gboolean announce_runs(const struct announce *announce);

void announce_clients(struct announce *announce, const struct task_client *clients, gsize n);

/* ---- for tests ---- */

/* Milliseconds from that time (0: the first) to the next one. */
guint announce_wait(guint time);
