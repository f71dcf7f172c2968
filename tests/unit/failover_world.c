#include "tests/unit/failover_world.h"

#include <stdarg.h>
#include <string.h>

struct event {
    gint64 time;
    guint64 sequence;
    enum world_event_kind kind;
    guint node, life, number;
    struct protocol_message *message;
};

/* ---- time ---- */

static gboolean
is_before(const struct event *a, const struct event *b)
{
    return a->time < b->time || (a->time == b->time && a->sequence < b->sequence);
}

static struct event *
event_at(GArray *events, guint i)
{
    return &g_array_index(events, struct event, i);
}

static void
swap(GArray *events, guint a, guint b)
{
    struct event kept = *event_at(events, a);
    *event_at(events, a) = *event_at(events, b);
    *event_at(events, b) = kept;
}

static void
put_event(struct world *world, struct event event)
{
    GArray *events = world->events;
    event.sequence = ++world->sequence;
    g_array_append_val(events, event);
    for (guint i = events->len - 1; i > 0; i = (i - 1) / 2) {
        if (!is_before(event_at(events, i), event_at(events, (i - 1) / 2)))
            break;
        swap(events, i, (i - 1) / 2);
    }
}

static struct event
next_event(struct world *world)
{
    GArray *events = world->events;
    struct event first = *event_at(events, 0);
    swap(events, 0, events->len - 1);
    g_array_set_size(events, events->len - 1);
    for (guint i = 0;;) {
        guint least = i;
        for (guint child = 2 * i + 1; child <= 2 * i + 2 && child < events->len; child++)
            if (is_before(event_at(events, child), event_at(events, least)))
                least = child;
        if (least == i)
            return first;
        swap(events, i, least);
        i = least;
    }
}

void
world_plan(struct world *world, gint64 after, enum world_event_kind kind)
{
    put_event(world, (struct event){.time = world->now + after, .kind = kind});
}

static void
plan_for(struct world *world, guint node, gint64 after, enum world_event_kind kind, guint number)
{
    put_event(world, (struct event){.time = world->now + after,
                                    .kind = kind,
                                    .node = node,
                                    .life = world->nodes[node].life,
                                    .number = number});
}

guint
world_chance(struct world *world, guint below)
{
    return (guint)g_rand_int_range(world->random, 0, (gint32)below);
}

static gboolean
happens(struct world *world, guint of_1000)
{
    return of_1000 > 0 && world_chance(world, 1000) < of_1000;
}

void
world_say(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->trace == NULL)
        return;
    g_string_append_printf(world->trace, "%8" G_GINT64_FORMAT "  ", world->now);
    va_start(arguments, format);
    g_string_append_vprintf(world->trace, format, arguments);
    va_end(arguments);
    g_string_append_c(world->trace, '\n');
}

static char
name_of(guint node)
{
    return node == 0 ? 'a' : 'b';
}

/* ---- the hands of a node ---- */

struct hand { /* the context of a core */
    struct world *world;
    guint node;
};

static struct world_node *
node_of(gpointer context)
{
    struct hand *hand = context;
    return &hand->world->nodes[hand->node];
}

static gboolean
keep(gpointer context, const struct protocol_record *record)
{
    struct hand *hand = context;
    struct world *world = hand->world;
    struct world_node *node = node_of(context);
    if (node->dying)
        return FALSE;
    gboolean cut = happens(world, world->chances.keep_cut);
    gboolean bad = world->now < node->disk_bad_until || happens(world, world->chances.keep_fail);
    gboolean written = (!cut && !bad) || node->disk_lies || world_chance(world, 2) == 0;
    if (written)
        node->disk.record = *record;
    world_say(world, "%c keeps term %" G_GUINT64_FORMAT "%s%s%s%s%s%s%s", name_of(hand->node),
              record->term, record->taken ? " taken" : "", record->granted ? " granted" : "",
              record->promised[0] != 0 ? " promised" : "", record->unmerged ? " unmerged" : "",
              record->fresh ? " fresh" : "", record->adopts ? " adopts" : "",
              cut   ? written ? ": POWER CUT after it" : ": POWER CUT before it"
              : bad ? written ? ": an error, but it is there" : ": an error"
                    : "");
    node->dying |= cut;
    return !bad && !cut;
}

static void
send(gpointer context, const struct protocol_message *message)
{
    struct hand *hand = context;
    struct world *world = hand->world;
    guint from = hand->node;
    if (world->nodes[from].dying || world->cut[from] || !world->nodes[from].attached ||
        !world->nodes[1 - from].attached || happens(world, world->chances.lose))
        return;
    guint copies = happens(world, world->chances.repeat) ? 2 : 1;
    for (guint i = 0; i < copies; i++) {
        gint64 delay = 1 + world_chance(world, 10);
        if (happens(world, world->chances.late))
            delay += world_chance(world, world->is_disordered ? 8000 : 2500);
        world->arrives[from] =
            MAX(world->is_disordered ? 0 : world->arrives[from], world->now + delay);
        put_event(world, (struct event){.time = world->arrives[from],
                                        .kind = WORLD_MESSAGE,
                                        .node = 1 - from,
                                        .message = g_memdup2(message, sizeof *message)});
    }
}

/* Which queue an effect stands in. */
static int
queue_of(enum protocol_effect effect)
{
    switch (effect) {
    case PROTOCOL_FENCE:
    case PROTOCOL_ADDRESS:
    case PROTOCOL_OPEN:
        return 0;
    case PROTOCOL_START:
    case PROTOCOL_STOP:
        return 1;
    case PROTOCOL_ADOPT:
    case PROTOCOL_FRESH:
        return 2;
    default:
        return -1;
    }
}

static gint64
duration(struct world *world, enum protocol_effect effect)
{
    static const guint usual[PROTOCOL_EFFECTS] = {
        [PROTOCOL_FENCE] = 30,  [PROTOCOL_STOP] = 1500,  [PROTOCOL_START] = 1500,
        [PROTOCOL_PROBE] = 300, [PROTOCOL_ADDRESS] = 20, [PROTOCOL_OPEN] = 20,
        [PROTOCOL_CHECK] = 300, [PROTOCOL_PULL] = 1500,  [PROTOCOL_ADOPT] = 200,
        [PROTOCOL_FRESH] = 100, [PROTOCOL_MERGE] = 2000, [PROTOCOL_ANNOUNCE] = 10,
        [PROTOCOL_CUT] = 1000,
    };
    if (world->takes[effect] != 0)
        return world->takes[effect];
    gint64 took = 1 + world_chance(world, usual[effect]);
    return happens(world, world->chances.slow) ? took * 10 : took;
}

static guint
uuid_number(const char *uuid)
{
    return uuid[0] == 0 ? 0 : (guint)g_ascii_strtoull(uuid, NULL, 16);
}

static void
begin(gpointer context, enum protocol_effect effect, guint number,
      const struct protocol_record *record)
{
    struct hand *hand = context;
    struct world *world = hand->world;
    struct world_node *node = node_of(context);
    if (node->dying)
        return;
    struct world_effect *one = g_new0(struct world_effect, 1);
    *one = (struct world_effect){.number = number,
                                 .effect = effect,
                                 .term = record->term,
                                 .uuid = uuid_number(record->uuid),
                                 .well = !happens(world, world->chances.fail) &&
                                         !world->fails[hand->node][effect]};
    g_ptr_array_add(node->effects, one);
    node->n_begun[effect]++;
    gint64 act = world->now + duration(world, effect);
    int queue = queue_of(effect);
    if (queue >= 0)
        act = node->queue_until[queue] = MAX(node->queue_until[queue], act);
    plan_for(world, hand->node, act - world->now, WORLD_ACT, number);
}

/* What was begun goes on: nobody knows whether it can be stopped. */
static void
give_up(gpointer context, guint number)
{
    struct hand *hand = context;
    world_say(hand->world, "%c gives up effect %u", name_of(hand->node), number);
}

static void
changed(gpointer context)
{
    static const char *const names[] = {"WAIT", "STANDBY", "ACTIVE"};
    struct hand *hand = context;
    struct world_node *node = node_of(context);
    if (node->dying)
        return;
    const struct protocol_record *record = protocol_record(node->core);
    world_say(hand->world, "%c is %s%s%s%s at term %" G_GUINT64_FORMAT, name_of(hand->node),
              names[protocol_role(node->core)], protocol_is_open(node->core) ? ", open" : "",
              protocol_is_busy(node->core) ? ", busy" : "", record->unmerged ? ", unmerged" : "",
              record->term);
}

static void
step(gpointer context, const char *name, enum protocol_progress progress, const char *text)
{
    static const char *const words[] = {"begins", "is done", "FAILED"};
    struct hand *hand = context;
    world_say(hand->world, "%c: %s %s %s", name_of(hand->node), name, words[progress], text);
    if (strcmp(name, "hand over") == 0)
        hand->world->grants++;
}

static void
ended(gpointer context, enum protocol_order order, const char *why)
{
    struct hand *hand = context;
    struct world_node *node = node_of(context);
    world_say(hand->world, "%c: order %d ended: %s", name_of(hand->node), order,
              why != NULL ? why : "well");
    node->orders--;
    if (order == PROTOCOL_RESTORED) {
        node->restoring = FALSE;
        hand->world->untold |= why != NULL;
    }
    hand->world->switches += order == PROTOCOL_SWITCH && why == NULL;
    g_free(node->last_ended);
    node->last_ended = g_strdup(why);
}

static void
random_id(gpointer context, char id[PROTOCOL_ID_SIZE])
{
    struct hand *hand = context;
    for (guint i = 0; i < 4; i++)
        g_snprintf(id + 8 * i, 9, "%08x", g_rand_int(hand->world->random));
}

/* ---- machines ---- */

static void
stop_daemon(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    g_clear_pointer(&node->core, protocol_free);
    g_ptr_array_set_size(node->effects, 0);
    memset(node->queue_until, 0, sizeof node->queue_until);
    node->life++;
    node->orders = 0;
    world->untold |= node->restoring;
    node->restoring = FALSE;
    node->told_term = 0;
    node->dying = node->paused = FALSE;
    if (node->expires == G_MAXINT64)
        node->expires = world->now + WORLD_ADDRESS_MS;
    world->link_changed_at = world->now;
}

void
world_power_off(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    world_say(world, "---- %c loses power", name_of(number));
    stop_daemon(world, number);
    node->power = node->address = node->door = node->hook = FALSE;
}

void
world_kill(struct world *world, guint number)
{
    world_say(world, "---- %c's daemon is killed", name_of(number));
    stop_daemon(world, number);
}

/* Clients are served by what the daemon that died had opened. */
static gboolean
is_served_still(const struct world *world, guint number)
{
    const struct world_node *node = &world->nodes[number];
    return node->power && node->address && node->door && world->now < node->expires &&
           node->served_term == node->disk.record.term;
}

void
world_boot(struct world *world, guint number)
{
    static struct hand hands[2]; /* one world at a time */
    struct world_node *node = &world->nodes[number];
    if (node->core != NULL)
        return;
    world_say(world, "---- %c starts", name_of(number));
    hands[number] = (struct hand){world, number};
    const struct protocol_hands table = {keep, send,  begin,     give_up,       changed,
                                         step, ended, random_id, &hands[number]};
    gboolean resumes = is_served_still(world, number) && world_chance(world, 2) == 0;
    if (resumes) {
        world_say(world, "%c resumes", name_of(number));
        node->expires = G_MAXINT64;
    }
    node->power = TRUE;
    node->life++;
    node->core = protocol_new(&node->disk.record, &world->times, &table);
    protocol_start(node->core, world->now, resumes);
    if (world->linked && !world->nodes[number].paused)
        protocol_met(node->core, world->now);
    plan_for(world, number, 1 + world_chance(world, 100), WORLD_TICK, 0);
    world->link_changed_at = world->now;
}

void
world_pause(struct world *world, guint number, gint64 milliseconds)
{
    struct world_node *node = &world->nodes[number];
    if (node->core == NULL || node->paused)
        return;
    world_say(world, "---- %c hangs for %" G_GINT64_FORMAT " ms", name_of(number), milliseconds);
    node->paused = TRUE;
    node->paused_at = world->now;
    plan_for(world, number, milliseconds, WORLD_RESUME, 0);
    world->link_changed_at = world->now;
}

void
world_cut(struct world *world, gboolean from_a, gboolean from_b)
{
    world_say(world, "---- the network: a → b %s, b → a %s", from_a ? "cut" : "works",
              from_b ? "cut" : "works");
    world->cut[0] = from_a;
    world->cut[1] = from_b;
    world->link_changed_at = world->now;
}

void
world_attach(struct world *world, guint number, gboolean attached)
{
    world_say(world, "---- %c's cable is %s", name_of(number), attached ? "in" : "out");
    world->nodes[number].attached = attached;
    world->link_changed_at = world->now;
}

void
world_image(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    node->image = node->disk;
    node->has_image = TRUE;
    world_say(world, "---- an image of %c's disk is made", name_of(number));
}

void
world_set_back(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    g_assert_true(node->core == NULL && node->has_image);
    world_say(world, "---- %c's disk is set back", name_of(number));
    node->disk = node->image;
    node->set_back = TRUE;
    world->images++;
}

gboolean
world_order(struct world *world, guint number, enum protocol_order order)
{
    static const char *const names[] = {"switch", "force", "force --fenced", "restored", "cancel"};
    struct world_node *node = &world->nodes[number];
    g_autofree char *why = NULL;
    if (node->core == NULL || node->paused)
        return FALSE;
    world_say(world, "---- order at %c: %s", name_of(number), names[order]);
    if (order != PROTOCOL_CANCEL)
        node->orders++;
    node->restoring |= order == PROTOCOL_RESTORED;
    gboolean begun = protocol_order(node->core, order, world->now, &why);
    if (!begun && order != PROTOCOL_CANCEL)
        node->orders--;
    if (!begun)
        world_say(world, "%c refuses: %s", name_of(number), why);
    if (!begun) {
        g_free(node->last_ended);
        node->last_ended = g_steal_pointer(&why);
    }
    if (begun && (order == PROTOCOL_FORCE || order == PROTOCOL_FENCED))
        world->forced++;
    return begun;
}

const char *
world_trouble(const struct world *world, guint number)
{
    const struct world_node *node = &world->nodes[number];
    const char *trouble = node->core != NULL ? protocol_trouble(node->core) : NULL;
    return trouble != NULL ? trouble : "";
}

/* ---- what effects do ---- */

static gboolean
has_address(const struct world *world, guint number)
{
    const struct world_node *node = &world->nodes[number];
    return node->power && node->address && world->now < node->expires;
}

gboolean
world_serves(const struct world *world, guint number)
{
    const struct world_node *node = &world->nodes[number];
    return has_address(world, number) && node->door && !node->paused;
}

/* Whether the CouchDB of one can be reached by the other. */
static gboolean
can_reach(const struct world *world)
{
    return world->nodes[0].power && world->nodes[1].power && !world->nodes[0].paused &&
           !world->nodes[1].paused && !world->cut[0] && !world->cut[1] &&
           world->nodes[0].attached && world->nodes[1].attached;
}

static void
uuid_text(guint uuid, char text[PROTOCOL_ID_SIZE])
{
    g_snprintf(text, PROTOCOL_ID_SIZE, "%032x", uuid);
}

static void
act_on_data(struct world *world, guint number, struct world_effect *one)
{
    struct world_node *node = &world->nodes[number];
    const struct world_node *other = &world->nodes[1 - number];
    if (one->effect == PROTOCOL_ADOPT) {
        g_assert_cmpuint(one->uuid, !=, 0);
        node->disk.uuid = one->uuid;
    } else if (one->effect == PROTOCOL_FRESH) {
        node->disk.uuid = ++world->uuids;
        g_assert_cmpuint(world->uuids, <, WORLD_UUIDS);
    } else if (!can_reach(world)) {
        one->well = FALSE;
    } else {
        node->disk.data |= other->disk.data;
        if (one->effect == PROTOCOL_PULL)
            uuid_text(other->disk.uuid, one->answer);
    }
}

static void
act(struct world *world, guint number, struct world_effect *one)
{
    struct world_node *node = &world->nodes[number];
    switch (one->effect) {
    case PROTOCOL_FENCE:
        node->address = node->door = FALSE;
        break;
    case PROTOCOL_ADDRESS:
        node->address = TRUE;
        node->expires = G_MAXINT64;
        break;
    case PROTOCOL_OPEN:
        node->door = TRUE;
        node->served_term = one->term;
        break;
    case PROTOCOL_START:
    case PROTOCOL_STOP:
        node->hook = one->effect == PROTOCOL_START;
        break;
    case PROTOCOL_PROBE:
        if (has_address(world, 1 - number) && node->attached && world->nodes[1 - number].attached)
            g_strlcpy(one->answer, "02:00:00:00:00:01", sizeof one->answer);
        break;
    case PROTOCOL_CUT:
        world->forced++;
        if (world->nodes[1 - number].power)
            world_power_off(world, 1 - number);
        break;
    case PROTOCOL_CHECK: /* as the real one does */
        if (world->nodes[0].disk.uuid == world->nodes[1].disk.uuid)
            g_strlcpy(one->answer, "both have the same uuid", sizeof one->answer);
        break;
    case PROTOCOL_PULL:
    case PROTOCOL_MERGE:
    case PROTOCOL_ADOPT:
    case PROTOCOL_FRESH:
        act_on_data(world, number, one);
        break;
    default:
        break;
    }
}

static struct world_effect *
find_effect(struct world_node *node, guint number)
{
    for (guint i = 0; i < node->effects->len; i++) {
        struct world_effect *one = node->effects->pdata[i];
        if (one->number == number)
            return one;
    }
    return NULL;
}

/* One that fails may have done it, or not. */
static void
take_act(struct world *world, guint number, guint effect)
{
    struct world_node *node = &world->nodes[number];
    struct world_effect *one = find_effect(node, effect);
    if (node->paused) {
        plan_for(world, number, 50, WORLD_ACT, effect);
        return;
    }
    if (one->well || (world_chance(world, 2) == 0 && one->effect != PROTOCOL_CUT))
        act(world, number, one);
    if (!one->well && one->effect == PROTOCOL_FENCE)
        node->fence_failed_at = world->now;
    plan_for(world, number, world_chance(world, 5), WORLD_END, effect);
}

static void
take_end(struct world *world, guint number, guint effect)
{
    struct world_node *node = &world->nodes[number];
    struct world_effect *one = find_effect(node, effect);
    if (node->paused) {
        plan_for(world, number, 50, WORLD_END, effect);
        return;
    }
    gboolean well = one->well;
    g_autofree char *answer = g_strdup(well ? one->answer : "the test says no");
    g_ptr_array_remove_fast(node->effects, one);
    protocol_done(node->core, effect, well, answer, world->now);
}

/* ---- clients, and the replicator ---- */

static guint
one_that_serves(struct world *world)
{
    guint first = world_chance(world, 2);
    for (guint i = 0; i < 2; i++) {
        guint number = (first + i) % 2;
        if (world_serves(world, number) && world->nodes[number].attached)
            return number;
    }
    return 2;
}

void
world_push(struct world *world, guint phone)
{
    guint number = one_that_serves(world);
    if (number == 2)
        return;
    struct world_disk *disk = &world->nodes[number].disk;
    guint64 *pushed = &world->phones[phone].pushed[disk->uuid];
    guint64 missing = world->phones[phone].have & ~*pushed;
    disk->data |= missing;
    world->acked |= missing;
    *pushed = world->phones[phone].have;
}

static void
write_document(struct world *world)
{
    guint number = one_that_serves(world), phone = world_chance(world, WORLD_PHONES);
    if (world->documents >= 64)
        return;
    guint64 document = G_GUINT64_CONSTANT(1) << world->documents;
    if (world_chance(world, 2) == 0) {
        world->phones[phone].have |= document;
        world->documents++;
    } else if (number < 2) {
        world->nodes[number].disk.data |= document;
        world->browser |= document;
        world->documents++;
    }
}

static void
follow(struct world *world)
{
    for (guint i = 0; i < 2; i++) {
        struct world_node *node = &world->nodes[i], *other = &world->nodes[1 - i];
        if (node->core == NULL || other->core == NULL || !can_reach(world) ||
            protocol_role(node->core) != PROTOCOL_STANDBY || !protocol_is_open(other->core) ||
            protocol_record(node->core)->unmerged || protocol_record(node->core)->granted)
            continue;
        node->disk.data |= other->disk.data;
    }
}

static void
take_data(struct world *world)
{
    if (world->clients && world_chance(world, 3) == 0)
        write_document(world);
    if (world_chance(world, 2) == 0)
        world_push(world, world_chance(world, WORLD_PHONES));
    if (world_chance(world, 3) == 0)
        follow(world);
    world_plan(world, 50 + world_chance(world, 300), WORLD_DATA);
}

/* ---- the network ---- */

static gboolean
is_listening(const struct world *world, guint number)
{
    return world->nodes[number].core != NULL && !world->nodes[number].paused;
}

static void
set_linked(struct world *world, gboolean linked)
{
    world->linked = linked;
    world_say(world, "the nodes are %s", linked ? "connected" : "not connected");
    for (guint i = 0; i < 2; i++) {
        if (!is_listening(world, i))
            continue;
        if (linked)
            protocol_met(world->nodes[i].core, world->now);
        else
            protocol_lost(world->nodes[i].core, world->now);
    }
}

static void
take_link(struct world *world)
{
    gboolean works = can_reach(world) && is_listening(world, 0) && is_listening(world, 1);
    gint64 since = world->now - world->link_changed_at;
    if (works != world->linked && since >= (works ? 250 : 1000))
        set_linked(world, works);
    world_plan(world, 100, WORLD_LINK);
}

static void
take_message(struct world *world, guint number, const struct protocol_message *message)
{
    struct world_node *node = &world->nodes[number];
    if (!is_listening(world, number))
        return;
    if (message->term > node->told_term) {
        node->told_term = message->term;
        node->told_at = world->now;
    }
    if (message->kind != PROTOCOL_STATE)
        world_say(world, "%c hears %s, term %" G_GUINT64_FORMAT " %s", name_of(number),
                  ((const char *[]){"STATE", "ASK", "CATCH_UP", "PROMISE", "REFUSE", "YIELD",
                                    "YIELDED"})[message->kind],
                  message->term, message->why);
    protocol_take(node->core, message, world->now);
}

/* ---- running ---- */

static void
take_resume(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    world_say(world, "---- %c goes on", name_of(number));
    node->paused = FALSE;
    node->resumed_at = world->now;
    world->link_changed_at = world->now;
    if (!world->linked)
        protocol_lost(node->core, world->now);
    if (node->address && world->now - node->paused_at > WORLD_ADDRESS_MS) {
        world_say(world, "%c has lost the address", name_of(number));
        node->address = FALSE; /* the kernel saw to that */
    }
}

/* What looks after the address is asked every 2 s whether it is open. */
static void
take_tick(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    plan_for(world, number, 100, WORLD_TICK, 0);
    if (node->paused)
        return;
    protocol_paths(node->core, world->linked ? world->paths : 0, world->now);
    protocol_tick(node->core, world->now);
    if (world->now - node->looked_at < 2000 || !protocol_is_open(node->core) || node->dying)
        return;
    node->looked_at = world->now;
    if (!has_address(world, number) || !node->door)
        protocol_unheld(node->core, world->now);
}

static void
take_event(struct world *world, const struct event *event)
{
    struct world_node *node = &world->nodes[event->node];
    gboolean is_of_node = event->kind == WORLD_TICK || event->kind == WORLD_ACT ||
                          event->kind == WORLD_END || event->kind == WORLD_RESUME;
    if (is_of_node && (event->life != node->life || node->core == NULL))
        return;
    switch (event->kind) {
    case WORLD_MESSAGE:
        take_message(world, event->node, event->message);
        break;
    case WORLD_TICK:
        take_tick(world, event->node);
        break;
    case WORLD_ACT:
        take_act(world, event->node, event->number);
        break;
    case WORLD_END:
        take_end(world, event->node, event->number);
        break;
    case WORLD_BOOT:
        world_boot(world, event->node);
        break;
    case WORLD_RESUME:
        take_resume(world, event->node);
        break;
    case WORLD_LINK:
        take_link(world);
        break;
    case WORLD_DATA:
        take_data(world);
        break;
    case WORLD_CHAOS:
        if (world->chaos != NULL)
            world->chaos(world);
        break;
    }
}

static void
run_one(struct world *world)
{
    struct event event = next_event(world);
    world->now = event.time;
    take_event(world, &event);
    g_free(event.message);
    for (guint i = 0; i < 2; i++)
        if (world->nodes[i].dying)
            world_power_off(world, i);
    if (world->check != NULL)
        world->check(world);
}

void
world_run(struct world *world, gint64 milliseconds)
{
    gint64 until = world->now + milliseconds;
    while (event_at(world->events, 0)->time <= until)
        run_one(world);
    world->now = until;
}

gboolean
world_until(struct world *world, gboolean (*is_so)(struct world *world), gint64 most)
{
    gint64 until = world->now + most;
    while (!is_so(world)) {
        if (event_at(world->events, 0)->time > until)
            return FALSE;
        run_one(world);
    }
    return TRUE;
}

/* ---- the beginning ---- */

static void
set_up_node(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    struct protocol_record *record = &node->disk.record;
    *record = (struct protocol_record){.parity = number, .term = 2, .taken = number == 0};
    g_strlcpy(record->cluster, "the clinic", sizeof record->cluster);
    g_strlcpy(record->id, number == 0 ? "node a" : "node b", sizeof record->id);
    g_strlcpy(record->peer, number == 0 ? "node b" : "node a", sizeof record->peer);
    node->disk.uuid = ++world->uuids;
    node->attached = TRUE;
    node->fence_failed_at = G_MININT64 / 2;
    node->effects = g_ptr_array_new_with_free_func(g_free);
}

struct world *
world_new(guint32 seed)
{
    struct world *world = g_new0(struct world, 1);
    world->random = g_rand_new_with_seed(seed);
    world->events = g_array_new(FALSE, TRUE, sizeof(struct event));
    world->times = (struct protocol_times){.boot_wait = 10000, .catch_up = 20000};
    world->paths = 2;
    for (guint i = 0; i < 2; i++)
        set_up_node(world, i);
    world_plan(world, 0, WORLD_LINK);
    world_plan(world, 0, WORLD_DATA);
    return world;
}

void
world_free(struct world *world)
{
    if (world == NULL)
        return;
    for (guint i = 0; i < 2; i++) {
        g_clear_pointer(&world->nodes[i].core, protocol_free);
        g_ptr_array_unref(world->nodes[i].effects);
        g_free(world->nodes[i].last_ended);
    }
    for (guint i = 0; i < world->events->len; i++)
        g_free(event_at(world->events, i)->message);
    g_array_unref(world->events);
    g_rand_free(world->random);
    if (world->trace != NULL)
        g_string_free(world->trace, TRUE);
    g_free(world);
}
