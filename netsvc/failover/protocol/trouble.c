/* What a nurse reads on the status page, and the administrator in the log: what is wrong, and what
 * to do. The gravest first; one at a time. */
#include "netsvc/failover/protocol/core.h"

#include <string.h>

/* What it means that an effect fails; the cause follows. */
static const char *const meaning[PROTOCOL_EFFECTS] = {
    [PROTOCOL_FENCE] = "this node may still answer clients although it is not the active one, and "
                       "tries again every second; if it goes on, switch this node off",
    [PROTOCOL_ADOPT] = "this node takes over, but its CouchDB does not take the other one's "
                       "identity yet; see that CouchDB runs here; it is tried again every 5 s",
    [PROTOCOL_FRESH] =
        "CouchDB on this node does not take a new identity yet; see that it runs; it "
        "is tried again",
    [PROTOCOL_START] = "this node takes over, but its start hook fails; correct that; it is tried "
                       "again every 5 s",
    [PROTOCOL_STOP] = "this node is not the active one, but its stop hook fails, so CHT may still "
                      "run here; stop it by hand",
    [PROTOCOL_PROBE] = "whether another machine has the service address cannot be found out; it is "
                       "tried again every 2 s",
    [PROTOCOL_ADDRESS] = "the service address cannot be set on this node; see that its network "
                         "cable is in; it is tried again every second",
    [PROTOCOL_OPEN] = "this node cannot begin to serve clients; it is tried again every second",
    [PROTOCOL_MERGE] = "what only the other node has cannot be fetched from it yet; see that "
                       "CouchDB runs on both; it is tried again every 5 s; do not erase anything",
    [PROTOCOL_CUT] = "the other node is silent, but the fence hook could not cut it off, so this "
                     "node does not take over by itself; switch the other one off, then run "
                     "`lifeboat failover --force --fenced` here",
};

/* What to do about a machine that has the service address. */
static const char rival_of_pair[] = "switch that one off or pull its network cable; if it is off, "
                                    "run `lifeboat failover --force --fenced` here";
static const char rival_of_one[] =
    "if that is the other node, leave it on, run `lifeboat peer pair` there, and type here what it "
    "shows; any other machine must give that address up";

/* A machine that is away now had it when this node was new. */
static const char rival_that_left[] =
    "a machine with the MAC address %s had the service address when this node was first started, "
    "and does not answer now; what CouchDB has here may be old, so nobody is served; if that is "
    "the other node, start it, run `lifeboat peer pair` there, and type here what it shows; if "
    "this node is to be the only one, run `lifeboat failover --force` here";

static gboolean
counts(const struct protocol *self, enum protocol_effect effect)
{
    if (meaning[effect] == NULL || self->failed[effect] == NULL)
        return FALSE;
    switch (effect) {
    case PROTOCOL_FENCE:
        return !self->fenced && !self->open && self->rise <= RISE_CLEAN;
    case PROTOCOL_STOP:
        return self->stand != STAND_HOLD && self->hook;
    case PROTOCOL_FRESH:
        return self->record.fresh;
    case PROTOCOL_MERGE:
        return self->stand == STAND_HOLD && (self->record.unmerged || self->peer.unmerged);
    case PROTOCOL_CUT:
        return self->stand == STAND_FOLLOW && !self->contact;
    default:
        return self->stand == STAND_HOLD && !self->open;
    }
}

/* Of what failed, the first that counts. */
static gboolean
tell_failed(struct protocol *self)
{
    for (guint i = 0; i < PROTOCOL_EFFECTS; i++)
        if (counts(self, (enum protocol_effect)i)) {
            g_string_append(self->trouble, meaning[i]);
            if (self->failed[i][0] != 0)
                g_string_append_printf(self->trouble, " (%s: %s)", core_effect_names[i],
                                       self->failed[i]);
            return TRUE;
        }
    return FALSE;
}

static const char *
why_it_waits(const struct protocol *self)
{
    if (self->revoked)
        return "the other node has parted from this one (`lifeboat peer forget` or `replace` "
               "there), which serves nobody; pair it anew if it should be of use (`lifeboat peer "
               "pair`)";
    if (self->lost)
        return "this node has lost what it knew of the last switches: its disk was set back or "
               "replaced, so it may lack what clients were told is written; run `lifeboat failover "
               "--force` on the other node";
    if (self->yielded)
        return "this node made way for the other one, which did not take over; run `lifeboat "
               "failover --force` on the node that should serve";
    if (self->unplugged && !self->contact)
        return "this node was started, but no network cable of it has a link, so that it cannot "
               "know whether the other one serves; see that its cables are in, at both ends, and "
               "that the switch is on";
    if (core_is_holder(self))
        return self->contact ? NULL
                             : "this node was started and waits for the other one before it "
                               "serves; if that one is off, it goes on by itself";
    if (self->contact)
        return NULL;
    if (self->record.term == 0)
        return "this node does not know which node is the active one, and cannot reach the other "
               "one; see that both are on and connected; if the other one is gone for good, run "
               "`lifeboat failover --force` here";
    return "this node was started, is not the active one by what it knows, and cannot reach the "
           "other one; see that both are on and connected; if the other one cannot be started, run "
           "`lifeboat failover --force` here";
}

static const char *
why_nobody_serves(const struct protocol *self)
{
    const struct protocol_message *peer = &self->peer;
    if (!self->contact || self->stand != STAND_FOLLOW || peer->term != self->record.term ||
        peer->taken)
        return NULL;
    return "no node is active: the other one has lost what it knew or made way; run `lifeboat "
           "failover --force` here";
}

static const char *
plain_trouble(const struct protocol *self)
{
    const char *text = self->stand == STAND_WAIT ? why_it_waits(self) : why_nobody_serves(self);
    if (text != NULL)
        return text;
    if (self->record.granted && !self->contact)
        return "this node handed over to the other one, which cannot be reached, so that nobody "
               "may be served; if that one is off, run `lifeboat failover --force` here";
    if (forced_lacks_path(self))
        return self->contact
                   ? "only one path to the other node works, so that this one would not take over "
                     "by itself: see `lifeboat status`, and the cable between the two"
                   : "the other node is silent, but a path to it had failed before, so that this "
                     "one does not take over by itself; if that one is off, run `lifeboat failover "
                     "--force --fenced` here";
    if (self->record.unmerged && !self->contact)
        return "the other node may have what this one has not, and cannot be reached; start it "
               "and connect it, and do not erase its disk";
    return NULL;
}

const char *
protocol_trouble(const struct protocol *protocol)
{
    struct protocol *self = (struct protocol *)(gpointer)protocol; /* the text is kept in it */
    g_string_truncate(self->trouble, 0);
    if (self->dirty && !self->falling) {
        g_string_append(self->trouble, "this node cannot write to its disk, so that it can take no "
                                       "role; see its free space and its log");
    } else if (self->rival != NULL && self->stand == STAND_HOLD && !self->open) {
        g_string_append_printf(self->trouble,
                               "a machine with the MAC address %s has the service address, so this "
                               "node waits; ",
                               self->rival);
        g_string_append(self->trouble, core_is_paired(self) ? rival_of_pair : rival_of_one);
    } else if (self->record.rival[0] != 0 && self->failed[PROTOCOL_PROBE] == NULL) {
        g_string_append_printf(self->trouble, rival_that_left, self->record.rival);
    } else if (core_is_new(self) && self->failed[PROTOCOL_PROBE] == NULL) {
        g_string_append_printf(self->trouble,
                               "this node is new: it looks for %" G_GINT64_FORMAT
                               " s whether another machine has the service address before it "
                               "serves; if it is not to be the first one, pair it right now "
                               "(`lifeboat peer pair` on the node in use)",
                               self->times.boot_wait / 1000);
    } else if (!tell_failed(self)) {
        const char *text = plain_trouble(self);
        if (text == NULL)
            return NULL;
        g_string_append(self->trouble, text);
    }
    return self->trouble->str;
}
