#include "tests/unit/failover_stage.h"

#include <string.h>

#define TICK_MS 100

/* ---- the hands ---- */

static gboolean
keep(gpointer context, const struct protocol_record *record)
{
    struct stage *stage = context;
    if (stage->disk_is_bad)
        return FALSE;
    stage->disk = *record;
    return TRUE;
}

static void
send(gpointer context, const struct protocol_message *message)
{
    struct stage *stage = context;
    stage->said[message->kind] = *message;
    stage->n_said[message->kind]++;
}

static void
begin(gpointer context, enum protocol_effect effect, guint number,
      const struct protocol_record *record)
{
    struct stage *stage = context;
    (void)record;
    stage->numbers[effect] = number;
    stage->begun[effect]++;
}

static void
give_up(gpointer context, guint number)
{
    struct stage *stage = context;
    for (gsize i = 0; i < PROTOCOL_EFFECTS; i++)
        if (stage->numbers[i] == number)
            stage->numbers[i] = 0;
}

static void
changed(gpointer context)
{
    (void)context;
}

static void
step(gpointer context, const char *name, enum protocol_progress progress, const char *text)
{
    (void)context;
    if (g_test_verbose())
        g_test_message("%s %d %s", name, progress, text);
}

static void
ended(gpointer context, enum protocol_order order, const char *why)
{
    struct stage *stage = context;
    (void)order;
    stage->ended++;
    g_free(stage->last_ended);
    stage->last_ended = g_strdup(why);
}

static void
random_id(gpointer context, char id[PROTOCOL_ID_SIZE])
{
    struct stage *stage = context;
    g_snprintf(id, PROTOCOL_ID_SIZE, "%032x", ++stage->ids);
}

/* ---- the node ---- */

struct stage *
stage_new(void)
{
    struct stage *stage = g_new0(struct stage, 1);
    stage->now = 1000;
    stage->disk = (struct protocol_record){.parity = 1, .term = 2};
    stage->paths = 2;
    g_strlcpy(stage->disk.cluster, "the clinic", sizeof stage->disk.cluster);
    g_strlcpy(stage->disk.id, "node b", sizeof stage->disk.id);
    g_strlcpy(stage->disk.peer, "node a", sizeof stage->disk.peer);
    return stage;
}

void
stage_free(struct stage *stage)
{
    if (stage == NULL)
        return;
    protocol_free(stage->core);
    g_free(stage->last_ended);
    g_free(stage);
}

void
stage_start(struct stage *stage, gboolean resumes, gboolean automatic)
{
    const struct protocol_times times = {.boot_wait = STAGE_BOOT_WAIT,
                                         .catch_up = STAGE_CATCH_UP,
                                         .automatic = automatic ? STAGE_AUTOMATIC : 0};
    const struct protocol_hands hands = {keep, send,  begin,     give_up, changed,
                                         step, ended, random_id, stage};
    protocol_free(stage->core);
    memset(stage->numbers, 0, sizeof stage->numbers);
    stage->core = protocol_new(&stage->disk, &times, &hands);
    protocol_start(stage->core, stage->now, resumes);
}

void
stage_run(struct stage *stage, gint64 milliseconds)
{
    for (gint64 until = stage->now + milliseconds; stage->now < until;) {
        stage->now += TICK_MS;
        protocol_paths(stage->core, stage->peer.id[0] != 0 ? stage->paths : 0, stage->now);
        if (stage->peer.id[0] != 0)
            protocol_take(stage->core, &stage->peer, stage->now);
        protocol_tick(stage->core, stage->now);
    }
}

/* ---- the other one ---- */

void
stage_meet(struct stage *stage, guint64 term, enum protocol_role role)
{
    struct protocol_message *peer = &stage->peer;
    *peer = (struct protocol_message){.term = term,
                                      .role = role,
                                      .taken = role == PROTOCOL_ACTIVE,
                                      .open = role == PROTOCOL_ACTIVE};
    g_strlcpy(peer->cluster, "the clinic", sizeof peer->cluster);
    g_strlcpy(peer->id, "node a", sizeof peer->id);
    g_strlcpy(peer->visit, role == PROTOCOL_STANDBY ? "visit 1" : "", sizeof peer->visit);
    protocol_met(stage->core, stage->now);
    stage_hear(stage);
}

void
stage_hear(struct stage *stage)
{
    protocol_take(stage->core, &stage->peer, stage->now);
}

void
stage_hear_kind(struct stage *stage, enum protocol_kind kind, const char *about)
{
    struct protocol_message message = stage->peer;
    message.kind = kind;
    g_strlcpy(message.about, about, sizeof message.about);
    protocol_take(stage->core, &message, stage->now);
}

void
stage_part(struct stage *stage)
{
    stage->peer.id[0] = 0;
    protocol_lost(stage->core, stage->now);
}

/* ---- effects ---- */

gboolean
stage_runs(const struct stage *stage, enum protocol_effect effect)
{
    return stage->numbers[effect] != 0;
}

void
stage_end(struct stage *stage, enum protocol_effect effect, gboolean done, const char *answer)
{
    const guint number = stage->numbers[effect];
    g_assert_cmpuint(number, !=, 0);
    stage->numbers[effect] = 0;
    protocol_done(stage->core, number, done, answer, stage->now);
}

void
stage_come_up(struct stage *stage)
{
    static const enum protocol_effect way[] = {PROTOCOL_FENCE, PROTOCOL_PROBE,   PROTOCOL_FRESH,
                                               PROTOCOL_ADOPT, PROTOCOL_START,   PROTOCOL_ADDRESS,
                                               PROTOCOL_OPEN,  PROTOCOL_ANNOUNCE};
    for (gsize i = 0; i < G_N_ELEMENTS(way); i++)
        if (stage_runs(stage, way[i]))
            stage_end(stage, way[i], TRUE, "");
    g_assert_true(protocol_is_open(stage->core));
}

/* ---- what is asked of it, and told ---- */

void
stage_order(struct stage *stage, enum protocol_order order)
{
    g_autofree char *why = NULL;
    if (!protocol_order(stage->core, order, stage->now, &why))
        g_error("it refuses: %s", why);
}

const char *
stage_trouble(const struct stage *stage)
{
    const char *trouble = protocol_trouble(stage->core);
    return trouble != NULL ? trouble : "";
}

void
stage_assert_trouble(const struct stage *stage, const char *part)
{
    if (strstr(stage_trouble(stage), part) == NULL)
        g_error("trouble is '%s', not '%s'", stage_trouble(stage), part);
}

/* ---- how stories begin ---- */

void
stage_follow(struct stage *stage)
{
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_meet(stage, 2, PROTOCOL_ACTIVE);
    stage_end(stage, PROTOCOL_STOP, TRUE, "");
    g_assert_cmpint(protocol_role(stage->core), ==, PROTOCOL_STANDBY);
}

void
stage_lead(struct stage *stage)
{
    stage->disk.term = 3;
    stage->disk.taken = TRUE;
    stage_start(stage, FALSE, FALSE);
    stage_end(stage, PROTOCOL_FENCE, TRUE, "");
    stage_meet(stage, 3, PROTOCOL_STANDBY);
    stage_come_up(stage);
}
