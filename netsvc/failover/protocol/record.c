#include "netsvc/failover/protocol/core.h"

#include <string.h>

guint64
core_next_term(guint64 seen, guint32 parity)
{
    guint64 term = seen + 1;
    return term % 2 == parity ? term : term + 1;
}

gboolean
core_is_own(const struct protocol *self, guint64 term)
{
    return term > 0 && term % 2 == self->record.parity;
}

gboolean
core_is_paired(const struct protocol *self)
{
    return self->record.cluster[0] != 0;
}

gboolean
core_is_new(const struct protocol *self)
{
    return !core_is_paired(self) && !self->record.taken && self->record.rival[0] == 0 &&
           self->now < self->boot_until;
}

gboolean
core_is_holder(const struct protocol *self)
{
    if (!core_is_paired(self))
        return self->record.rival[0] == 0;
    return core_is_own(self, self->record.term) && self->record.taken && !self->record.granted;
}

void
core_keep(struct protocol *self)
{
    self->dirty = !self->hands.keep(self->hands.context, &self->record);
    self->keep_at = self->now + CORE_AGAIN_MS;
}

/* Whether what could not be kept is there after all, nobody knows; so what stands is written again,
 * and nothing is opened until that is done. */
gboolean
core_change(struct protocol *self, const struct protocol_record *record)
{
    self->dirty = !self->hands.keep(self->hands.context, record);
    self->keep_at = self->now + CORE_AGAIN_MS;
    if (!self->dirty)
        self->record = *record;
    return !self->dirty;
}

void
core_keep_tick(struct protocol *self)
{
    if (!self->dirty || self->falling || self->now < self->keep_at)
        return;
    core_keep(self);
    if (!self->dirty)
        rise_go_on(self);
}

/* ---- whom it is paired with ---- */

static void
forget_peer(struct protocol *self)
{
    self->peer = (struct protocol_message){0};
    self->contact = self->met = self->met_once = FALSE;
    self->heard = 0;
    self->yielded = self->lost = self->revoked = FALSE;
}

void
protocol_paired(struct protocol *self, const char *cluster, const char *peer, guint32 parity,
                gboolean first, gint64 now)
{
    struct protocol_record record = {.parity = parity, .fresh = self->record.fresh};
    core_enter(self, now);
    forget_peer(self);
    self->cut_off = FALSE;
    g_strlcpy(record.id, self->record.id, sizeof record.id);
    g_strlcpy(record.cluster, cluster, sizeof record.cluster);
    g_strlcpy(record.peer, peer, sizeof record.peer);
    if (first) {
        record.term = core_next_term(self->record.term, parity);
        record.taken = TRUE;
        self->record = record;
        core_keep(self);
    } else {
        self->record = record;
        self->dirty = TRUE;
        rise_fall(self, STAND_WAIT);
    }
    core_leave(self);
}

void
protocol_forget(struct protocol *self, gint64 now)
{
    gboolean was_active = self->stand == STAND_HOLD;
    core_enter(self, now);
    planned_drop(self, "the other node was forgotten");
    forced_drop(self, "the other node was forgotten");
    forget_peer(self);
    struct protocol_record record = {.parity = self->record.parity,
                                     .term = self->record.term,
                                     .taken = TRUE,
                                     .fresh = self->record.fresh || !was_active,
                                     .adopts = self->record.adopts && was_active};
    g_strlcpy(record.id, self->record.id, sizeof record.id);
    g_strlcpy(record.uuid, self->record.uuid, sizeof record.uuid);
    self->record = record;
    self->cut_off = TRUE;
    self->stand = STAND_HOLD;
    core_keep(self);
    if (!was_active)
        rise_begin(self, RISE_PROBE);
    core_leave(self);
}

void
protocol_revoked(struct protocol *self, gint64 now)
{
    core_enter(self, now);
    self->record.taken = FALSE;
    self->record.promised[0] = 0;
    self->dirty = self->revoked = TRUE;
    planned_drop(self, "this node was replaced");
    forced_drop(self, "this node was replaced");
    rise_fall(self, STAND_WAIT);
    core_leave(self);
}

void
core_end_restored(struct protocol *self)
{
    core_ended(self, PROTOCOL_RESTORED,
               self->dirty
                   ? "this node cannot write to its disk, so it will not remember this: say "
                     "it again once there is space"
                   : NULL);
}

/* What this node holds may be older than what clients were told is written. So it asks; and
 * whoever goes on draws a fresh uuid. */
void
core_restored(struct protocol *self)
{
    self->record.fresh = self->dirty = TRUE;
    self->record.promised[0] = 0;
    planned_drop(self, "this node's disk was set back");
    if (self->stand == STAND_FOLLOW) {
        core_keep(self);
        core_end_restored(self);
        return;
    }
    if (core_is_paired(self)) {
        self->record.taken = FALSE;
        self->record.unmerged = TRUE;
        self->lost = TRUE;
    }
    rise_fall(self, core_is_paired(self) ? STAND_WAIT : STAND_HOLD);
}
