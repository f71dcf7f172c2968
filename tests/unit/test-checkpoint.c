/* checkpoint: the marks that a standby keeps are few, reach far back, and leave no wide gap. */
#include "replicator/standby/checkpoint.h"

#define HOUR 3600

static void
add(struct checkpoint *checkpoint, gint64 at)
{
    g_autofree char *sequence = g_strdup_printf("\"%" G_GINT64_FORMAT "-x\"", at);
    checkpoint_add_mark(checkpoint, sequence, at);
}

static void
test_marks(void)
{
    struct checkpoint checkpoint;
    const gint64 begin = 1800000000, end = begin + 90 * 24 * HOUR;
    checkpoint_init(&checkpoint);
    for (gint64 at = begin; at <= end; at += 30)
        add(&checkpoint, at);
    g_assert_cmpuint(checkpoint.marks->len, <=, CHECKPOINT_MARKS_MAX);
    const struct mark *newest = checkpoint.marks->pdata[0];
    const struct mark *oldest = checkpoint.marks->pdata[checkpoint.marks->len - 1];
    g_assert_cmpint(newest->at, ==, end);
    g_assert_cmpint(oldest->at, ==, begin);
    for (guint i = 1; i + 1 < checkpoint.marks->len; i++) {
        const struct mark *one = checkpoint.marks->pdata[i],
                          *older = checkpoint.marks->pdata[i + 1];
        g_assert_cmpint(end - older->at, <=, 4 * (end - one->at) + 60);
    }
    checkpoint_clear(&checkpoint);
}

/* One that does not move leaves one mark. */
static void
test_same(void)
{
    struct checkpoint checkpoint;
    checkpoint_init(&checkpoint);
    for (guint i = 0; i < 5; i++)
        checkpoint_add_mark(&checkpoint, "\"7-x\"", 1800000000 + i);
    g_assert_cmpuint(checkpoint.marks->len, ==, 1);
    checkpoint_clear(&checkpoint);
}

/* A clock that goes back, or forward by years, costs marks and nothing else. */
static void
test_clock(void)
{
    struct checkpoint checkpoint;
    checkpoint_init(&checkpoint);
    for (guint i = 0; i < 200; i++)
        add(&checkpoint, i % 3 == 0 ? i : 1800000000 - (gint64)i * 1000000);
    g_assert_cmpuint(checkpoint.marks->len, <=, CHECKPOINT_MARKS_MAX);
    g_assert_cmpuint(checkpoint.marks->len, >, 0);
    checkpoint_clear(&checkpoint);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/checkpoint/marks reach back, each about twice as old", test_marks);
    g_test_add_func("/checkpoint/the same place is marked once", test_same);
    g_test_add_func("/checkpoint/a clock that jumps is survived", test_clock);
    return g_test_run();
}
