/* world: what the parts of the dns child share. */
#pragma once

#include "lib/base/slice.h"
#include "netsvc/dns/descriptors.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/forward/forward.h"
#include "netsvc/dns/holding.h"
#include "netsvc/dns/serve/admission.h"
#include "netsvc/dns/serve/serve.h"
#include "netsvc/dns/serve/tcp.h"
#include "netsvc/dns/transfer/transfer.h"
#include "netsvc/dns/update/share.h"
#include "netsvc/dns/update/update.h"
#include "netsvc/dns/zone/address_names.h"
#include "netsvc/dns/zone/clients.h"

struct dns {
    struct child *child;
    int folder;             /* the only one that may be written to */
    gboolean clock_is_sure; /* when it began */
    struct descriptors descriptors;
    struct holding *holding;
    struct serve serve;
    struct admission admission;
    struct forward *forward;
    struct transfer *transfer;
    struct update *update;
    char *boot_id;
    struct share *share; /* of what is in `update` */
    struct event *again; /* its file is read once more */
    GPtrArray *udp;      /* struct udp, one a socket */
    struct tcp *tcp;
    struct event *drained; /* looked at while it ends */
};

/* ---- parts.c: who answers what is not a look-up in our zones (serve.h) ---- */
extern const struct serve_parts parts;

/* ---- questions.c: of `lifeboat net` ---- */
void questions_answer(const struct dns *dns, struct slice question);

/* ---- sharing.c: TXT records for who comes after, and for the other node ---- */
void sharing_begin(struct dns *dns);
void sharing_free(struct dns *dns);
void sharing_role(gpointer dns, const struct task_state *state);
void sharing_task(gpointer dns, const struct child_task *task);
