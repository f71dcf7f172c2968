#include "netsvc/failover/protocol/core.h"

#include <string.h>

#define RIVAL_AGAIN_MS 2000

/* PROTOCOL_EFFECTS: nothing is to be done in that step. */
static enum protocol_effect
effect_of(const struct protocol *self, enum core_rise rise)
{
    switch (rise) {
    case RISE_PROBE:
        return PROTOCOL_PROBE;
    case RISE_CLEAN:
        return self->record.fresh    ? PROTOCOL_FRESH
               : self->record.adopts ? PROTOCOL_ADOPT
                                     : PROTOCOL_EFFECTS;
    case RISE_START:
        return PROTOCOL_START;
    case RISE_ADDRESS:
        return PROTOCOL_ADDRESS;
    case RISE_OPEN:
        return PROTOCOL_OPEN;
    case RISE_NONE:
    case RISE_UP:
        break;
    }
    return PROTOCOL_EFFECTS;
}

static void
give_up_steps(struct protocol *self)
{
    static const enum protocol_effect steps[] = {PROTOCOL_ADOPT, PROTOCOL_FRESH, PROTOCOL_START,
                                                 PROTOCOL_ADDRESS, PROTOCOL_OPEN};
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++)
        core_give_up(self, steps[i]);
}

void
rise_begin(struct protocol *self, enum core_rise from)
{
    self->rise = from;
    self->again[PROTOCOL_FENCE] = self->again[PROTOCOL_STOP] = 0;
    give_up_steps(self);
    core_give_up(self, PROTOCOL_PROBE);
    rise_go_on(self);
}

static void
begin_step(struct protocol *self, enum protocol_effect effect)
{
    if (effect == PROTOCOL_START)
        self->hook = TRUE;
    if (effect == PROTOCOL_ADDRESS)
        self->fenced = FALSE;
    core_begin(self, effect);
}

static gboolean
may_rise(const struct protocol *self)
{
    return self->stand == STAND_HOLD && self->rise != RISE_NONE && self->rise != RISE_UP &&
           !self->dirty && !self->falling && !core_runs(self, PROTOCOL_FENCE);
}

/* A daemon that was killed may have left a door open, to a CouchDB that is not yet what it shall
 * be. */
static gboolean
must_fence(struct protocol *self)
{
    if (self->fenced || self->rise > RISE_CLEAN || !core_is_paired(self))
        return FALSE;
    if (self->again[PROTOCOL_FENCE] == 0)
        core_begin(self, PROTOCOL_FENCE);
    return TRUE;
}

void
rise_go_on(struct protocol *self)
{
    if (!may_rise(self) || must_fence(self))
        return;
    if (self->rise == RISE_CLEAN && effect_of(self, RISE_CLEAN) == PROTOCOL_EFFECTS)
        self->rise = RISE_START;
    self->clean |= self->rise > RISE_CLEAN;
    enum protocol_effect effect = effect_of(self, self->rise);
    if (core_runs(self, effect) || self->again[effect] != 0 ||
        (effect == PROTOCOL_START && core_runs(self, PROTOCOL_STOP)))
        return;
    begin_step(self, effect);
}

void
rise_tick(struct protocol *self)
{
    rise_go_on(self);
}

/* Nothing but the address is known to be lost; but who knows for how long. */
void
rise_again(struct protocol *self)
{
    if (self->stand != STAND_HOLD || self->rise != RISE_UP || self->hand != HAND_NONE)
        return;
    self->open = FALSE;
    rise_begin(self, RISE_PROBE);
}

static void
come_up(struct protocol *self)
{
    self->open = TRUE;
    core_ended(self, PROTOCOL_SWITCH, NULL);
    core_ended(self, PROTOCOL_FORCE, NULL);
    core_ended(self, PROTOCOL_FENCED, NULL);
    core_end_restored(self);
}

/* Another machine had the address before this node ever served: that may be the other node, and
 * what CouchDB has here be old. Until a person has said so nobody works on that. */
static void
wait_for_person(struct protocol *self)
{
    struct protocol_record *record = &self->record;
    if (self->rival != NULL && strcmp(record->rival, self->rival) != 0) {
        g_strlcpy(record->rival, self->rival, sizeof record->rival);
        core_keep(self);
    }
    if (self->hook && !core_runs(self, PROTOCOL_STOP))
        core_begin(self, PROTOCOL_STOP);
}

static gboolean
is_free(struct protocol *self, const char *answer)
{
    struct protocol_record record = self->record;
    g_clear_pointer(&self->rival, g_free);
    if (answer[0] != 0)
        self->rival = g_strndup(answer, PROTOCOL_ID_SIZE - 1);
    if (core_is_paired(self) || record.taken)
        return self->rival == NULL;
    if (self->rival != NULL || record.rival[0] != 0) {
        wait_for_person(self);
        return FALSE;
    }
    if (core_is_new(self))
        return FALSE;
    record.taken = TRUE;
    return core_change(self, &record);
}

/* Whether the step did what it is for. */
static gboolean
is_step_done(struct protocol *self, enum protocol_effect effect, const char *answer)
{
    struct protocol_record record = self->record;
    switch (effect) {
    case PROTOCOL_PROBE:
        return is_free(self, answer);
    case PROTOCOL_FRESH:
    case PROTOCOL_ADOPT:
        record.fresh = record.adopts = FALSE;
        record.uuid[0] = 0;
        return core_change(self, &record);
    default:
        return TRUE;
    }
}

static gint64
patience(enum protocol_effect effect)
{
    return effect == PROTOCOL_PROBE                                ? RIVAL_AGAIN_MS
           : effect == PROTOCOL_ADDRESS || effect == PROTOCOL_OPEN ? CORE_AGAIN_MS
                                                                   : CORE_HOOK_AGAIN_MS;
}

void
rise_done(struct protocol *self, enum protocol_effect effect, gboolean done, const char *answer)
{
    if (self->stand != STAND_HOLD || effect != effect_of(self, self->rise))
        return;
    if (!done || !is_step_done(self, effect, answer)) {
        core_again(self, effect, patience(effect));
        return;
    }
    self->rise++;
    if (self->rise == RISE_UP)
        come_up(self);
    rise_go_on(self);
}

/* ---- down ---- */

static void
settle(struct protocol *self)
{
    if (self->dirty)
        core_keep(self);
    core_state(self);
    if (self->yield_to[0] != 0 && self->fenced)
        core_say(self, PROTOCOL_YIELDED, self->yield_to, "");
    self->yield_to[0] = 0;
    if (self->stand == STAND_HOLD)
        rise_begin(self, RISE_PROBE);
    else
        core_end_restored(self);
    if (self->hook && !core_runs(self, PROTOCOL_STOP))
        core_begin(self, PROTOCOL_STOP);
}

void
rise_fall(struct protocol *self, enum core_stand stand)
{
    self->stand = stand;
    self->open = self->clean = self->met = FALSE;
    self->rise = RISE_NONE;
    self->visit[0] = self->merged[0] = 0;
    if (stand == STAND_FOLLOW)
        core_draw(self, self->visit);
    give_up_steps(self);
    core_give_up(self, PROTOCOL_MERGE);
    if (self->force != FORCE_PROBE)
        core_give_up(self, PROTOCOL_PROBE);
    self->falling = !self->fenced;
    if (!self->falling)
        settle(self);
    else if (!core_runs(self, PROTOCOL_FENCE))
        core_begin(self, PROTOCOL_FENCE);
}

void
rise_fenced(struct protocol *self, gboolean done)
{
    self->fenced = done;
    if (!done && (self->stand != STAND_HOLD || self->rise <= RISE_CLEAN))
        core_again(self, PROTOCOL_FENCE, CORE_AGAIN_MS);
    if (self->falling) {
        self->falling = FALSE;
        settle(self);
    } else {
        rise_go_on(self);
    }
}

void
rise_stopped(struct protocol *self, gboolean done)
{
    self->hook = !done;
    if (!done && self->stand != STAND_HOLD)
        core_again(self, PROTOCOL_STOP, CORE_HOOK_AGAIN_MS);
    rise_go_on(self);
}
