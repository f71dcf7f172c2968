#include "netsvc/failover/protocol/core.h"

#include <string.h>

#define FRESH_AGAIN_MS 30000

/* ---- the active one ---- */

static gboolean
is_other_fenced(const struct protocol *self)
{
    return self->contact && self->peer.role == PROTOCOL_STANDBY &&
           self->peer.term == self->record.term;
}

static gboolean
is_merge_due(const struct protocol *self)
{
    return self->met && self->open && (self->record.unmerged || self->peer.unmerged) &&
           self->peer.visit[0] != 0 && strcmp(self->peer.visit, self->merged) != 0 &&
           !core_runs(self, PROTOCOL_MERGE) && self->again[PROTOCOL_MERGE] == 0;
}

static void
lead(struct protocol *self)
{
    if (!is_other_fenced(self)) {
        self->met = FALSE;
    } else if (self->open && !self->met) {
        self->met = self->met_once = TRUE;
        core_begin(self, PROTOCOL_ANNOUNCE);
    }
    if (!is_merge_due(self))
        return;
    g_strlcpy(self->merging, self->peer.visit, sizeof self->merging);
    core_begin(self, PROTOCOL_MERGE);
}

/* What counts is the visit: it fenced before that began. */
static void
end_merge(struct protocol *self)
{
    if (self->stand != STAND_HOLD || strcmp(self->merging, self->peer.visit) != 0)
        return;
    g_strlcpy(self->merged, self->merging, sizeof self->merged);
    self->record.unmerged = FALSE;
    core_keep(self);
    core_state(self);
}

/* ---- the standby ---- */

static void
follow(struct protocol *self)
{
    const struct protocol_message *peer = &self->peer;
    if (!self->fenced || !self->contact || peer->term != self->record.term || !peer->open)
        return;
    if (self->record.unmerged && !peer->unmerged && strcmp(peer->visit, self->visit) == 0) {
        self->record.unmerged = FALSE;
        core_keep(self);
        core_state(self);
    }
    if (self->record.fresh && !self->record.unmerged && !core_runs(self, PROTOCOL_FRESH) &&
        self->again[PROTOCOL_FRESH] == 0 && self->reach == REACH_NONE)
        core_begin(self, PROTOCOL_FRESH);
}

/* ---- both ---- */

void
merge_go_on(struct protocol *self)
{
    if (!core_is_paired(self) || self->falling)
        return;
    if (self->stand == STAND_HOLD)
        lead(self);
    else if (self->stand == STAND_FOLLOW)
        follow(self);
}

void
merge_done(struct protocol *self, enum protocol_effect effect, gboolean done)
{
    if (effect == PROTOCOL_ANNOUNCE)
        return;
    if (!done) {
        core_again(self, effect, effect == PROTOCOL_FRESH ? FRESH_AGAIN_MS : CORE_HOOK_AGAIN_MS);
    } else if (effect == PROTOCOL_MERGE) {
        end_merge(self);
    } else {
        self->record.fresh = FALSE;
        core_keep(self);
    }
}

void
merge_stop(struct protocol *self)
{
    core_give_up(self, PROTOCOL_MERGE);
}

gboolean
merge_is_forced(const struct protocol *self)
{
    return self->stand == STAND_HOLD && core_is_paired(self) && self->record.unmerged &&
           !self->met_once;
}
