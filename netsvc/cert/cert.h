/*
 * cert: the site's certificates. The only process that can read their keys.
 *
 *     x509/     certificates, requests, lists, the pile that a drive brings, and what is judged
 *     site/     the site's authority and its state on disk, and what is done with it
 *     pair/     the same state on both nodes, and in force at the same time
 *     watch.c   what people are told before one ends
 *     cert.c    the child: the clock, the timer; tasks.c: what others ask of it
 *
 * Tasks (netsvc/task.h); bodies and answers are JSON:
 *
 *     cert/public   by web: {} → {"name": "clinic.example", "organisation": …, "root": PEM,
 *                   "issuing": PEM, "chain": PEM of what is in force, the leaf first, "own_chain":
 *                   PEM of the site's own leaf, "crl": BASE64 of DER, "root_crl": likewise,
 *                   "fingerprint": "AB:CD:…" of the root, "not_after": of `chain`'s leaf}. What is
 *                   not there is null: before `cert init`, all but the name and organisation.
 *     cert/key      by web: {} → {"key": PEM of the one in force, "chain": PEM that it goes with}
 *     cert/check    by failover: {} → {"problems": ["…"]}: what stands in a switch's way
 *     cert/issue    by web: {"csr": BASE64 of DER (also base64url), "names": ["…"], "account": …}
 *                   → {"chain": PEM, "serial": HEX, "not_before": TIME, "not_after": TIME}. The
 *                   names are exactly those of the request, and within the root's limits
 *     cert/revoke   by web: {"serial": HEX} → {}; and the list names it from then on
 *     cert/init, cert/show, cert/request, cert/import, cert/roll-back   by the operator: answers.h
 *     cert/peer     by the other node's: pair/alike.h
 *
 * Only an active node, or one alone, changes anything; elsewhere init, issue, revoke and so on are
 * refused.
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role cert_role;
