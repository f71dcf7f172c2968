/* remote: another node that was taken over, or goes mad, keeps this one busy only so much. */
#include "netsvc/failover/checks.h"
#include "netsvc/failover/world.h"

#include <string.h>

#define FRAME_MAX LINK_FRAME_MAX

static struct {
    checks_answered answered[64];
    gpointer context[64];
    guint checks, sent, refused;
    char *last;
} world;

struct checks *
checks_run(struct child *child, gboolean from, checks_answered answered, gpointer context)
{
    (void)child;
    (void)from;
    g_assert_cmpuint(world.checks, <, G_N_ELEMENTS(world.answered));
    world.answered[world.checks] = answered;
    world.context[world.checks++] = context;
    return NULL;
}

gboolean
link_send(struct link *link, enum link_kind kind, const void *data, gsize size)
{
    (void)link;
    g_assert_cmpint(kind, ==, LINK_NOTE);
    if (size > FRAME_MAX)
        return FALSE;
    g_free(world.last);
    world.last = g_strndup(data, size);
    world.sent++;
    return TRUE;
}

static void
begin(struct failover *failover)
{
    g_clear_pointer(&world.last, g_free);
    memset(&world, 0, sizeof world);
    *failover = (struct failover){.remote = g_ptr_array_new()};
}

static void
end(struct failover *failover)
{
    for (guint i = 0; i < world.checks; i++)
        world.answered[i](world.context[i], TRUE, "{}");
    g_assert_cmpuint(failover->errands, ==, 0);
    g_ptr_array_unref(failover->remote);
    g_free(failover->note);
}

static void
test_flood(void)
{
    struct failover failover;
    begin(&failover);
    for (guint i = 0; i < 1000; i++) {
        g_autofree char *note = g_strdup_printf("{\"question\":%u,\"what\":\"check to\"}", i);
        remote_take(&failover, slice_of(note));
    }
    g_assert_cmpuint(world.checks, <=, 4);
    g_assert_cmpuint(world.sent, ==, 1000 - world.checks);
    g_assert_nonnull(strstr(world.last, "\"done\":false"));
    end(&failover);
}

/* It would be a part of the answer to `lifeboat status`. */
static void
test_huge_note(void)
{
    struct failover failover;
    g_autofree char *long_text = g_strnfill(50000, 'x');
    g_autofree char *note = g_strdup_printf("{\"node\":\"%s\"}", long_text);
    begin(&failover);
    remote_take(&failover, slice_of("{\"node\":\"b\"}"));
    remote_take(&failover, slice_of(note));
    g_assert_cmpstr(failover.note, ==, "{\"node\":\"b\"}");
    end(&failover);
}

static void
test_huge_answer(void)
{
    struct failover failover;
    g_autofree char *long_text = g_strnfill(FRAME_MAX, 'x');
    begin(&failover);
    remote_take(&failover, slice_of("{\"question\":1,\"what\":\"check from\"}"));
    g_assert_cmpuint(world.checks, ==, 1);
    world.checks = 0;
    world.answered[0](world.context[0], TRUE, long_text);
    g_assert_cmpuint(world.sent, ==, 1);
    g_assert_nonnull(strstr(world.last, "\"done\":false"));
    end(&failover);
}

static void
count_refusal(struct failover *failover, gpointer context, gboolean done, const char *answer)
{
    (void)failover;
    (void)context;
    (void)answer;
    g_assert_false(done);
    world.refused++;
}

/* What never comes is waited for no longer than a minute. */
static void
test_silence(void)
{
    struct failover failover;
    begin(&failover);
    for (guint i = 0; i < 100; i++)
        remote_ask(&failover, "check to", count_refusal, NULL);
    const guint waiting = failover.remote->len;
    g_assert_cmpuint(waiting, >, 0);
    g_assert_cmpuint(world.refused, ==, 100 - waiting);
    const gint64 now = g_get_monotonic_time();
    remote_tick(&failover, now + 59 * G_USEC_PER_SEC);
    g_assert_cmpuint(failover.remote->len, ==, waiting);
    remote_tick(&failover, now + 61 * G_USEC_PER_SEC);
    g_assert_cmpuint(failover.remote->len, ==, 0);
    g_assert_cmpuint(world.refused, ==, 100);
    end(&failover);
}

static void
take_well(struct failover *failover, gpointer context, gboolean done, const char *answer)
{
    (void)failover;
    g_assert_true(done);
    g_assert_cmpstr(answer, ==, "all is well");
    (*(guint *)context)++;
}

/* The link goes on by another path: what was asked is asked there again, and answered once. */
static void
test_another_path(void)
{
    struct failover failover;
    guint answered = 0;
    begin(&failover);
    remote_ask(&failover, "check to", take_well, &answered);
    g_autofree char *asked = g_strdup(world.last);
    remote_lost(&failover);
    g_clear_pointer(&world.last, g_free);
    remote_met(&failover);
    g_assert_cmpstr(world.last, ==, asked);
    remote_tick(&failover, g_get_monotonic_time() + 10 * G_USEC_PER_SEC);
    for (guint i = 0; i < 2; i++)
        remote_take(&failover, slice_of("{\"answer\":1,\"done\":true,\"text\":\"all is well\"}"));
    g_assert_cmpuint(answered, ==, 1);
    end(&failover);
}

static void
test_away(void)
{
    struct failover failover;
    begin(&failover);
    remote_ask(&failover, "check to", count_refusal, NULL);
    remote_lost(&failover);
    g_assert_cmpuint(world.refused, ==, 0);
    remote_tick(&failover, g_get_monotonic_time() + 4 * G_USEC_PER_SEC);
    g_assert_cmpuint(world.refused, ==, 1);
    end(&failover);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/remote/a flood of questions", test_flood);
    g_test_add_func("/remote/a note that is too long", test_huge_note);
    g_test_add_func("/remote/an answer that is too long", test_huge_answer);
    g_test_add_func("/remote/answers that never come", test_silence);
    g_test_add_func("/remote/the link goes on by another path", test_another_path);
    g_test_add_func("/remote/the other node goes away", test_away);
    return g_test_run();
}
