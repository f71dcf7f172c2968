/* effects: what the protocol wants done, as tasks of those who can (netsvc/task.h). */
#include "netsvc/failover/checks.h"
#include "netsvc/failover/world.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

struct effect {
    struct failover *failover;
    guint number;
    enum protocol_effect effect;
    struct checks *checks; /* of PROTOCOL_CHECK; else NULL, and it is a task */
};

static const char *const tasks[PROTOCOL_EFFECTS] = {
    [PROTOCOL_FENCE] = "address/fence",    [PROTOCOL_STOP] = "hook/stop",
    [PROTOCOL_START] = "hook/start",       [PROTOCOL_PROBE] = "address/probe",
    [PROTOCOL_ADDRESS] = "address/take",   [PROTOCOL_OPEN] = "address/open",
    [PROTOCOL_CUT] = "hook/fence",         [PROTOCOL_PULL] = "replicator/pull",
    [PROTOCOL_ADOPT] = "replicator/adopt", [PROTOCOL_FRESH] = "replicator/fresh",
    [PROTOCOL_MERGE] = "replicator/merge", [PROTOCOL_ANNOUNCE] = "address/announce",
};

/* ---- what each is told ---- */

static GString *
body_of(const struct failover *failover, enum protocol_effect effect,
        const struct protocol_record *record)
{
    GString *out = g_string_new(NULL);
    g_autofree char *term = g_strdup_printf("%" G_GUINT64_FORMAT, record->term);
    json_text_begin_object(out);
    switch (effect) {
    case PROTOCOL_STOP:
    case PROTOCOL_START:
        json_text_member_string(out, "NODE", failover->config->own->name);
        json_text_member_string(out, "TERM", term);
        break;
    case PROTOCOL_CUT:
        json_text_member_string(out, "NODE", failover->config->other->name);
        break;
    case PROTOCOL_PULL:
        json_text_member_string(out, "attempt", protocol_attempt(failover->protocol));
        break;
    case PROTOCOL_ADOPT:
        json_text_member_string(out, "uuid", record->uuid);
        break;
    case PROTOCOL_FRESH:
        json_text_member_string(out, "token", term);
        break;
    default:
        break;
    }
    json_text_end_object(out);
    return out;
}

/* ---- what comes of it ---- */

/* {"problems": ["…", …]} as one sentence; "" where there are none. */
static char *
problems_of(struct slice answer)
{
    g_autoptr(GString) all = g_string_new(NULL);
    struct slice list, each;
    if (json_member(answer, "problems", &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each);) {
            if (all->len > 0)
                g_string_append(all, "; ");
            if (json_type(each) == JSON_STRING)
                json_unescape(each, all);
        }
    return g_string_free(g_steal_pointer(&all), FALSE);
}

/* What the protocol is given of an answer. */
static char *
meaning_of(enum protocol_effect effect, const char *answer, gsize size)
{
    struct slice json = {answer, size};
    char *text = NULL;
    if (!json_check(json, NULL))
        return g_strdup("");
    if (effect == PROTOCOL_CHECK)
        return problems_of(json);
    json_member_text(json, effect == PROTOCOL_PROBE ? "mac" : "uuid", &text);
    return text != NULL ? text : g_strdup("");
}

/* A hook that is not there cut nothing off. */
static gboolean
is_done(enum protocol_effect effect, const char *answer, gsize size)
{
    struct slice json = {answer, size};
    return effect != PROTOCOL_CUT ||
           (json_check(json, NULL) && json_member_true(json, "configured"));
}

static void
answered(gpointer context, gboolean done, const char *answer, gsize size)
{
    g_autofree struct effect *effect = context;
    struct failover *failover = effect->failover;
    g_hash_table_remove(failover->effects, GUINT_TO_POINTER(effect->number));
    g_autofree char *meaning = done ? meaning_of(effect->effect, answer, size) : g_strdup(answer);
    protocol_done(failover->protocol, effect->number, done && is_done(effect->effect, answer, size),
                  meaning, failover_now());
    failover_tell(failover);
}

static void
checked(gpointer context, gboolean done, const char *answer)
{
    answered(context, done, answer, strlen(answer));
}

void
effects_begin(void *context, enum protocol_effect what, guint number,
              const struct protocol_record *record)
{
    struct failover *failover = context;
    struct effect *effect = g_new0(struct effect, 1);
    *effect = (struct effect){.failover = failover, .number = number, .effect = what};
    g_autoptr(GString) body = body_of(failover, what, record);
    failover_tell(failover); /* others are silent before clients are sent away */
    g_hash_table_insert(failover->effects, GUINT_TO_POINTER(number), effect);
    if (what == PROTOCOL_CHECK) {
        const gboolean from = protocol_role(failover->protocol) == PROTOCOL_ACTIVE;
        effect->checks = checks_run(failover->child, from, checked, effect);
        return;
    }
    child_ask(failover->child, tasks[what], body->str, body->len, answered, effect);
}

void
effects_give_up(void *context, guint number)
{
    struct failover *failover = context;
    gpointer found = NULL;
    if (!g_hash_table_steal_extended(failover->effects, GUINT_TO_POINTER(number), NULL, &found))
        return;
    g_autofree struct effect *effect = found;
    if (effect->checks != NULL)
        checks_forget(effect->checks);
    else
        child_forget(failover->child, effect);
    if (effect->effect == PROTOCOL_CUT) /* the other node is back: it must not be cut off now */
        child_ask(failover->child, "hook/cancel", "fence", strlen("fence"), NULL, NULL);
}
