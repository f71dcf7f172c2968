#include "netsvc/failover/protocol/core.h"

#include <string.h>

static void
forget_grants(struct protocol_record *record)
{
    record->taken = record->granted = record->adopts = FALSE;
    record->attempt[0] = record->promised[0] = record->uuid[0] = 0;
}

/* Whoever held a term and did not hand it over may have what the other one has not; and its uuid
 * stands for data that clients will not find behind it again. */
static void
leave_term(struct protocol *self)
{
    if (self->record.taken)
        self->record.unmerged = self->record.fresh = TRUE;
    forget_grants(&self->record);
    self->dirty = TRUE;
    planned_drop(self, "the other node took over");
}

static void
follow(struct protocol *self, guint64 term)
{
    leave_term(self);
    self->record.term = term;
    self->lost = self->yielded = FALSE;
    rise_fall(self, STAND_FOLLOW);
}

void
learn_lost(struct protocol *self, guint64 term)
{
    leave_term(self);
    self->record.unmerged = self->record.fresh = TRUE;
    self->record.term = term;
    self->lost = TRUE;
    self->yielded = FALSE;
    rise_fall(self, STAND_WAIT);
}

static void
hold(struct protocol *self)
{
    self->lost = self->yielded = FALSE;
    forced_drop(self, "this node is the active one after all");
    self->stand = STAND_HOLD;
    rise_begin(self, RISE_PROBE);
}

/* The record is the grant: whichever message it comes with. */
static void
learn_higher(struct protocol *self, const struct protocol_message *message)
{
    const char *promised = self->record.promised;
    if (!core_is_own(self, message->term))
        follow(self, message->term);
    else if (message->granted && promised[0] != 0 && strcmp(message->attempt, promised) == 0)
        planned_take(self, message);
    else
        learn_lost(self, message->term);
}

static void
learn_equal(struct protocol *self, const struct protocol_message *message)
{
    if (core_is_own(self, message->term)) {
        if (!self->record.taken)
            self->lost = !self->yielded;
        else if (self->stand == STAND_WAIT)
            hold(self);
        return;
    }
    if (self->stand != STAND_FOLLOW) { /* what it promised in this term still stands */
        self->lost = self->yielded = FALSE;
        rise_fall(self, STAND_FOLLOW);
    }
    if (self->record.granted && message->taken) {
        self->record.granted = FALSE;
        self->record.attempt[0] = 0;
        core_keep(self);
    }
}

/* The other one knows less, and is told. */
static void
learn_lower(struct protocol *self)
{
    core_state(self);
    if (self->stand != STAND_WAIT)
        return;
    if (core_is_holder(self))
        hold(self);
    else if (!core_is_own(self, self->record.term))
        rise_fall(self, STAND_FOLLOW);
}

void
learn_message(struct protocol *self, const struct protocol_message *message)
{
    guint64 held = core_is_own(self, message->held) ? message->held : 0;
    if (held > self->record.term)
        learn_lost(self, held);
    else if (message->term > self->record.term)
        learn_higher(self, message);
    else if (message->term == self->record.term && message->term > 0)
        learn_equal(self, message);
    else if (message->term < self->record.term)
        learn_lower(self);
}

/* Nobody was heard: only what it held and did not hand over. */
void
learn_boot_tick(struct protocol *self)
{
    if (self->stand != STAND_WAIT || self->contact || self->now < self->boot_until)
        return;
    if (core_is_holder(self) && !self->revoked)
        hold(self);
    else if (self->hook && !core_runs(self, PROTOCOL_STOP) && self->again[PROTOCOL_STOP] == 0)
        core_begin(self, PROTOCOL_STOP);
}
