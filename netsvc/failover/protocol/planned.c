#include "netsvc/failover/protocol/core.h"

#include <string.h>

static void
begin_attempt(struct protocol *self, const char *ask)
{
    self->attempt = (struct core_attempt){.until = self->now + CORE_ASK_MS};
    if (ask == NULL)
        core_draw(self, self->attempt.ask);
    else
        g_strlcpy(self->attempt.ask, ask, sizeof self->attempt.ask);
    self->stopped = FALSE;
}

/* Said once, and again should that ask still be heard. */
static void
refuse(struct protocol *self, const char *why)
{
    g_strlcpy(self->refused, self->attempt.ask, sizeof self->refused);
    g_strlcpy(self->refused_why, why, sizeof self->refused_why);
    core_say(self, PROTOCOL_REFUSE, self->attempt.ask, why);
}

/* ---- A ---- */

/* Clients are served again, as before. */
static void
roll_back(struct protocol *self, const char *why)
{
    enum core_hand hand = self->hand;
    g_autofree char *reason = g_strdup(why);
    self->hand = HAND_NONE;
    self->hands.step(self->hands.context, "roll back", PROTOCOL_WELL, reason);
    core_give_up(self, PROTOCOL_CHECK);
    if (hand == HAND_STOP)
        core_give_up(self, PROTOCOL_STOP);
    if (hand == HAND_FENCE)
        core_give_up(self, PROTOCOL_FENCE);
    if (self->stopped)
        rise_begin(self, RISE_START);
    refuse(self, reason);
    core_ended(self, PROTOCOL_SWITCH, reason);
}

static void
stop_clients(struct protocol *self)
{
    struct protocol_record record = self->record;
    /* Better now than with the grant, when clients wait. */
    if (!core_change(self, &record)) {
        roll_back(self, "this node cannot write to its disk: see its free space and its log");
        return;
    }
    self->hand = HAND_STOP;
    self->stopped = TRUE;
    core_begin(self, PROTOCOL_STOP);
}

static void
fence_clients(struct protocol *self)
{
    self->hook = FALSE;
    self->hand = HAND_FENCE;
    self->open = FALSE;
    self->rise = RISE_NONE;
    core_begin(self, PROTOCOL_FENCE);
}

static void
ask_to_catch_up(struct protocol *self)
{
    self->fenced = TRUE;
    core_draw(self, self->attempt.id);
    self->attempt.until = self->now + self->times.catch_up;
    self->hand = HAND_CATCH_UP;
    core_state(self);
}

/* From here on this node never resumes by itself. */
static void
grant(struct protocol *self)
{
    struct protocol_record record = self->record;
    record.term = core_next_term(record.term, 1 - record.parity);
    record.taken = record.adopts = FALSE;
    record.granted = record.fresh = TRUE;
    record.promised[0] = record.uuid[0] = 0;
    g_strlcpy(record.attempt, self->attempt.id, sizeof record.attempt);
    if (!core_change(self, &record)) {
        roll_back(self, "this node cannot write to its disk: see its free space and its log");
        return;
    }
    self->hand = HAND_GRANTED;
    self->attempt.until = self->now + CORE_TAKEN_MS;
    core_step(self, "hand over", "");
    rise_fall(self, STAND_FOLLOW);
}

/* ---- B ---- */

static void
end_reach(struct protocol *self, const char *why)
{
    g_autofree char *reason = g_strdup(why);
    self->reach = REACH_NONE;
    core_give_up(self, PROTOCOL_CHECK);
    core_give_up(self, PROTOCOL_PULL);
    refuse(self, reason);
    core_ended(self, PROTOCOL_SWITCH, reason);
}

static void
promise(struct protocol *self, const char *uuid)
{
    struct protocol_record record = self->record;
    g_strlcpy(record.promised, self->attempt.id, sizeof record.promised);
    g_strlcpy(record.uuid, uuid, sizeof record.uuid);
    if (!core_change(self, &record)) {
        end_reach(self, "the node that should take over cannot write to its disk");
        return;
    }
    self->reach = REACH_PROMISED;
    core_state(self);
}

gboolean
planned_take(struct protocol *self, const struct protocol_message *grant)
{
    struct protocol_record record = self->record;
    if (self->dirty && self->now < self->keep_at)
        return FALSE;
    record.term = grant->term;
    record.taken = record.adopts = TRUE;
    record.granted = record.fresh = FALSE;
    record.attempt[0] = record.promised[0] = 0;
    if (!core_change(self, &record))
        return FALSE;
    self->reach = REACH_NONE;
    forced_drop(self, "the other node handed over");
    self->stand = STAND_HOLD;
    self->merged[0] = 0;
    self->met = self->met_once = self->lost = self->yielded = FALSE;
    core_step(self, "take over", "");
    rise_begin(self, RISE_PROBE);
    return TRUE;
}

/* ---- orders ---- */

/* Why no planned switch can be now, whichever node is asked; NULL: it can. */
static const char *
obstacle(const struct protocol *self)
{
    if (!core_is_paired(self))
        return "this node is alone: pair it with another first (lifeboat peer pair)";
    if (protocol_is_busy(self) || self->hand != HAND_NONE || self->reach != REACH_NONE)
        return "a switch is going on already: see `lifeboat status`";
    if (!self->contact)
        return "the other node cannot be reached: see that it is on and its cable is in; if it is "
               "gone for good, run `lifeboat failover --force` on the standby";
    if (self->record.unmerged || self->peer.unmerged)
        return "after the last switch the nodes have not yet exchanged what only one of them has: "
               "wait until `lifeboat status` says that they have";
    if (self->peer.term != self->record.term)
        return "the nodes do not agree yet on which of them is active: try again in a moment";
    return NULL;
}

const char *
planned_obstacle(const struct protocol *self)
{
    const char *why = obstacle(self);
    if (why != NULL)
        return why;
    if (self->stand == STAND_HOLD)
        return !self->open ? "this node is active but does not serve yet: see `lifeboat status`"
               : self->peer.role != PROTOCOL_STANDBY
                   ? "the other node is not ready to take over: see `lifeboat status` there"
                   : NULL;
    return protocol_role(self) != PROTOCOL_STANDBY ? "this node waits: see `lifeboat status`"
           : self->peer.role != PROTOCOL_ACTIVE || !self->peer.open
               ? "the other node does not serve now: see `lifeboat status` there"
               : NULL;
}

gboolean
planned_order(struct protocol *self, char **why)
{
    const char *obstacle = planned_obstacle(self);
    if (obstacle != NULL) {
        *why = g_strdup(obstacle);
        return FALSE;
    }
    self->ordered[PROTOCOL_SWITCH] = TRUE;
    begin_attempt(self, NULL);
    if (self->stand == STAND_HOLD) {
        self->hand = HAND_ASKING;
        core_state(self);
    } else {
        self->reach = REACH_CHECK;
        core_begin(self, PROTOCOL_CHECK);
    }
    return TRUE;
}

static const char *
why_not_cancel(const struct protocol *self)
{
    if (self->hand == HAND_GRANTED)
        return "this node has handed over already; let it end, then switch back";
    if (self->force != FORCE_NONE || (self->rise != RISE_NONE && !self->open))
        return "this node takes over already; let it end, then switch back";
    return "no switch is going on";
}

gboolean
planned_cancel(struct protocol *self, char **why)
{
    if (self->hand != HAND_NONE && self->hand != HAND_GRANTED)
        roll_back(self, "it was cancelled");
    else if (self->reach != REACH_NONE)
        end_reach(self, "it was cancelled");
    else
        *why = g_strdup(why_not_cancel(self));
    return *why == NULL;
}

/* ---- messages ---- */

static void
say_refused(struct protocol *self, const char *ask, const char *why)
{
    core_say(self, PROTOCOL_REFUSE, ask, why);
}

static void
take_ask(struct protocol *self, const struct protocol_message *message)
{
    const char *ask = message->about, *why;
    gboolean answer = self->hand == HAND_ASKING;
    if (strcmp(ask, self->refused) == 0) {
        say_refused(self, ask, self->refused_why);
        return;
    }
    if (!answer && (self->hand != HAND_NONE || self->reach != REACH_NONE) &&
        strcmp(ask, self->attempt.ask) == 0)
        return;
    if (!answer && (why = planned_obstacle(self)) != NULL) {
        say_refused(self, ask, why);
        return;
    }
    if (!answer || strcmp(ask, self->attempt.ask) != 0)
        begin_attempt(self, ask);
    if (self->stand == STAND_HOLD)
        self->hand = HAND_CHECK;
    else
        self->reach = REACH_CHECK;
    core_begin(self, PROTOCOL_CHECK);
}

static void
take_catch_up(struct protocol *self, const struct protocol_message *message)
{
    if (self->reach == REACH_ASKED && message->term == self->record.term) {
        g_strlcpy(self->attempt.id, message->about, sizeof self->attempt.id);
        self->attempt.until = G_MAXINT64; /* the other node minds the time */
        self->reach = REACH_PULL;
        core_begin(self, PROTOCOL_PULL);
    } else if (strcmp(self->attempt.id, message->about) != 0) {
        say_refused(self, message->about, "the other node does not know of this switch any more");
    }
}

static void
take_promise(struct protocol *self, const struct protocol_message *message)
{
    if (self->hand == HAND_CATCH_UP && message->term == self->record.term &&
        strcmp(message->about, self->attempt.id) == 0)
        grant(self);
}

static void
take_refuse(struct protocol *self, const struct protocol_message *message)
{
    const struct core_attempt *attempt = &self->attempt;
    if (message->about[0] == 0 ||
        (strcmp(message->about, attempt->ask) != 0 && strcmp(message->about, attempt->id) != 0))
        return;
    g_autofree char *why = g_strconcat("the other node: ", message->why, NULL);
    if (self->hand != HAND_NONE && self->hand != HAND_GRANTED)
        roll_back(self, why);
    else if (self->reach != REACH_NONE)
        end_reach(self, why);
}

void
planned_message(struct protocol *self, const struct protocol_message *message)
{
    if (message->kind == PROTOCOL_ASK)
        take_ask(self, message);
    else if (message->kind == PROTOCOL_CATCH_UP)
        take_catch_up(self, message);
    else if (message->kind == PROTOCOL_PROMISE)
        take_promise(self, message);
    else if (message->kind == PROTOCOL_REFUSE)
        take_refuse(self, message);
    if (self->reach >= REACH_PULL && message->open)
        end_reach(self, "the other node went back to serving clients");
    if (self->reach != REACH_NONE && message->role != PROTOCOL_ACTIVE)
        end_reach(self, "the other node is not active any more");
    planned_settle(self);
}

/* Nothing of A's is wanted any more once B is open. */
void
planned_settle(struct protocol *self)
{
    if (self->hand == HAND_GRANTED && self->peer.term == self->record.term && self->peer.open) {
        self->hand = HAND_NONE;
        core_ended(self, PROTOCOL_SWITCH, NULL);
    }
}

/* ---- effects ---- */

gboolean
planned_done(struct protocol *self, enum protocol_effect effect, gboolean done, const char *answer)
{
    gboolean stands_in_the_way = !done || answer[0] != 0;
    if (effect == PROTOCOL_CHECK && self->hand == HAND_CHECK) {
        if (stands_in_the_way)
            roll_back(self, answer);
        else
            stop_clients(self);
    } else if (effect == PROTOCOL_CHECK && self->reach == REACH_CHECK) {
        if (stands_in_the_way) {
            end_reach(self, answer);
        } else {
            self->reach = REACH_ASKED;
            core_state(self);
        }
    } else if (effect == PROTOCOL_STOP && self->hand == HAND_STOP) {
        if (done)
            fence_clients(self);
        else
            roll_back(self, answer);
    } else if (effect == PROTOCOL_FENCE && self->hand == HAND_FENCE) {
        if (done)
            ask_to_catch_up(self);
        else
            roll_back(self, answer);
    } else if (effect == PROTOCOL_PULL && self->reach == REACH_PULL) {
        if (done)
            promise(self, answer);
        else
            end_reach(self, answer);
    } else {
        return FALSE;
    }
    return TRUE;
}

/* ---- time ---- */

void
planned_lost(struct protocol *self)
{
    const char *why = "the other node cannot be reached any more";
    if (self->hand != HAND_NONE && self->hand != HAND_GRANTED)
        roll_back(self, why);
    else if (self->reach != REACH_NONE)
        end_reach(self, why);
}

void
planned_drop(struct protocol *self, const char *why)
{
    if (self->hand == HAND_STOP)
        core_give_up(self, PROTOCOL_STOP);
    if (self->hand == HAND_CHECK || self->reach == REACH_CHECK)
        core_give_up(self, PROTOCOL_CHECK);
    if (self->reach == REACH_PULL)
        core_give_up(self, PROTOCOL_PULL);
    if (self->hand != HAND_NONE || self->reach != REACH_NONE)
        core_ended(self, PROTOCOL_SWITCH, why);
    self->hand = HAND_NONE;
    self->reach = REACH_NONE;
}

void
planned_tick(struct protocol *self)
{
    if (self->now < self->attempt.until)
        return;
    if (self->hand == HAND_GRANTED) {
        self->hand = HAND_NONE;
        core_ended(self, PROTOCOL_SWITCH,
                   "this node has handed over, but the other one does not serve yet: see `lifeboat "
                   "status` there");
    } else if (self->hand != HAND_NONE) {
        roll_back(self, self->hand == HAND_CATCH_UP
                            ? "the other node did not catch up in time"
                            : "it took too long until the nodes were ready");
    } else if (self->reach != REACH_NONE) {
        end_reach(self, "it took too long until the nodes were ready");
    }
}
