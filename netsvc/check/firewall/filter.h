/*
 * filter: what a firewall does with a packet that comes to this machine, from the rules as
 * `nft -j list ruleset` tells them (libnftables-json(5)).
 *
 * Rules can say more than we understand. A rule that we do not understand, or whose match depends
 * on what we do not know, is passed over, and that the answer is not sure is told.
 */
#pragma once

#include "lib/base/slice.h"

struct filter_packet {
    gboolean tcp;            /* UDP otherwise */
    guint16 port, from_port; /* from_port 0: any */
    const char *interface;   /* that it comes in at; NULL: not known */
    guint32 network, mask;   /* that it comes from, host byte order */
};

enum filter_verdict { FILTER_ACCEPTS, FILTER_DROPS, FILTER_REJECTS };

struct filter_answer {
    enum filter_verdict verdict;
    gboolean perhaps;    /* a rule that is not understood may say otherwise */
    char *table, *chain; /* "inet filter", "input": whose verdict it is; NULL where all accept */
};

/* `rules`: checked as JSON. */
void filter_judge(struct slice rules, const struct filter_packet *packet,
                  struct filter_answer *answer);
/* With what a person changes such rules: whose they are is in the names of table and chain. */
enum filter_tool {
    FILTER_NFT,
    FILTER_FIREWALLD,
    FILTER_IPTABLES, /* or ufw, which is made of it */
};
enum filter_tool filter_tool(const struct filter_answer *answer); /* of one that has a table */

void filter_answer_clear(struct filter_answer *answer);
