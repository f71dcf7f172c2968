/*
 * failover_random: the protocol against every misfortune at once, by the thousand. A schedule is a
 * seed: two nodes run for a minute among cuts, crashes, full disks, slow and failing effects, disks
 * set back and impatient operators; then everything works again, and what must be so is looked at.
 *
 *     test-failover_random                          the schedules of a usual test run
 *     test-failover_random --schedules N [--from S] N of them, seeds from S on
 *     test-failover_random --seed S                 one, with all that happens in it
 *
 * At every event:
 *     never two that serve, unless somebody forced, or a disk was set back
 *     at most one at a term, always; each serves at a term of its own parity
 *     nobody whose node was told of a higher term is open to clients, beyond the time of a fence
 * In the end, with all repaired:
 *     one serves and the other follows, or people are told what to do, and once they do it, so
 *     nothing is owed: no grant, no merge, no uuid; the two uuids differ
 *     every document that a client was told is written is on the active node (what a phone has
 *     may come from it); after images, those of the phones whose operator said so
 * Or in the end one node is dead for good, and the survivor, forced if need be, gets from the
 * phones whatever they were told is written.
 */
#include "tests/unit/failover_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAOS_MS 60000
#define HEAL_MS 180000
#define FENCE_SLACK_MS 1500
#define USUAL_SCHEDULES 2500

static struct {
    guint64 schedules, switches, grants, forced, images, alone, asked, automatic;
} totals;

static struct {
    guint32 seed;
    guint limit_forced, limit_images;
    gboolean is_quiet, is_template;
} run;

/* ---- what is wrong ---- */

static void
wrong(struct world *world, const char *what)
{
    if (world->trace == NULL)
        g_error("seed %u: %s\nsee test-failover_random --seed %u", run.seed, what, run.seed);
    fputs(world->trace->str, stdout);
    fprintf(stdout, "%8" G_GINT64_FORMAT "  WRONG: %s\n", world->now, what);
    exit(1);
}

static void
check_serving(struct world *world)
{
    const struct world_node *a = &world->nodes[0], *b = &world->nodes[1];
    if (!world_serves(world, 0) || !world_serves(world, 1))
        return;
    if (a->served_term == b->served_term)
        wrong(world, "two serve at one term");
    if (world->forced == 0 && world->images == 0)
        wrong(world, "two serve, though nobody forced and no disk was set back");
}

static void
check_node(struct world *world, guint number)
{
    const struct world_node *node = &world->nodes[number];
    if (world_serves(world, number) && node->served_term % 2 != number)
        wrong(world, "one serves at a term that is the other one's");
    if (node->core == NULL)
        return;
    if (protocol_is_open(node->core) && protocol_record(node->core)->term < node->told_term)
        wrong(world, "one is open at a lower term than it was told");
    if (protocol_is_open(node->core) && protocol_role(node->core) != PROTOCOL_ACTIVE)
        wrong(world, "one is open and not active");
    gint64 since = MAX(MAX(node->told_at, node->fence_failed_at), node->resumed_at);
    if (world_serves(world, number) && node->served_term < node->told_term &&
        world->now - since > FENCE_SLACK_MS && world->chances.slow == 0)
        wrong(world, "one still serves at a lower term than it was told");
}

static void
check(struct world *world)
{
    check_serving(world);
    for (guint i = 0; i < 2; i++)
        check_node(world, i);
}

/* ---- misfortunes ---- */

static void
power_back(struct world *world, guint number)
{
    struct world_node *node = &world->nodes[number];
    if (node->core != NULL)
        return;
    if (!node->power && node->has_image && world->images < run.limit_images &&
        world_chance(world, 3) == 0)
        world_set_back(world, number);
    world_boot(world, number);
    if (!node->set_back)
        return;
    node->set_back = FALSE;
    if (world_chance(world, 2) == 0)
        world_order(world, number, PROTOCOL_RESTORED);
    else
        world->untold = TRUE;
}

/* As people do: the other one is switched off, or its cable pulled out, before they say so. */
static void
force(struct world *world, guint number)
{
    if (world->forced >= run.limit_forced)
        return;
    guint other = 1 - number;
    if (world_chance(world, 3) != 0) {
        world_order(world, number, PROTOCOL_FORCE);
        return;
    }
    if (world_chance(world, 2) == 0 && world->nodes[other].power)
        world_power_off(world, other);
    else
        world_attach(world, other, FALSE);
    world_order(world, number, PROTOCOL_FENCED);
}

static void
trouble_the_network(struct world *world)
{
    guint what = world_chance(world, 6), node = world_chance(world, 2);
    if (what == 0)
        world_cut(world, TRUE, TRUE);
    else if (what == 1)
        world_cut(world, node == 0, node == 1);
    else if (what == 2)
        world_attach(world, node, FALSE);
    else
        world_cut(world, FALSE, FALSE);
    if (what >= 4)
        world_attach(world, node, TRUE);
}

static void
trouble_a_machine(struct world *world)
{
    guint node = world_chance(world, 2);
    switch (world_chance(world, 8)) {
    case 0:
        if (world->nodes[node].power)
            world_power_off(world, node);
        break;
    case 1:
        if (world->nodes[node].core != NULL)
            world_kill(world, node);
        if (world_chance(world, 2) == 0)
            world_boot(world, node);
        break;
    case 2:
        world_pause(world, node, 200 + world_chance(world, 12000));
        break;
    case 3:
        world->nodes[node].disk_bad_until = world->now + world_chance(world, 8000);
        world_say(world, "---- a disk is full for a while");
        break;
    case 4:
    case 5:
        if (world->nodes[node].power)
            world_image(world, node);
        break;
    case 6: /* both lose power, and both are back at once */
        for (guint i = 0; i < 2; i++)
            if (world->nodes[i].power)
                world_power_off(world, i);
        for (guint i = 0; i < 2; i++)
            power_back(world, i);
        break;
    default:
        break;
    }
}

static void
give_an_order(struct world *world)
{
    guint node = world_chance(world, 2);
    switch (world_chance(world, 8)) {
    case 0:
    case 1:
        force(world, node);
        break;
    case 2:
        world_order(world, node, PROTOCOL_CANCEL);
        break;
    default:
        world_order(world, node, PROTOCOL_SWITCH);
        break;
    }
}

static void
chaos(struct world *world)
{
    if (run.is_quiet)
        return;
    switch (world_chance(world, 6)) {
    case 0:
        trouble_the_network(world);
        break;
    case 1:
        trouble_a_machine(world);
        break;
    case 2:
    case 3:
        power_back(world, world_chance(world, 2));
        break;
    default:
        give_an_order(world);
        break;
    }
    world_plan(world, 20 + world_chance(world, world_chance(world, 2) == 0 ? 300 : 6000),
               WORLD_CHAOS);
}

/* ---- the end of troubles ---- */

static void
repair(struct world *world)
{
    run.is_quiet = TRUE;
    world->clients = FALSE;
    world->chances = (struct world_chances){0};
    memset(world->fails, 0, sizeof world->fails);
    world->nodes[0].disk_bad_until = world->nodes[1].disk_bad_until = 0;
    world_say(world, "==== everything works again");
    world_cut(world, FALSE, FALSE);
    for (guint i = 0; i < 2; i++) {
        world_attach(world, i, TRUE);
        power_back(world, i);
    }
}

static gboolean
is_settled(struct world *world)
{
    guint serving = 0;
    for (guint i = 0; i < 2; i++) /* cut off by the other one? It is switched on again. */
        world_boot(world, i);
    for (guint i = 0; i < 2; i++) {
        const struct protocol_record *record = protocol_record(world->nodes[i].core);
        if (world->nodes[i].paused || record->unmerged || record->granted || record->fresh ||
            record->adopts || protocol_is_busy(world->nodes[i].core))
            return FALSE;
        serving += world_serves(world, i);
        if (!world_serves(world, i) && protocol_role(world->nodes[i].core) != PROTOCOL_STANDBY)
            return FALSE;
    }
    return serving == 1;
}

/* Somebody reads what a node says, and does it. */
static gboolean
is_asked(struct world *world)
{
    for (guint i = 0; i < 2; i++)
        if (strstr(world_trouble(world, i), "--force`") != NULL)
            return TRUE;
    return FALSE;
}

static void
answer(struct world *world)
{
    guint node = strstr(world_trouble(world, 0), "--force` here") != NULL       ? 0
                 : strstr(world_trouble(world, 1), "--force` here") != NULL     ? 1
                 : strstr(world_trouble(world, 0), "on the other node") != NULL ? 1
                                                                                : 0;
    totals.asked++;
    world_order(world, node, PROTOCOL_FORCE);
}

static void
settle(struct world *world)
{
    if (world_until(world, is_settled, HEAL_MS / 2))
        return;
    for (guint i = 0; i < 3; i++) {
        if (!is_asked(world))
            wrong(world, "nobody serves, and nobody is told what to do");
        if (world->forced == 0 && world->images == 0)
            wrong(world, "people are asked, though nobody forced and no disk was set back");
        answer(world);
        if (world_until(world, is_settled, HEAL_MS / 2))
            return;
    }
    wrong(world, "the nodes do not settle");
}

static void
check_documents(struct world *world, guint64 documents)
{
    guint active = world_serves(world, 0) ? 0 : 1;
    for (guint i = 0; i < WORLD_PHONES; i++)
        world_push(world, i);
    if (world->untold)
        return;
    guint64 lost = documents & ~world->nodes[active].disk.data;
    if (lost == 0)
        return;
    world_say(world, "lost: %016" G_GINT64_MODIFIER "x", lost);
    wrong(world, "a document that a client was told is written is lost");
}

static void
end_together(struct world *world)
{
    repair(world);
    world_run(world,
              10000); /* what was begun ends, a fence hook that cuts the other one off, too */
    settle(world);
    world_run(world, 10000);
    if (!is_settled(world))
        wrong(world, "it did not last");
    if (!world->untold && !run.is_template &&
        world->nodes[0].disk.uuid == world->nodes[1].disk.uuid)
        wrong(world, "both have the same uuid");
    check_documents(world, world->acked | (world->images == 0 ? world->browser : 0));
    for (guint i = 0; i < 2; i++)
        if (world_trouble(world, i)[0] != 0) {
            world_say(world, "trouble at %c: %s", "ab"[i], world_trouble(world, i));
            wrong(world, "there is trouble still");
        }
}

static void
end_alone(struct world *world)
{
    guint survivor = world_chance(world, 2);
    totals.alone++;
    repair(world);
    world_say(world, "==== and %c is dead for good", survivor == 0 ? 'b' : 'a');
    world_power_off(world, 1 - survivor);
    for (guint i = 0; i < 600 && !world_serves(world, survivor); i++) {
        world_run(world, 100);
        if (i == 400)
            world_order(world, survivor, PROTOCOL_FORCE);
    }
    if (!world_serves(world, survivor))
        wrong(world, "the survivor does not serve");
    check_documents(world, world->acked);
}

/* ---- schedules ---- */

static guint
some_of(struct world *world, guint most)
{
    return world_chance(world, 2) == 0 ? 0 : world_chance(world, most);
}

static void
run_schedule(guint32 seed, gboolean is_told)
{
    AUTO(world) *world = world_new(seed);
    memset(&run, 0, sizeof run);
    run.seed = seed;
    world->trace = is_told ? g_string_new(NULL) : NULL;
    world->check = check;
    world->chaos = chaos;
    world->clients = TRUE;
    world->chances = (struct world_chances){.lose = some_of(world, 100),
                                            .repeat = some_of(world, 100),
                                            .late = some_of(world, 50),
                                            .slow = some_of(world, 200),
                                            .fail = some_of(world, 200),
                                            .keep_cut = some_of(world, 100),
                                            .keep_fail = some_of(world, 100)};
    run.limit_forced = world_chance(world, 2) * world_chance(world, 5);
    run.limit_images = world_chance(world, 3) == 0 ? 1 + world_chance(world, 2) : 0;
    if (world_chance(world, 8) == 0) {
        world->times.automatic = 3000;
        totals.automatic++;
    }
    world->is_disordered = world_chance(world, 4) == 0;
    if (world_chance(world, 4) == 0)
        world->chances.keep_fail *= 3;
    if (world_chance(world, 8) == 0) { /* both from one template, as CHT's */
        world->nodes[1].disk.uuid = world->nodes[0].disk.uuid;
        run.is_template = TRUE;
    }
    for (guint i = 0; i < 2; i++)
        world_boot(world, i);
    world_plan(world, world_chance(world, 5000), WORLD_CHAOS);
    world_run(world, CHAOS_MS);
    if (world_chance(world, 3) == 0)
        end_alone(world);
    else
        end_together(world);
    totals.schedules++;
    totals.switches += world->switches;
    totals.grants += world->grants;
    totals.forced += world->forced;
    totals.images += world->images;
    if (is_told)
        fputs(world->trace->str, stdout);
}

static void
tell_totals(void)
{
    g_test_message("%" G_GUINT64_FORMAT " schedules: %" G_GUINT64_FORMAT
                   " grants, %" G_GUINT64_FORMAT " switches that ended well, %" G_GUINT64_FORMAT
                   " forced, %" G_GUINT64_FORMAT " disks set back, %" G_GUINT64_FORMAT
                   " times somebody was asked, %" G_GUINT64_FORMAT
                   " with automatic promotion, %" G_GUINT64_FORMAT " with one node in the end",
                   totals.schedules, totals.grants, totals.switches, totals.forced, totals.images,
                   totals.asked, totals.automatic, totals.alone);
}

static void
test_whatever_happens(void)
{
    for (guint32 seed = 1; seed <= USUAL_SCHEDULES; seed++)
        run_schedule(seed, FALSE);
    tell_totals();
    /* Else it would not have been a test of them. */
    g_assert_cmpuint(totals.grants, >, USUAL_SCHEDULES / 4);
    g_assert_cmpuint(totals.forced, >, USUAL_SCHEDULES / 4);
    g_assert_cmpuint(totals.images, >, USUAL_SCHEDULES / 20);
}

static int seed = -1, from = 1, schedules = -1;

static const GOptionEntry options[] = {
    {"seed", 0, 0, G_OPTION_ARG_INT, &seed, "One schedule, with what happens", "S"},
    {"from", 0, 0, G_OPTION_ARG_INT, &from, "The first seed", "S"},
    {"schedules", 0, 0, G_OPTION_ARG_INT, &schedules, "How many", "N"},
    G_OPTION_ENTRY_NULL,
};

int
main(int argc, char *argv[])
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, options, NULL);
    g_option_context_set_ignore_unknown_options(context, TRUE); /* GTest's */
    if (!g_option_context_parse(context, &argc, &argv, NULL))
        return 2;
    g_test_init(&argc, &argv, NULL);
    if (seed >= 0) {
        run_schedule((guint32)seed, TRUE);
        return 0;
    }
    if (schedules >= 0) {
        for (int i = 0; i < schedules; i++)
            run_schedule((guint32)(from + i), FALSE);
        tell_totals();
        return 0;
    }
    g_test_add_func("/failover_random/whatever happens", test_whatever_happens);
    return g_test_run();
}
