#include "netsvc/failover/world.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/config/alike.h"
#include "netsvc/failover/link/callers.h"
#include "netsvc/failover/link/keys/identity.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define STORE "failover.db"
#define MS_PER_SECOND 1000
#define LATE_MS 250 /* a tick that comes later than that */
#define NS_PER_MS 1000000

gint64
failover_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (gint64)now.tv_sec * MS_PER_SECOND + now.tv_nsec / NS_PER_MS;
}

/* ---- what others are told ---- */

static guint32
role_of(const struct failover *failover)
{
    switch (protocol_role(failover->protocol)) {
    case PROTOCOL_ACTIVE:
        if (!protocol_is_open(failover->protocol))
            return TASK_SWITCHING;
        return *protocol_record(failover->protocol)->cluster != '\0' ? TASK_ACTIVE : TASK_ALONE;
    case PROTOCOL_STANDBY:
        return TASK_STANDBY;
    case PROTOCOL_WAIT:
        break;
    }
    return TASK_WAIT;
}

static void
note_standing(struct failover *failover)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "node", failover->config->own->name);
    json_text_member_string(out, "role", task_role_name(failover->told.role));
    if (failover->standing != NULL)
        json_text_member_raw(out, "replicator", slice_of(failover->standing));
    json_text_member_string(out, "trouble", protocol_trouble(failover->protocol));
    json_text_member_raw(out, "settings", slice_of(failover->config->alike));
    json_text_end_object(out);
    link_send(failover->link, LINK_NOTE, out->str, out->len);
}

static void
replicator_answered(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct failover_question *question = context;
    struct failover *failover = question->failover;
    (void)size;
    question->waits = FALSE;
    g_free(failover->standing);
    failover->standing = done ? g_strdup(answer) : NULL;
    g_free(failover->replicator_trouble);
    failover->replicator_trouble = done ? NULL : g_strdup(answer);
    child_alert(
        failover->child, "replicator", "%s%s",
        done ? "" : "lifeboat-replicator does not know this node's role: ", done ? "" : answer);
    note_standing(failover);
}

static void
tell_replicator(struct failover *failover)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    /* it follows only once the other one has taken over: until then that one may still be set back
     * to where it was when it promised to */
    json_text_member_string(
        out, "role", task_role_name(failover->told.granted ? TASK_SWITCHING : failover->told.role));
    json_text_member_unsigned(out, "term", failover->told.term);
    json_text_member_boolean(out, "unmerged", failover->told.unmerged != 0);
    json_text_end_object(out);
    if (failover->role.waits)
        child_forget(failover->child, &failover->role);
    failover->role = (struct failover_question){failover, TRUE};
    failover->told_replicator = g_get_monotonic_time();
    child_ask(failover->child, "replicator/role", out->str, out->len, replicator_answered,
              &failover->role);
}

void
failover_tell(struct failover *failover)
{
    const struct protocol_record *record = protocol_record(failover->protocol);
    const struct task_state state = {
        .role = role_of(failover),
        .peer = link_is_up(failover->link),
        .term = record->term,
        .forced = protocol_is_forced(failover->protocol),
        .parity = record->parity,
        .unmerged = record->unmerged,
        .granted = record->granted,
        .fenced = protocol_is_fenced(failover->protocol),
    };
    const char *trouble = protocol_trouble(failover->protocol);
    child_alert(failover->child, "failover", "%s", trouble != NULL ? trouble : "");
    if (failover->has_told && memcmp(&state, &failover->told, sizeof state) == 0)
        return;
    if (!failover->has_told || state.role != failover->told.role) {
        failover->since = g_get_real_time() / G_USEC_PER_SEC;
        history_turn(failover->history);
        look_soon(failover);
    }
    failover->told = state;
    failover->has_told = TRUE;
    child_tell_role(failover->child, &state);
    tell_replicator(failover);
    note_standing(failover);
}

/* ---- the protocol's hands ---- */

static gboolean
keep(void *context, const struct protocol_record *record)
{
    struct failover *failover = context;
    g_autoptr(GError) error = NULL;
    const gboolean done = failover_store_write(failover->store, record, &error);
    g_autofree char *message = done ? g_strdup("") : fail_message(error->message);
    child_alert(failover->child, "record", "%s%s",
                done ? "" : "this node cannot keep its role in memory that lasts: ", message);
    return done;
}

static void
send_message(void *context, const struct protocol_message *message)
{
    struct failover *failover = context;
    g_autoptr(GString) text = g_string_new(NULL);
    protocol_message_write(message, text);
    link_send(failover->link, LINK_PROTOCOL, text->str, text->len);
}

static void
changed(void *context)
{
    failover_tell(context);
}

static void
step(void *context, const char *name, enum protocol_progress progress, const char *text)
{
    struct failover *failover = context;
    history_step(failover->history, name, progress, text);
}

static void
ended(void *context, enum protocol_order order, const char *why)
{
    struct failover *failover = context;
    history_end(failover->history, operator_order_name(order), why);
}

static void
random_id(void *context, char id[PROTOCOL_ID_SIZE])
{
    G_STATIC_ASSERT(PROTOCOL_ID_SIZE == IDENTITY_ID_SIZE);
    (void)context;
    identity_random_id(id);
}

/* ---- the link's ears ---- */

static void
met(void *context)
{
    struct failover *failover = context;
    log_notice("failover: the other node is reached");
    protocol_met(failover->protocol, failover_now());
    remote_met(failover);
    look_soon(failover);
    failover_tell(failover);
    note_standing(failover);
}

static void
lost(void *context)
{
    struct failover *failover = context;
    log_warning("failover: the other node is not reached any more");
    remote_lost(failover);
    protocol_lost(failover->protocol, failover_now());
    failover_tell(failover);
}

/* CHILD\0BYTES */
static void
relay(struct failover *failover, const char *data, gsize size)
{
    static const char *const children[] = {"cert", "dhcp", "dns", "web"};
    const gsize name = strnlen(data, size);
    if (name >= size || size - name - 1 > TASK_BODY_MAX)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(children); i++)
        if (strcmp(data, children[i]) == 0) {
            g_autofree char *task = g_strconcat(data, "/peer", NULL);
            child_ask(failover->child, task, data + name + 1, size - name - 1, NULL, NULL);
        }
}

/* What the other node has otherwise, clients would miss after a switch. */
static void
compare_settings(struct failover *failover)
{
    struct slice settings;
    g_clear_pointer(&failover->unlike, g_free);
    if (json_member(slice_of(failover->note), "settings", &settings))
        failover->unlike = alike_compare(slice_of(failover->config->alike), settings);
    if (failover->unlike == NULL)
        child_alert(failover->child, "settings", "%s", "");
    else
        child_alert(failover->child, "settings",
                    "the two nodes have different settings in %s: copy lifeboat.conf from the one "
                    "that has the right ones, change `[node] name`, and run `lifeboat reload`",
                    failover->unlike);
}

static void
take_frame(void *context, enum link_kind kind, const void *data, gsize size)
{
    struct failover *failover = context;
    struct protocol_message message;
    if (kind == LINK_RELAY) {
        relay(failover, data, size);
    } else if (kind == LINK_NOTE) {
        if (!remote_take(failover, (struct slice){data, size}))
            return;
        compare_settings(failover);
        mend_look(failover);
    } else if (kind == LINK_PROTOCOL &&
               protocol_message_read((struct slice){data, size}, &message, NULL)) {
        protocol_take(failover->protocol, &message, failover_now());
        failover_tell(failover);
    }
}

static void
paired(void *context, const char *cluster, const char *peer, guint32 parity, gboolean first)
{
    struct failover *failover = context;
    log_notice("failover: this node is paired with the other one now");
    protocol_paired(failover->protocol, cluster, peer, parity, first, failover_now());
    failover_tell(failover);
}

static void
alone(void *context)
{
    struct failover *failover = context;
    log_notice("failover: this node has no other any more");
    protocol_forget(failover->protocol, failover_now());
    failover_tell(failover);
}

static void
forgotten(void *context)
{
    struct failover *failover = context;
    protocol_revoked(failover->protocol, failover_now());
    failover_tell(failover);
}

/* ---- events ---- */

/* A process that was kept from running reads what waits before it takes the other node for silent:
 * the next tick comes soon enough. */
static void
on_tick(evutil_socket_t fd, short what, void *context)
{
    struct failover *failover = context;
    const gint64 now = failover_now(), before = failover->ticked;
    (void)fd;
    (void)what;
    failover->ticked = now;
    if (before != 0 && now - before > LATE_MS)
        return;
    protocol_paths(failover->protocol, link_paths(failover->link), now);
    protocol_tick(failover->protocol, now);
    remote_tick(failover, g_get_monotonic_time());
    look_tick(failover, g_get_monotonic_time());
    failover_tell(failover);
    if (g_get_monotonic_time() - failover->told_replicator > FAILOVER_TELL_SECONDS * G_USEC_PER_SEC)
        tell_replicator(failover);
}

/* Its answers come in order: one from before the address was taken comes before it counts as open.
 */
static void
kept(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct failover *failover = context;
    const struct slice json = {answer, size};
    if (!done || !json_check(json, NULL) || !json_member_true(json, "fenced"))
        return;
    protocol_unheld(failover->protocol, failover_now());
    failover_tell(failover);
}

static void
cable_told(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct failover *failover = context;
    const struct slice json = {answer, size};
    if (done && json_check(json, NULL))
        protocol_cable(failover->protocol, json_member_true(json, "in"), failover_now());
}

/* Who is active sees to it that it has the address still; who waits, whether it could hear anybody.
 */
static void
on_keep(evutil_socket_t fd, short what, void *context)
{
    struct failover *failover = context;
    (void)fd;
    (void)what;
    if (protocol_role(failover->protocol) == PROTOCOL_ACTIVE)
        child_ask(failover->child, "address/keep", "{}", 2, kept, failover);
    else if (protocol_role(failover->protocol) == PROTOCOL_WAIT)
        child_ask(failover->child, "address/cable", "{}", 2, cable_told, failover);
}

/* ---- the role ---- */

static gpointer
failover_open(struct child *child, GError **error)
{
    struct failover *failover = g_new0(struct failover, 1);
    g_autoptr(GError) problem = NULL;
    (void)error;
    failover->child = child;
    failover->config = child_config(child);
    failover->effects = g_hash_table_new(NULL, NULL);
    failover->remote = g_ptr_array_new();
    failover->history = history_new(child);
    failover->callers = callers_new(failover->config->replicator_user, &problem);
    child_alert(child, "callers", "%s%s",
                failover->callers == NULL ? "nobody can reach the other node's CouchDB: " : "",
                failover->callers == NULL ? problem->message : "");
    return failover;
}

static void
make_protocol(struct failover *failover, const struct protocol_record *record)
{
    const struct config_failover *config = &failover->config->failover;
    const struct protocol_times times = {
        .boot_wait = (gint64)config->boot_wait * MS_PER_SECOND,
        .catch_up = (gint64)config->catch_up * MS_PER_SECOND,
        .automatic = config->automatic ? (gint64)config->automatic_after * MS_PER_SECOND : 0,
    };
    const struct protocol_hands hands = {keep,    send_message, effects_begin, effects_give_up,
                                         changed, step,         ended,         random_id,
                                         failover};
    failover->protocol = protocol_new(record, &times, &hands);
}

static void
begin_events(struct failover *failover)
{
    const struct timeval tick = {.tv_usec = FAILOVER_TICK_MS * 1000};
    const struct timeval keep_interval = {.tv_sec = FAILOVER_KEEP_SECONDS};
    struct event_base *events = child_events(failover->child);
    failover->tick = event_new(events, -1, EV_PERSIST, on_tick, failover);
    failover->keep = event_new(events, -1, EV_PERSIST, on_keep, failover);
    event_add(failover->tick, &tick);
    event_add(failover->keep, &keep_interval);
}

/* One that is damaged is set aside; what it said is asked of the other node, and of a person. */
static gboolean
read_record(struct failover *failover, struct protocol_record *record, GError **error)
{
    g_autofree char *damaged = NULL;
    gboolean found = FALSE;
    failover->store = failover_store_open(STORE, &damaged, error);
    if (damaged != NULL)
        child_alert(failover->child, "record",
                    "what this node knew of its role is damaged, and was set aside as '%s'",
                    damaged);
    return failover->store != NULL && failover_store_read(failover->store, record, &found, error);
}

/* Where that of this pair is lost, and only that: the node is none without another. It waits, knows
 * no term, and may have what the other one has not. */
static void
remember_pair(const struct link *link, struct protocol_record *record)
{
    const char *cluster, *peer = link_peer(link);
    guint32 parity;
    if (!link_pair(link, &cluster, &parity) ||
        (strcmp(record->cluster, cluster) == 0 && strcmp(record->peer, peer) == 0))
        return;
    *record = (struct protocol_record){.parity = parity, .unmerged = TRUE, .fresh = TRUE};
    g_strlcpy(record->cluster, cluster, sizeof record->cluster);
    g_strlcpy(record->peer, peer, sizeof record->peer);
}

static gboolean
failover_begin(gpointer self, GError **error)
{
    struct failover *failover = self;
    const struct link_ears ears = {met, lost, take_frame, paired, alone, forgotten, failover};
    struct protocol_record record;
    if (!read_record(failover, &record, error))
        return FALSE;
    failover->link = link_new(failover->child, &ears, failover->callers, error);
    if (failover->link == NULL)
        return FALSE;
    remember_pair(failover->link, &record);
    g_strlcpy(record.id, link_id(failover->link), sizeof record.id);
    make_protocol(failover, &record);
    begin_events(failover);
    return TRUE;
}

/* What was in force before this process began: it is told first of all. */
static void
failover_role_told(gpointer self, const struct task_state *state)
{
    struct failover *failover = self;
    const gboolean served = state->role == TASK_ACTIVE || state->role == TASK_ALONE;
    if (failover->started)
        return;
    failover->started = TRUE;
    protocol_start(failover->protocol, failover_now(),
                   served && state->term == protocol_record(failover->protocol)->term);
    if (link_is_up(failover->link))
        protocol_met(failover->protocol, failover_now());
    failover_tell(failover);
}

static void
failover_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self; /* all that is asked of it comes as a task */
    (void)kind;
    (void)data;
    (void)size;
}

static void
failover_task(gpointer self, const struct child_task *task)
{
    struct failover *failover = self;
    if (strcmp(task->what, "send") == 0)
        link_send(failover->link, LINK_RELAY, task->body, task->size);
    else if (!link_task(failover->link, task, protocol_role(failover->protocol) == PROTOCOL_ACTIVE))
        operator_task(failover, task);
}

/* The record says all. The address is let go by its own child. */
static void
failover_end(gpointer self)
{
    struct failover *failover = self;
    link_free(failover->link);
    callers_free(failover->callers);
    failover_store_free(failover->store);
}

static gboolean
failover_wanted(const struct config *config)
{
    return config->own != NULL;
}

const struct child_role failover_role = {
    .name = "failover",
    .wanted = failover_wanted,
    .makes_sockets = TRUE,
    .alone = TRUE,
    .open = failover_open,
    .begin = failover_begin,
    .take = failover_take,
    .task = failover_task,
    .role = failover_role_told,
    .end = failover_end,
};
