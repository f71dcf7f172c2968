/* Hooks run as root: what a child gives them is theirs, and no more. */
#include "netsvc/parent/task/hooks.h"
#include "netsvc/parent/task/tasks.h"
#include "scratch.h"

#include <glib/gstdio.h>
#include <string.h>

static struct {
    guint done, failed;
    char *said;
    struct event_base *events;
    guint wanted;
} told;

void
tasks_done(struct tasks *tasks, guint32 handle, gboolean done, const char *answer, gsize size)
{
    (void)tasks;
    (void)handle;
    g_free(told.said);
    told.said = g_strndup(answer, size);
    *(done ? &told.done : &told.failed) += 1;
    if (told.done + told.failed == told.wanted)
        event_base_loopbreak(told.events);
}

/* A world with one hook, a shell's. */
static struct hooks *
begin(struct world *world, const struct scratch *scratch, const char *script, guint wanted)
{
    g_autofree char *path = g_build_filename(scratch->path, "hook", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", script);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
    memset(&told, 0, sizeof told);
    *world = (struct world){.events = event_base_new()};
    told.events = world->events;
    told.wanted = wanted;
    world->current = g_new0(struct generation, 1);
    world->current->config = g_new0(struct config, 1);
    world->current->config->cert.hook = g_steal_pointer(&path);
    world->current->config->hook_seconds = 30;
    return hooks_new(world);
}

static void
end(struct world *world, struct hooks *hooks)
{
    hooks_free(hooks);
    g_free(world->current->config->cert.hook);
    g_free(world->current->config);
    g_free(world->current);
    event_base_free(world->events);
    g_clear_pointer(&told.said, g_free);
}

static void
run(struct hooks *hooks, const char *body)
{
    hooks_run(hooks, 1, "certificate", body, strlen(body));
}

static void
test_environment(void)
{
    static const char body[] = "{\"NAME\":\"a\\u0000b\\n$(id)\",\"X=Y\":\"1\",\"event\":\"2\","
                               "\"EVENT\":\"start\",\"\":\"3\",\"\\u0041\":\"4\",\"N\":5}";
    AUTO(scratch) *scratch = scratch_new();
    struct world world;
    g_autofree char *script = g_strdup_printf("env -0 >'%s/seen'", scratch->path);
    g_autofree char *seen = g_build_filename(scratch->path, "seen", NULL);
    g_autofree char *text = NULL;
    gsize size = 0;
    struct hooks *hooks = begin(&world, scratch, script, 1);
    run(hooks, body);
    event_base_dispatch(world.events);
    g_assert_cmpuint(told.done, ==, 1);
    g_assert_true(g_file_get_contents(seen, &text, &size, NULL));
    guint ours = 0;
    gboolean has_path = FALSE;
    for (const char *at = text; at < text + size; at += strlen(at) + 1) {
        has_path |= g_str_has_prefix(at, "PATH=");
        if (!g_str_has_prefix(at, "LIFEBOAT_E") && !g_str_has_prefix(at, "LIFEBOAT_N"))
            continue;
        ours++;
        g_assert_true(strcmp(at, "LIFEBOAT_EVENT=certificate") == 0 ||
                      strcmp(at, "LIFEBOAT_NAME=a") == 0);
    }
    g_assert_cmpuint(ours, ==, 2);
    g_assert_true(has_path);
    end(&world, hooks);
}

/* cert's would keep those of a switch waiting. */
static void
test_flood(void)
{
    AUTO(scratch) *scratch = scratch_new();
    struct world world;
    struct hooks *hooks = begin(&world, scratch, "exit 0", 1000);
    for (guint i = 0; i < 1000; i++)
        run(hooks, "{}");
    g_assert_cmpuint(told.failed, ==, 1000 - HOOKS_OF_NAME);
    event_base_dispatch(world.events);
    g_assert_cmpuint(told.done, ==, HOOKS_OF_NAME);
    end(&world, hooks);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hooks/their environment", test_environment);
    g_test_add_func("/hooks/a flood", test_flood);
    return g_test_run();
}
