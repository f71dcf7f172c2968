#include "netsvc/failover/protocol/core.h"

#include <string.h>

#define CUT_AGAIN_MS 10000

static void
ended(struct protocol *self, const char *why)
{
    g_autofree char *reason = g_strdup(why);
    self->force = FORCE_NONE;
    self->automatic = FALSE;
    core_ended(self, PROTOCOL_FORCE, reason);
    core_ended(self, PROTOCOL_FENCED, reason);
    if (self->stand == STAND_HOLD && self->rise == RISE_NONE)
        rise_begin(self, RISE_PROBE); /* it was on its way up before */
}

static gboolean
is_cut_off(const struct protocol *self)
{
    return core_is_paired(self) && (self->ordered[PROTOCOL_FENCED] || self->automatic);
}

/* ---- taking ---- */

static void
take(struct protocol *self)
{
    struct protocol_record record = self->record;
    record.term = core_next_term(MAX(record.term, self->peer.term), record.parity);
    record.taken = record.fresh = TRUE;
    record.unmerged = core_is_paired(self);
    record.granted = record.adopts = FALSE;
    record.attempt[0] = record.promised[0] = record.uuid[0] = record.rival[0] = 0;
    if (!core_change(self, &record)) {
        ended(self, "this node cannot write to its disk: see its free space and its log");
        return;
    }
    planned_drop(self, "this node took over by force");
    self->cut_off = is_cut_off(self);
    self->force = FORCE_NONE;
    self->automatic = FALSE;
    self->lost = self->yielded = self->clean = self->met = self->met_once = FALSE;
    self->merged[0] = 0;
    self->stand = STAND_HOLD;
    g_clear_pointer(&self->rival, g_free);
    core_step(self, "take over", "");
    core_state(self);
    rise_begin(self, RISE_CLEAN);
}

static void
probe_or_take(struct protocol *self)
{
    if (is_cut_off(self)) {
        take(self);
        return;
    }
    self->force = FORCE_PROBE;
    core_begin(self, PROTOCOL_PROBE);
}

static void
take_unless_answered(struct protocol *self, gboolean done, const char *answer)
{
    if (done && answer[0] == 0) {
        take(self);
        return;
    }
    g_autofree char *why =
        done ? g_strdup_printf("a machine with the MAC address %s still answers at the service "
                               "address: switch it off or pull its network cable, then run "
                               "`lifeboat failover --force%s`",
                               answer, core_is_paired(self) ? " --fenced" : "")
             : g_strdup_printf("it could not be found out whether another machine has the service "
                               "address: %s",
                               answer);
    ended(self, why);
}

/* ---- orders ---- */

static const char *
obstacle_alone(const struct protocol *self)
{
    if (self->rival != NULL)
        return "this node is not paired: type the code here that `lifeboat peer pair` shows on the "
               "node that is in use; where there is none, another machine has the service address "
               "and must give it up first: see `lifeboat status`";
    if (self->record.taken)
        return "this node is alone: it is the active one already";
    return self->force != FORCE_NONE ? "that is going on already: see `lifeboat status`" : NULL;
}

const char *
forced_obstacle(const struct protocol *self)
{
    if (!core_is_paired(self))
        return obstacle_alone(self);
    if (self->revoked)
        return "the other node has parted from this one (`lifeboat peer forget` or `replace` "
               "there): "
               "pair it anew (`lifeboat peer pair`) before it serves again";
    if (protocol_role(self) == PROTOCOL_ACTIVE)
        return "this node is the active one already: see `lifeboat status`";
    if (self->force != FORCE_NONE)
        return "a switch is going on already: see `lifeboat status`";
    return NULL;
}

gboolean
forced_order(struct protocol *self, enum protocol_order order, char **why)
{
    const char *found = forced_obstacle(self);
    if (found != NULL) {
        *why = g_strdup(found);
        return FALSE;
    }
    self->ordered[order] = TRUE;
    if (self->stand == STAND_HOLD) { /* somebody else has the address, or CouchDB is not ready */
        self->rise = RISE_NONE;
        core_give_up(self, PROTOCOL_PROBE);
    }
    if (!self->contact) {
        probe_or_take(self);
        return TRUE;
    }
    core_draw(self, self->force_id);
    self->force_until = self->now + CORE_YIELD_MS;
    self->force = FORCE_YIELD;
    core_state(self);
    return TRUE;
}

void
forced_drop(struct protocol *self, const char *why)
{
    if (self->force == FORCE_NONE)
        return;
    core_give_up(self, PROTOCOL_PROBE);
    core_give_up(self, PROTOCOL_CUT);
    ended(self, why);
}

/* ---- messages ---- */

/* Its operator wants this node out of the way: that never waits for what may be broken here. */
static void
yield(struct protocol *self, const struct protocol_message *message)
{
    if (self->stand != STAND_HOLD && !self->record.taken) {
        if (self->fenced)
            core_say(self, PROTOCOL_YIELDED, message->about, "");
        return;
    }
    planned_drop(self, "the other node takes over by force");
    forced_drop(self, "the other node takes over by force");
    self->record.taken = FALSE;
    self->record.unmerged = self->record.fresh = TRUE;
    self->dirty = self->yielded = TRUE;
    g_strlcpy(self->yield_to, message->about, sizeof self->yield_to);
    rise_fall(self, STAND_WAIT);
}

void
forced_message(struct protocol *self, const struct protocol_message *message)
{
    if (message->kind == PROTOCOL_YIELD && message->term == self->record.term && !self->falling)
        yield(self, message);
    else if (message->kind == PROTOCOL_YIELDED && self->force == FORCE_YIELD &&
             strcmp(message->about, self->force_id) == 0)
        probe_or_take(self);
}

gboolean
forced_done(struct protocol *self, enum protocol_effect effect, gboolean done, const char *answer)
{
    if (effect == PROTOCOL_PROBE && self->force == FORCE_PROBE) {
        take_unless_answered(self, done, answer);
        return TRUE;
    }
    if (effect != PROTOCOL_CUT || self->force != FORCE_CUT)
        return FALSE;
    if (done) {
        take(self);
        return TRUE;
    }
    ended(self, answer);
    core_again(self, PROTOCOL_CUT, CUT_AGAIN_MS);
    return TRUE;
}

/* ---- time ---- */

static gboolean
is_automatic(const struct protocol *self)
{
    return self->times.automatic > 0 && protocol_role(self) == PROTOCOL_STANDBY;
}

gboolean
forced_lacks_path(const struct protocol *self)
{
    return is_automatic(self) && self->heard - self->both_at > CORE_BOTH_MS;
}

static gboolean
is_cut_due(const struct protocol *self)
{
    return is_automatic(self) && !forced_lacks_path(self) && self->force == FORCE_NONE &&
           !self->record.unmerged && !self->contact && self->again[PROTOCOL_CUT] == 0 &&
           self->now - MAX(self->heard, self->awake) >= self->times.automatic;
}

static void
automatic_tick(struct protocol *self)
{
    if (self->force == FORCE_CUT && self->contact) {
        forced_drop(self, "the other node is back");
    } else if (is_cut_due(self)) {
        self->force = FORCE_CUT;
        self->automatic = TRUE;
        core_begin(self, PROTOCOL_CUT);
    }
}

void
forced_tick(struct protocol *self)
{
    automatic_tick(self);
    if (self->force != FORCE_YIELD)
        return;
    if (!self->contact)
        probe_or_take(self);
    else if (self->now >= self->force_until && is_cut_off(self))
        take(self);
    else if (self->now >= self->force_until)
        ended(self, "the other node still answers, but does not step down: switch it off or pull "
                    "its network cable, then run `lifeboat failover --force --fenced`");
}
