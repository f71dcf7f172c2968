#include "netsvc/failover/protocol/core.h"

#include <string.h>

const char *const core_effect_names[PROTOCOL_EFFECTS] = {
    [PROTOCOL_FENCE] = "fence",       [PROTOCOL_STOP] = "stop hook",
    [PROTOCOL_START] = "start hook",  [PROTOCOL_PROBE] = "probe the address",
    [PROTOCOL_ADDRESS] = "address",   [PROTOCOL_OPEN] = "open",
    [PROTOCOL_CHECK] = "check",       [PROTOCOL_PULL] = "catch up",
    [PROTOCOL_ADOPT] = "checkpoints", [PROTOCOL_FRESH] = "fresh uuid",
    [PROTOCOL_MERGE] = "merge",       [PROTOCOL_ANNOUNCE] = "announce",
    [PROTOCOL_CUT] = "cut off",
};

struct protocol *
protocol_new(const struct protocol_record *record, const struct protocol_times *times,
             const struct protocol_hands *hands)
{
    struct protocol *self = g_new0(struct protocol, 1);
    self->record = *record;
    self->times = *times;
    self->hands = *hands;
    self->trouble = g_string_new(NULL);
    return self;
}

void
protocol_free(struct protocol *self)
{
    if (self == NULL)
        return;
    for (gsize i = 0; i < PROTOCOL_EFFECTS; i++)
        g_free(self->failed[i]);
    g_free(self->rival);
    g_string_free(self->trouble, TRUE);
    g_free(self);
}

/* ---- what others must know ---- */

enum protocol_role
protocol_role(const struct protocol *self)
{
    if (self->stand == STAND_HOLD && self->clean)
        return PROTOCOL_ACTIVE;
    return self->stand == STAND_FOLLOW && self->fenced ? PROTOCOL_STANDBY : PROTOCOL_WAIT;
}

gboolean
protocol_is_open(const struct protocol *self)
{
    return self->open;
}

gboolean
protocol_is_forced(const struct protocol *self)
{
    return merge_is_forced(self);
}

gboolean
protocol_is_fenced(const struct protocol *self)
{
    return self->cut_off;
}

gboolean
protocol_is_busy(const struct protocol *self)
{
    return self->hand > HAND_CHECK || self->reach > REACH_CHECK || self->force != FORCE_NONE;
}

const char *
protocol_attempt(const struct protocol *self)
{
    return self->hand != HAND_NONE || self->reach != REACH_NONE ? self->attempt.id : "";
}

const struct protocol_record *
protocol_record(const struct protocol *self)
{
    return &self->record;
}

static struct core_told
told_now(const struct protocol *self)
{
    return (struct core_told){
        .role = protocol_role(self),
        .contact = self->contact,
        .open = self->open,
        .busy = protocol_is_busy(self),
        .forced = protocol_is_forced(self),
        .unmerged = self->record.unmerged,
        .fenced = self->cut_off,
        .term = self->record.term,
        .parity = self->record.parity,
    };
}

static gboolean
is_told(const struct core_told *a, const struct core_told *b)
{
    return a->role == b->role && a->contact == b->contact && a->open == b->open &&
           a->busy == b->busy && a->forced == b->forced && a->unmerged == b->unmerged &&
           a->fenced == b->fenced && a->term == b->term && a->parity == b->parity;
}

void
core_enter(struct protocol *self, gint64 now)
{
    self->now = MAX(self->now, now);
}

void
core_leave(struct protocol *self)
{
    merge_go_on(self);
    struct core_told told = told_now(self);
    if (is_told(&told, &self->told))
        return;
    gboolean role = told.role != self->told.role || told.open != self->told.open;
    self->told = told;
    self->hands.changed(self->hands.context);
    if (role)
        core_state(self);
}

void
core_step(struct protocol *self, const char *name, const char *text)
{
    self->hands.step(self->hands.context, name, PROTOCOL_WELL, text);
}

void
core_ended(struct protocol *self, enum protocol_order order, const char *why)
{
    if (!self->ordered[order])
        return;
    self->ordered[order] = FALSE;
    self->hands.ended(self->hands.context, order, why);
}

void
core_draw(struct protocol *self, char id[PROTOCOL_ID_SIZE])
{
    self->hands.random_id(self->hands.context, id);
}

/* ---- effects ---- */

void
core_begin(struct protocol *self, enum protocol_effect effect)
{
    core_give_up(self, effect);
    self->numbers[effect] = ++self->last_number;
    self->begun[effect] = self->now;
    self->hands.step(self->hands.context, core_effect_names[effect], PROTOCOL_BEGUN, "");
    self->hands.begin(self->hands.context, effect, self->numbers[effect], &self->record);
}

void
core_give_up(struct protocol *self, enum protocol_effect effect)
{
    guint number = self->numbers[effect];
    self->numbers[effect] = 0;
    self->again[effect] = 0;
    if (number != 0)
        self->hands.give_up(self->hands.context, number);
}

gboolean
core_runs(const struct protocol *self, enum protocol_effect effect)
{
    return self->numbers[effect] != 0;
}

void
core_again(struct protocol *self, enum protocol_effect effect, gint64 after)
{
    self->again[effect] = self->now + after;
}

static void
dispatch_done(struct protocol *self, enum protocol_effect effect, gboolean done, const char *answer)
{
    if (planned_done(self, effect, done, answer) || forced_done(self, effect, done, answer))
        return;
    switch (effect) {
    case PROTOCOL_FENCE:
        rise_fenced(self, done);
        break;
    case PROTOCOL_STOP:
        rise_stopped(self, done);
        break;
    case PROTOCOL_MERGE:
    case PROTOCOL_ANNOUNCE:
        merge_done(self, effect, done);
        break;
    case PROTOCOL_FRESH:
        if (self->stand != STAND_HOLD) {
            merge_done(self, effect, done);
            break;
        }
        rise_done(self, effect, done, answer);
        break;
    case PROTOCOL_START:
    case PROTOCOL_PROBE:
    case PROTOCOL_ADDRESS:
    case PROTOCOL_OPEN:
    case PROTOCOL_ADOPT:
        rise_done(self, effect, done, answer);
        break;
    case PROTOCOL_CHECK:
    case PROTOCOL_PULL:
    case PROTOCOL_CUT:
    case PROTOCOL_EFFECTS:
        break;
    }
}

static void
end_effect(struct protocol *self, enum protocol_effect effect, gboolean done, const char *answer)
{
    self->numbers[effect] = 0;
    self->again[effect] = 0;
    g_clear_pointer(&self->failed[effect], g_free);
    if (!done)
        self->failed[effect] = g_strndup(answer, PROTOCOL_WHY_MAX);
    self->hands.step(self->hands.context, core_effect_names[effect],
                     done ? PROTOCOL_WELL : PROTOCOL_FAILED, answer);
    dispatch_done(self, effect, done, answer);
}

void
protocol_done(struct protocol *self, guint number, gboolean done, const char *answer, gint64 now)
{
    core_enter(self, now);
    for (guint i = 0; number != 0 && i < PROTOCOL_EFFECTS; i++)
        if (self->numbers[i] == number) {
            end_effect(self, (enum protocol_effect)i, done, answer != NULL ? answer : "");
            break;
        }
    core_leave(self);
}

/* ---- what is said ---- */

void
core_say(struct protocol *self, enum protocol_kind kind, const char *about, const char *why)
{
    const struct protocol_record *record = &self->record;
    gboolean theirs = record->term > 0 && !core_is_own(self, record->term);
    if (self->falling || !self->linked || !core_is_paired(self))
        return;
    struct protocol_message message = {
        .kind = kind,
        .term = record->term,
        .held = theirs && !record->granted ? record->term : 0,
        .taken = record->taken,
        .granted = record->granted,
        .unmerged = record->unmerged,
        .open = self->open,
        .role = protocol_role(self),
    };
    g_strlcpy(message.cluster, record->cluster, sizeof message.cluster);
    g_strlcpy(message.id, record->id, sizeof message.id);
    g_strlcpy(message.about, about, sizeof message.about);
    g_strlcpy(message.attempt, record->granted ? record->attempt : "", sizeof message.attempt);
    g_strlcpy(message.visit, self->stand == STAND_HOLD ? self->merged : self->visit,
              sizeof message.visit);
    g_strlcpy(message.why, why, sizeof message.why);
    self->said = self->now;
    self->hands.send(self->hands.context, &message);
}

/* What is asked or promised is said again with each beat, for as long as it stands. */
void
core_state(struct protocol *self)
{
    const struct core_attempt *attempt = &self->attempt;
    if (self->force == FORCE_YIELD)
        core_say(self, PROTOCOL_YIELD, self->force_id, "");
    else if (self->hand == HAND_ASKING || self->reach == REACH_ASKED)
        core_say(self, PROTOCOL_ASK, attempt->ask, "");
    else if (self->hand == HAND_CATCH_UP)
        core_say(self, PROTOCOL_CATCH_UP, attempt->id, "");
    else if (self->reach == REACH_PROMISED)
        core_say(self, PROTOCOL_PROMISE, attempt->id, "");
    else
        core_say(self, PROTOCOL_STATE, "", "");
}

/* ---- what comes in ---- */

/* Nothing is owed, and nobody else can have risen: clients are served at this very moment. */
static void
resume(struct protocol *self)
{
    self->stand = STAND_HOLD;
    self->rise = RISE_UP;
    self->open = self->clean = TRUE;
}

void
protocol_start(struct protocol *self, gint64 now, gboolean resumes)
{
    core_enter(self, now);
    if (resumes && core_is_holder(self) && !self->record.fresh && !self->record.adopts) {
        self->hook = TRUE;
        resume(self);
        core_leave(self);
        return;
    }
    self->stand = core_is_paired(self) ? STAND_WAIT : STAND_HOLD;
    self->boot_until = now + self->times.boot_wait;
    self->hook = TRUE;
    /* A daemon that was killed may have left the address and an open door. */
    if (core_is_paired(self))
        core_begin(self, PROTOCOL_FENCE);
    else
        rise_begin(self, RISE_PROBE);
    core_leave(self);
}

static void
lose_contact(struct protocol *self)
{
    if (!self->contact)
        return;
    self->contact = self->met = FALSE;
    planned_lost(self);
    merge_stop(self);
}

static void
tick_again(struct protocol *self)
{
    for (guint i = 0; i < PROTOCOL_EFFECTS; i++)
        if (self->again[i] != 0 && self->now >= self->again[i] && self->numbers[i] == 0) {
            self->again[i] = 0;
            if (i == PROTOCOL_FENCE || i == PROTOCOL_STOP)
                core_begin(self, (enum protocol_effect)i);
        }
}

/* One that hangs must not keep the node from giving up its role. */
static void
tick_fence(struct protocol *self)
{
    guint number = self->numbers[PROTOCOL_FENCE];
    if (number == 0 || self->now - self->begun[PROTOCOL_FENCE] < CORE_FENCE_MS)
        return;
    self->hands.give_up(self->hands.context, number);
    end_effect(self, PROTOCOL_FENCE, FALSE, "it took too long");
}

/* While this node itself hung, or no cable was in, the other one's silence told nothing. */
static void
note_hang(struct protocol *self)
{
    gint64 gap = self->ticked == 0 ? 0 : self->now - self->ticked;
    self->ticked = self->now;
    if (gap >= PROTOCOL_LOST_MS)
        self->awake = self->now;
    if (gap >= PROTOCOL_LOST_MS || self->unplugged)
        self->boot_until += gap;
}

void
protocol_tick(struct protocol *self, gint64 now)
{
    core_enter(self, now);
    note_hang(self);
    if (self->contact && now - self->heard > PROTOCOL_LOST_MS)
        lose_contact(self);
    core_keep_tick(self);
    tick_fence(self);
    tick_again(self);
    learn_boot_tick(self);
    planned_tick(self);
    forced_tick(self);
    rise_tick(self);
    if (now - self->said >= PROTOCOL_BEAT_MS)
        core_state(self);
    core_leave(self);
}

void
protocol_met(struct protocol *self, gint64 now)
{
    core_enter(self, now);
    self->linked = TRUE;
    core_state(self);
    core_leave(self);
}

void
protocol_lost(struct protocol *self, gint64 now)
{
    core_enter(self, now);
    self->linked = FALSE;
    lose_contact(self);
    core_leave(self);
}

void
protocol_take(struct protocol *self, const struct protocol_message *message, gint64 now)
{
    core_enter(self, now);
    if (core_is_paired(self) && !self->revoked &&
        strcmp(message->cluster, self->record.cluster) == 0 &&
        strcmp(message->id, self->record.peer) == 0) {
        self->heard = now;
        self->contact = TRUE;
        self->cut_off = FALSE;
        self->peer = *message;
        learn_message(self, message);
        forced_message(self, message);
        planned_message(self, message);
    }
    core_leave(self);
}

void
protocol_unheld(struct protocol *self, gint64 now)
{
    core_enter(self, now);
    rise_again(self);
    core_leave(self);
}

void
protocol_cable(struct protocol *self, gboolean in, gint64 now)
{
    core_enter(self, now);
    self->unplugged = !in;
    core_leave(self);
}

void
protocol_paths(struct protocol *self, guint paths, gint64 now)
{
    core_enter(self, now);
    if (paths >= 2)
        self->both_at = self->now;
    core_leave(self);
}

const char *
protocol_would_refuse(const struct protocol *self, enum protocol_order order)
{
    return order == PROTOCOL_SWITCH                              ? planned_obstacle(self)
           : order == PROTOCOL_FORCE || order == PROTOCOL_FENCED ? forced_obstacle(self)
                                                                 : NULL;
}

gboolean
protocol_order(struct protocol *self, enum protocol_order order, gint64 now, char **why)
{
    gboolean begun = TRUE;
    core_enter(self, now);
    switch (order) {
    case PROTOCOL_SWITCH:
        begun = planned_order(self, why);
        break;
    case PROTOCOL_FORCE:
    case PROTOCOL_FENCED:
        begun = forced_order(self, order, why);
        break;
    case PROTOCOL_CANCEL:
        begun = planned_cancel(self, why);
        break;
    case PROTOCOL_RESTORED:
        self->ordered[order] = TRUE;
        core_restored(self);
        break;
    case PROTOCOL_ORDERS:
        begun = FALSE;
        *why = g_strdup("there is no such order");
        break;
    }
    core_leave(self);
    return begun;
}
