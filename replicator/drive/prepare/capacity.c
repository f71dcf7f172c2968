#include "replicator/drive/prepare/capacity.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE (1024 * 1024) /* bytes: the place that others are a power of two away from */
#define EVEN_PARTS 32
#define TAG 0x4c69666562746167u /* "Lifebtag" */
#define FINER 4096              /* the real size is sought to so small a part of the claimed one */

struct place {
    guint64 offset;
    gboolean tried, written, good;
    guint64 alias; /* the place whose block it gave instead; its own if none */
};

struct check {
    const struct capacity_medium *medium;
    GArray *places; /* struct place, ascending */
    guint64 nonce;  /* of this run: blocks of an earlier one do not count */
    guint64 *block, *answer;
    gint64 deadline;
    GError *first; /* what the device said when it failed */
    guint done;
};

/* ---- blocks ---- */

/* Each word depends on place and run, so that no compression or deduplication in the drive helps
 * it: splitmix64 (Steele, Lea, Flood 2014). */
static void
fill(guint64 *block, guint64 nonce, guint64 offset)
{
    guint64 state = nonce ^ (offset * 0x9e3779b97f4a7c15u);
    for (gsize i = 0; i < CAPACITY_BLOCK / sizeof *block; i++) {
        guint64 word = state += 0x9e3779b97f4a7c15u;
        word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
        word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
        block[i] = word ^ (word >> 31);
    }
    block[0] = TAG;
    block[1] = nonce;
    block[2] = offset;
}

/* Keeps the first of them. */
static void
keep_error(struct check *check, GError *error)
{
    if (check->first == NULL)
        check->first = error;
    else
        g_clear_error(&error);
}

static gboolean
write_place(struct check *check, struct place *place)
{
    GError *error = NULL;
    fill(check->block, check->nonce, place->offset);
    place->tried = TRUE;
    place->written = check->medium->write(check->medium->context, place->offset, check->block,
                                          CAPACITY_BLOCK, &error);
    if (!place->written)
        keep_error(check, error);
    return place->written;
}

static gboolean
read_place(struct check *check, struct place *place)
{
    GError *error = NULL;
    place->alias = place->offset;
    fill(check->block, check->nonce, place->offset);
    place->good = check->medium->read(check->medium->context, place->offset, check->answer,
                                      CAPACITY_BLOCK, &error);
    if (!place->good) {
        keep_error(check, error);
        return FALSE;
    }
    place->good = memcmp(check->block, check->answer, CAPACITY_BLOCK) == 0;
    if (!place->good && check->answer[0] == TAG && check->answer[1] == check->nonce)
        place->alias = check->answer[2];
    return place->good;
}

static void
sync_medium(struct check *check)
{
    GError *error = NULL;
    if (!check->medium->sync(check->medium->context, &error))
        keep_error(check, error);
}

/* ---- places ---- */

static void
add_place(GArray *places, guint64 offset, guint64 size)
{
    struct place place = {.offset = offset / CAPACITY_ALIGNMENT * CAPACITY_ALIGNMENT};
    if (place.offset + CAPACITY_BLOCK > size)
        return;
    for (guint i = 0; i < places->len; i++) {
        guint64 other = g_array_index(places, struct place, i).offset;
        if (MAX(other, place.offset) - MIN(other, place.offset) < CAPACITY_BLOCK)
            return;
    }
    g_array_append_val(places, place);
}

static int
by_offset(gconstpointer a, gconstpointer b)
{
    const struct place *one = a, *other = b;
    return (one->offset > other->offset) - (one->offset < other->offset);
}

static GArray *
choose_places(guint64 size)
{
    GArray *places = g_array_new(FALSE, TRUE, sizeof(struct place));
    add_place(places, BASE, size);
    add_place(places, size - CAPACITY_BLOCK, size);
    for (guint64 power = CAPACITY_BLOCK; power < size; power *= 2)
        add_place(places, BASE + power, size);
    for (guint i = 1; i < EVEN_PARTS; i++)
        add_place(places, size / EVEN_PARTS * i, size);
    g_array_sort(places, by_offset);
    return places;
}

static struct place *
place_at(const struct check *check, guint i)
{
    return &g_array_index(check->places, struct place, i);
}

/* ---- the check ---- */

static gboolean
is_late(const struct check *check)
{
    return check->medium->clock(check->medium->context) > check->deadline;
}

static void
count_place(struct check *check)
{
    check->done++;
    check->medium->count(check->medium->context, check->done, 2 * check->places->len);
}

/* From the end to the front, so that where it wraps around the blocks in front are the right ones;
 * what comes later also drives earlier blocks out of a drive's own memory. */
static void
write_places(struct check *check)
{
    for (guint i = check->places->len; i-- > 0;) {
        struct place *place = place_at(check, i);
        if (place->offset == BASE || !is_late(check))
            write_place(check, place);
        count_place(check);
    }
}

static void
read_places(struct check *check)
{
    for (guint i = 0; i < check->places->len; i++) {
        struct place *place = place_at(check, i);
        if (place->written)
            read_place(check, place);
        count_place(check);
    }
}

/* The first place that was tried and failed; NULL: none. */
static const struct place *
first_bad(const struct check *check)
{
    for (guint i = 0; i < check->places->len; i++)
        if (place_at(check, i)->tried && !place_at(check, i)->good)
            return place_at(check, i);
    return NULL;
}

/* The end of the last good place in front of `limit`. */
static guint64
good_end(const struct check *check, guint64 limit)
{
    guint64 end = 0;
    for (guint i = 0; i < check->places->len; i++)
        if (place_at(check, i)->good && place_at(check, i)->offset + CAPACITY_BLOCK <= limit)
            end = place_at(check, i)->offset + CAPACITY_BLOCK;
    return end;
}

/* What it wraps around at; 0: it does not. */
static guint64
wrap_size(const struct check *check)
{
    guint64 smallest = 0;
    for (guint i = 0; i < check->places->len; i++) {
        const struct place *place = place_at(check, i);
        guint64 away = place->written && place->alias != place->offset
                           ? MAX(place->offset, place->alias) - MIN(place->offset, place->alias)
                           : 0;
        if (away > 0 && (smallest == 0 || away < smallest))
            smallest = away;
    }
    return smallest;
}

static gboolean
some_are_good_behind(const struct check *check, const struct place *bad)
{
    for (guint i = 0; i < check->places->len; i++)
        if (place_at(check, i)->good && place_at(check, i)->offset > bad->offset)
            return TRUE;
    return FALSE;
}

/* Where it ends, in front of what is known to be bad: by halves, down to `fine` bytes. */
static guint64
seek_end(struct check *check, guint64 bad, guint64 fine)
{
    guint64 good = good_end(check, bad);
    while (bad - good > fine && !is_late(check)) {
        struct place middle = {.offset = (good + (bad - good) / 2) / CAPACITY_ALIGNMENT *
                                         CAPACITY_ALIGNMENT};
        gboolean written = write_place(check, &middle);
        sync_medium(check);
        if (written && read_place(check, &middle))
            good = middle.offset + CAPACITY_BLOCK;
        else
            bad = middle.offset;
    }
    return good;
}

/* What the device really holds, as far as can be told. */
static guint64
real_size(struct check *check, const struct place *bad, guint64 wrap)
{
    guint64 fine = MAX(check->medium->size / FINER, 2 * CAPACITY_BLOCK);
    if (wrap == 0 || bad->offset < wrap)
        return seek_end(check, bad->offset, fine);
    guint64 end = seek_end(check, wrap, fine); /* it may end before it wraps around */
    return wrap - end <= fine ? wrap : end;
}

static gboolean
fail_failing(const struct check *check, const char *name, guint64 offset, GError **error)
{
    return fail_set(error, FAIL_FAILED,
                    "'%s' is failing: what is written to it at byte %" G_GUINT64_FORMAT
                    " does not stay: %s\nhint: do not use it any more",
                    name, offset,
                    check->first != NULL ? check->first->message : "something else is read");
}

static gboolean
judge(struct check *check, const char *name, GError **error)
{
    guint64 wrap = wrap_size(check);
    const struct place *bad = first_bad(check);
    if (bad == NULL)
        return check->first == NULL || fail_failing(check, name, 0, error);
    if (wrap == 0 && (good_end(check, bad->offset) == 0 || some_are_good_behind(check, bad)))
        return fail_failing(check, name, bad->offset, error);
    g_autofree char *claimed = g_format_size(check->medium->size);
    g_autofree char *holds = g_format_size(real_size(check, bad, wrap));
    return fail_set(error, FAIL_FAILED,
                    "'%s' claims to hold %s, but what is written beyond about %s is lost: it is a "
                    "fake, or failing\nhint: do not use it; give it back where it was bought",
                    name, claimed, holds);
}

gboolean
capacity_check(const struct capacity_medium *medium, const char *name, GError **error)
{
    if (medium->size < CAPACITY_SIZE_MIN) {
        g_autofree char *size = g_format_size(medium->size);
        return fail_set(error, FAIL_FAILED, "'%s' is too small for a drive: %s", name, size);
    }
    struct check check = {
        .medium = medium,
        .places = choose_places(medium->size),
        .nonce = (guint64)g_random_int() << 32 | g_random_int(),
        .block = aligned_alloc(CAPACITY_ALIGNMENT, CAPACITY_BLOCK),
        .answer = aligned_alloc(CAPACITY_ALIGNMENT, CAPACITY_BLOCK),
        .deadline = medium->clock(medium->context) + CAPACITY_SECONDS * G_USEC_PER_SEC,
    };
    write_places(&check);
    sync_medium(&check);
    read_places(&check);
    gboolean fine = judge(&check, name, error);
    g_clear_error(&check.first);
    g_array_unref(check.places);
    free(check.block);
    free(check.answer);
    return fine;
}

/* ---- a device ---- */

struct device {
    int fd;
    const char *name;
    void (*count)(void *context, guint done, guint total);
    void *context;
};

static gboolean
device_write(void *context, guint64 offset, const void *data, gsize size, GError **error)
{
    const struct device *device = context;
    for (gsize done = 0; done < size;) {
        ssize_t got = pwrite(device->fd, (const char *)data + done, size - done, offset + done);
        if (got > 0)
            done += (gsize)got;
        else if (errno != EINTR)
            return fail_errno(error, got == 0 ? ENOSPC : errno, "cannot write '%s'", device->name);
    }
    return TRUE;
}

static gboolean
device_read(void *context, guint64 offset, void *data, gsize size, GError **error)
{
    const struct device *device = context;
    return file_read_at(device->fd, offset, data, size, device->name, error);
}

static gboolean
device_sync(void *context, GError **error)
{
    const struct device *device = context;
    return file_sync(device->fd, device->name, error);
}

static gint64
device_clock(void *context)
{
    (void)context;
    return g_get_monotonic_time();
}

static void
device_count(void *context, guint done, guint total)
{
    const struct device *device = context;
    device->count(device->context, done, total);
}

gboolean
capacity_check_device(int fd, guint64 size, const char *name,
                      void (*count)(void *context, guint done, guint total), void *context,
                      GError **error)
{
    struct device device = {fd, name, count, context};
    const struct capacity_medium medium = {
        .size = size,
        .write = device_write,
        .read = device_read,
        .sync = device_sync,
        .clock = device_clock,
        .count = device_count,
        .context = &device,
    };
    return capacity_check(&medium, name, error);
}
