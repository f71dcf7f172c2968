/* capacity: drives that hold what they claim pass; fakes and failing ones do not, and are told
 * apart. */
#include "replicator/drive/prepare/capacity.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <string.h>

#define PAGE CAPACITY_ALIGNMENT
#define GB (G_GUINT64_CONSTANT(1000) * 1000 * 1000)
#define GIB (G_GUINT64_CONSTANT(1) << 30)

/* A drive of any size, of which only what was written takes memory. */
struct drive {
    guint64 claimed;
    guint64 wraps; /* addresses are taken modulo this; 0: as they are */
    guint64 real;  /* what is behind is not kept */
    gboolean errs; /* but is an error */
    guint64 bad;   /* at this byte nothing is kept; 0: nowhere */
    guint cached;  /* so many of the blocks written last are given back whatever is real */
    gint64 now, block_time;
    GHashTable *pages; /* address → bytes */
    GQueue cache;      /* guint64 addresses as claimed, newest in front */
    GHashTable *cache_pages;
    guint counted, total, writes;
    guint64 highest;
};

static void
drive_begin(struct drive *drive)
{
    drive->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    drive->cache_pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_queue_init(&drive->cache);
}

static void
drive_end(struct drive *drive)
{
    g_hash_table_unref(drive->pages);
    g_hash_table_unref(drive->cache_pages);
    g_queue_clear_full(&drive->cache, g_free);
}

static gpointer
copy_of(const guint64 *number)
{
    return g_memdup2(number, sizeof *number);
}

static void
cache_page(struct drive *drive, guint64 address, const void *data)
{
    g_hash_table_replace(drive->cache_pages, copy_of(&address), g_memdup2(data, PAGE));
    g_queue_push_head(&drive->cache, copy_of(&address));
    while (drive->cache.length > drive->cached) {
        guint64 *old = g_queue_pop_tail(&drive->cache);
        g_hash_table_remove(drive->cache_pages, old);
        g_free(old);
    }
}

static gboolean
is_kept(const struct drive *drive, guint64 address)
{
    return address < drive->real &&
           (drive->bad == 0 || address > drive->bad || address + PAGE <= drive->bad);
}

static gboolean
drive_write(void *context, guint64 offset, const void *data, gsize size, GError **error)
{
    struct drive *drive = context;
    drive->now += drive->block_time;
    drive->writes++;
    drive->highest = MAX(drive->highest, offset + size);
    g_assert_cmpuint(offset % PAGE, ==, 0);
    g_assert_cmpuint(offset + size, <=, drive->claimed);
    for (gsize done = 0; done < size; done += PAGE) {
        guint64 address = drive->wraps > 0 ? (offset + done) % drive->wraps : offset + done;
        if (is_kept(drive, address))
            g_hash_table_replace(drive->pages, copy_of(&address),
                                 g_memdup2((const char *)data + done, PAGE));
        else if (drive->errs)
            return fail_errno(error, EIO, "cannot write");
        if (drive->cached > 0)
            cache_page(drive, offset + done, (const char *)data + done);
    }
    return TRUE;
}

static gboolean
drive_read(void *context, guint64 offset, void *data, gsize size, GError **error)
{
    struct drive *drive = context;
    (void)error;
    for (gsize done = 0; done < size; done += PAGE) {
        guint64 as_claimed = offset + done;
        guint64 address = drive->wraps > 0 ? as_claimed % drive->wraps : as_claimed;
        const void *page = g_hash_table_lookup(drive->cache_pages, &as_claimed);
        if (page == NULL)
            page = g_hash_table_lookup(drive->pages, &address);
        if (page != NULL)
            memcpy((char *)data + done, page, PAGE);
        else
            memset((char *)data + done, 0, PAGE);
    }
    return TRUE;
}

static gboolean
drive_sync(void *context, GError **error)
{
    (void)context;
    (void)error;
    return TRUE;
}

static gint64
drive_clock(void *context)
{
    return ((struct drive *)context)->now;
}

static void
drive_count(void *context, guint done, guint total)
{
    struct drive *drive = context;
    g_assert_cmpuint(done, ==, drive->counted + 1);
    drive->counted = done;
    drive->total = total;
}

/* The error's text, NULL when it passes; caller frees. */
static char *
check(struct drive *drive)
{
    g_autoptr(GError) error = NULL;
    const struct capacity_medium medium = {
        .size = drive->claimed,
        .write = drive_write,
        .read = drive_read,
        .sync = drive_sync,
        .clock = drive_clock,
        .count = drive_count,
        .context = drive,
    };
    if (drive->real == 0)
        drive->real = drive->claimed;
    drive_begin(drive);
    gboolean fine = capacity_check(&medium, "/dev/sdx", &error);
    drive_end(drive);
    g_assert_true(fine == (error == NULL));
    return fine ? NULL : g_strdup(error->message);
}

static void
assert_says(struct drive *drive, const char *wanted)
{
    g_autofree char *said = check(drive);
    if (said == NULL || strstr(said, wanted) == NULL)
        g_error("'%s' is not in: %s", wanted, said);
}

static void
test_honest(void)
{
    static const guint64 sizes[] = {CAPACITY_SIZE_MIN, 8 * GB, 31 * GB + 512, GIB * 64, 2000 * GB};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        struct drive drive = {.claimed = sizes[i]};
        g_autofree char *said = check(&drive);
        g_assert_null(said);
        g_assert_cmpuint(drive.counted, ==, drive.total);
        g_assert_cmpuint(drive.highest, >, sizes[i] - PAGE); /* the very end was tried */
        g_assert_cmpuint(drive.writes, <=, 80);
    }
}

static void
test_drops(void)
{
    struct drive drive = {.claimed = 64 * GB, .real = 8 * GB};
    assert_says(
        &drive,
        "claims to hold 64.0\u00a0GB, but what is written beyond about 8.0\u00a0GB is lost");
}

static void
test_drops_end_only(void)
{
    struct drive drive = {.claimed = 64 * GB, .real = 64 * GB - PAGE};
    assert_says(&drive, "is lost: it is a fake");
}

static void
test_errs(void)
{
    struct drive drive = {.claimed = 64 * GB, .real = 16 * GB, .errs = TRUE};
    assert_says(&drive, "beyond about 16.0\u00a0GB is lost");
}

static void
test_wraps(void)
{
    for (guint64 size = 64 * 1024; size < 64 * GIB; size *= 2) {
        struct drive drive = {.claimed = 64 * GIB, .wraps = size};
        g_autofree char *holds = g_format_size(size);
        g_autofree char *wanted = g_strdup_printf("beyond about %s is lost", holds);
        if (size > 1024 * 1024)
            assert_says(&drive, wanted);
        else /* smaller than what is tried first */
            assert_says(&drive, "hint: do not use it");
    }
}

static void
test_wraps_and_drops(void)
{
    struct drive drive = {.claimed = 128 * GIB, .wraps = 8 * GIB, .real = 7 * GB};
    assert_says(&drive, "beyond about 7.0\u00a0GB is lost");
}

static void
test_remembers_last(void)
{
    struct drive drive = {.claimed = 64 * GB, .real = 8 * GB, .cached = 1024 * 1024 / PAGE};
    assert_says(&drive, "is lost: it is a fake");
}

static void
test_failing(void)
{
    struct drive middle = {.claimed = 32 * GB, .bad = 16 * GB + 100};
    struct drive all = {.claimed = 32 * GB, .real = 1};
    assert_says(&middle, "is failing: what is written to it at byte 16000");
    assert_says(&all, "is failing");
}

static void
test_slow(void)
{
    struct drive drive = {.claimed = 64 * GB, .block_time = 5 * G_USEC_PER_SEC};
    g_autofree char *said = check(&drive);
    g_assert_null(said);
    g_assert_cmpint(drive.now, <=, (CAPACITY_SECONDS + 2 * 5) * G_USEC_PER_SEC);
    struct drive fake = {.claimed = 64 * GB, .real = 8 * GB, .block_time = 5 * G_USEC_PER_SEC};
    assert_says(&fake, "is lost: it is a fake");
}

static void
test_small(void)
{
    struct drive drive = {.claimed = CAPACITY_SIZE_MIN - 512};
    assert_says(&drive, "is too small for a drive");
    g_assert_cmpuint(drive.writes, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/capacity/what holds all that it claims passes", test_honest);
    g_test_add_func("/capacity/a drive that drops what is beyond its end is found", test_drops);
    g_test_add_func("/capacity/also when that is its last page", test_drops_end_only);
    g_test_add_func("/capacity/one that errs beyond its end is found", test_errs);
    g_test_add_func("/capacity/one that wraps around is found at every power of two", test_wraps);
    g_test_add_func("/capacity/one that wraps around and drops tells the smaller size",
                    test_wraps_and_drops);
    g_test_add_func("/capacity/one that remembers what was written last is found",
                    test_remembers_last);
    g_test_add_func("/capacity/one with a bad place is failing, not fake", test_failing);
    g_test_add_func("/capacity/a slow one is given up on in time", test_slow);
    g_test_add_func("/capacity/a tiny one is refused unwritten", test_small);
    return g_test_run();
}
