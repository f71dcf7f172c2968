/* lease_power: whenever the power is cut, each lease whose commit had returned is there, and of a
 * commit that had not, all or nothing. Also while the store is made, closed, opened again after a
 * cut, and made anew after damage. */
#include "lib/base/log.h"
#include "netsvc/dhcp/lease/store.h"
#include "tests/unit/power_disk.h"
#include "tests/unit/scratch.h"

#include <sys/stat.h>

#define NETWORK 0x0a000000u
#define ADDRESSES 400
#define NOW 1000

/* ---- a clock that stands ---- */

static gint64
stands(gpointer context)
{
    (void)context;
    return NOW;
}

static gboolean
believed(gpointer context)
{
    (void)context;
    return TRUE;
}

static const struct clock still = {stands, stands, believed, "boot", NULL};

/* ---- what should be there ---- */

struct model {
    gint64 until[ADDRESSES]; /* 0: no lease */
    guint8 owner[ADDRESSES];
};

static struct lease
lease_of(const struct model *model, guint i)
{
    return (struct lease){.address = NETWORK + i,
                          .state = LEASE_LEASED,
                          .until = model->until[i],
                          .since = NOW,
                          .key_size = 7,
                          .key = {1, 2, 3, 4, 5, 6, model->owner[i]},
                          .seconds = G_MAXUINT32,
                          .name = "a-name-that-takes-some-room-in-a-page-so-that-pages-are-many"};
}

static struct model
model_of(const struct leases *leases)
{
    struct model model = {0};
    const struct lease *lease = leases_after(leases, 0);
    for (; lease != NULL; lease = leases_after(leases, lease->address)) {
        guint i = lease->address - NETWORK;
        g_assert_cmpuint(i, <, ADDRESSES);
        g_assert_cmpint(lease->state, ==, LEASE_LEASED);
        model.until[i] = lease->until;
        model.owner[i] = lease->key[6];
    }
    return model;
}

static gboolean
is_same(const struct model *a, const struct model *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* ---- the world ---- */

struct world {
    struct scratch *scratch;
    char *disk_folder, *cut_folder;
    struct model committed, next; /* the latter while a commit runs, else the same */
    struct leases *leases;
    struct store *store;
    guint states, in_next;
    gboolean is_quiet; /* nothing is looked at now */
    guint one_in;      /* of so many states one is looked at deeper */
};

static char *
make_folder(const struct scratch *scratch, const char *name)
{
    char *path = g_build_filename(scratch->path, name, NULL);
    g_assert_cmpint(mkdir(path, 0700), ==, 0);
    return path;
}

static struct world *
world_new(struct scratch *scratch)
{
    struct world *world = g_new0(struct world, 1);
    g_autofree char *name = g_strdup_printf("%u", (guint)g_test_rand_int());
    g_autofree char *cut = g_strconcat(name, "-cut", NULL);
    world->scratch = scratch;
    world->disk_folder = make_folder(scratch, name);
    world->cut_folder = make_folder(scratch, cut);
    return world;
}

static void
world_close(struct world *world)
{
    g_clear_pointer(&world->store, store_free);
    g_clear_pointer(&world->leases, leases_free);
}

static void
world_free(struct world *world)
{
    world_close(world);
    file_remove_tree(AT_FDCWD, world->disk_folder, NULL);
    file_remove_tree(AT_FDCWD, world->cut_folder, NULL);
    g_free(world->disk_folder);
    g_free(world->cut_folder);
    g_free(world);
}
AUTO_DEFINE(world)

static struct store *
open_in(const char *folder, struct leases *leases)
{
    g_autofree char *path = g_build_filename(folder, "leases.db", NULL);
    g_autoptr(GError) error = NULL;
    struct store *store = store_open(path, &still, leases, &error);
    g_assert_no_error(error);
    return store;
}

static void
world_open(struct world *world)
{
    world->leases = leases_new();
    world->store = open_in(world->disk_folder, world->leases);
}

static void
commit_some(struct world *world, guint count)
{
    g_autoptr(GError) error = NULL;
    for (guint n = 0; n < count; n++) {
        guint i = (guint)g_test_rand_int_range(0, ADDRESSES);
        world->next.until[i] = 0;
        world->next.owner[i] = 0;
        if (g_test_rand_int_range(0, 5) == 0) {
            store_remove(world->store, NETWORK + i);
            continue;
        }
        world->next.until[i] = g_test_rand_int_range(NOW + 1, 1000000);
        world->next.owner[i] = (guint8)g_test_rand_int_range(1, 256);
        struct lease lease = lease_of(&world->next, i);
        store_put(world->store, &lease);
    }
    store_commit(world->store, &error);
    g_assert_no_error(error);
    world->committed = world->next;
}

/* ---- cuts ---- */

static struct model
check_found(struct world *world, const struct leases *leases)
{
    struct model found = model_of(leases);
    gboolean is_committed = is_same(&found, &world->committed);
    g_assert_true(is_committed || is_same(&found, &world->next));
    world->in_next += !is_committed;
    return found;
}

static void look_deeper(struct world *world);

static void
check_cut(void *context, struct power_disk *disk)
{
    struct world *world = context;
    for (enum power_loss loss = 0; !world->is_quiet && loss < POWER_LOSSES; loss++) {
        if (!power_disk_state(disk, loss, world->cut_folder))
            continue;
        world->states++;
        if (world->one_in > 0 && g_test_rand_int_range(0, (gint32)world->one_in) == 0) {
            look_deeper(world);
            continue;
        }
        AUTO(leases) *leases = leases_new();
        AUTO(store) *store = open_in(world->cut_folder, leases);
        g_assert_nonnull(store);
        check_found(world, leases);
    }
}

static void
copy_folder(const char *from, const char *to)
{
    g_autoptr(GDir) folder = g_dir_open(from, 0, NULL);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *source = g_build_filename(from, name, NULL), *data = NULL;
        g_autofree char *target = g_build_filename(to, name, NULL);
        gsize size;
        g_assert_true(g_file_get_contents(source, &data, &size, NULL));
        g_assert_true(g_file_set_contents_full(target, data, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                               0600, NULL));
    }
}

static void
work(struct world *world)
{
    commit_some(world, 1);
    commit_some(world, 5);
    store_tidy(world->store);
    commit_some(world, 2);
}

/* A second cut while the store recovers from the first, and while it works on. */
static void
look_deeper(struct world *world)
{
    AUTO(world) *inner = world_new(world->scratch);
    AUTO(leases) *leases = leases_new();
    copy_folder(world->cut_folder, inner->disk_folder);
    AUTO(store) *store = open_in(world->cut_folder, leases);
    g_assert_nonnull(store);
    inner->committed = inner->next = check_found(world, leases);
    AUTO(power_disk) *disk = power_disk_new(inner->disk_folder, check_cut, inner);
    power_disk_record(disk);
    world_open(inner);
    work(inner);
    world_close(inner);
    power_disk_record(NULL);
    world->states += inner->states;
}

/* ---- tests ---- */

struct fixture {
    struct scratch *scratch;
    struct world *world;
    struct power_disk *disk;
};

static void
set_up(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
        g_setenv("TMPDIR", "/dev/shm", TRUE);
    fixture->scratch = scratch_new();
    fixture->world = world_new(fixture->scratch);
}

static void
record(struct fixture *fixture)
{
    fixture->disk = power_disk_new(fixture->world->disk_folder, check_cut, fixture->world);
    power_disk_record(fixture->disk);
}

static void
stop(struct fixture *fixture)
{
    power_disk_record(NULL);
    g_test_message("%u changes of the disk, %u states after a cut, %u of them with what was not "
                   "yet promised",
                   power_disk_changes(fixture->disk), fixture->world->states,
                   fixture->world->in_next);
    g_clear_pointer(&fixture->disk, power_disk_free);
}

static void
tear_down(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_cmpuint(fixture->world->states, >, 0);
    world_free(fixture->world);
    scratch_free(fixture->scratch);
}

static void
test_while_it_is_made(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->world->one_in = 20;
    record(fixture);
    world_open(fixture->world);
    world_close(fixture->world);
    stop(fixture);
}

static void
test_while_leases_are_given(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct world *world = fixture->world;
    world->one_in = 60;
    record(fixture);
    world_open(world);
    for (guint round = 0; round < 3; round++) {
        for (guint n = 0; n < 6; n++)
            commit_some(world, (guint)g_test_rand_int_range(1, 12));
        commit_some(world, 200);
        world_close(world);
        world_open(world);
    }
    world_close(world);
    stop(fixture);
    g_assert_cmpuint(world->in_next, >, 0);
}

/* The WAL is written back and begins anew over what it had. */
static void
test_while_the_wal_begins_anew(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct world *world = fixture->world;
    record(fixture);
    world->is_quiet = TRUE;
    world_open(world);
    for (guint n = 0; n < 250; n++)
        commit_some(world, 6);
    world->is_quiet = FALSE;
    work(world);
    work(world);
    work(world);
    world_close(world);
    stop(fixture);
}

#define PAGE 4096

/* A page of leases that is not in the WAL: that one would mend it. */
static void
damage_page(const char *path)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL), *frames = NULL;
    gsize size;
    guint32 page = 3, number;
    g_assert_true(g_file_get_contents(wal, &frames, &size, NULL));
    for (gsize at = 32; at + 24 + PAGE <= size; at += 24 + PAGE) {
        memcpy(&number, frames + at, sizeof number);
        if (GUINT32_FROM_BE(number) == page) {
            page++;
            at = (gsize)32 - 24 - PAGE;
        }
    }
    static const char noise[PAGE] = {1};
    AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(pwrite(fd, noise, PAGE, (off_t)(page - 1) * PAGE), ==, PAGE);
}

static void
test_while_it_is_made_anew_after_damage(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct world *world = fixture->world;
    g_autofree char *path = g_build_filename(world->disk_folder, "leases.db", NULL);
    world_open(world);
    for (guint n = 0; n < 10; n++)
        commit_some(world, 50);
    world_close(world);
    world_open(world);
    commit_some(world, 1);
    commit_some(world, 1);
    /* As a cut leaves it: with a WAL. */
    copy_folder(world->disk_folder, world->cut_folder);
    world_close(world);
    copy_folder(world->cut_folder, world->disk_folder);
    damage_page(path);
    copy_folder(world->disk_folder, world->cut_folder);
    AUTO(leases) *leases = leases_new();
    AUTO(store) *store = open_in(world->cut_folder, leases);
    world->committed = world->next = model_of(leases);
    g_assert_cmpuint(leases_count(leases, LEASE_LEASED, 0, G_MAXUINT32), >, 100);
    g_clear_pointer(&store, store_free);
    record(fixture);
    world_open(world);
    g_assert_cmpint(scratch_shell(world->scratch, NULL, "ls */*.damaged-*"), ==, 0);
    work(world);
    world_close(world);
    stop(fixture);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    log_limit(LOG_LEVEL_ERROR); /* damage is told as often as it is found */
#define TEST(name, function)                                                                       \
    g_test_add("/lease_power/" name, struct fixture, NULL, set_up, function, tear_down)
    TEST("a cut while the store is made leaves an empty one", test_while_it_is_made);
    TEST("a cut while leases are given loses none that was promised", test_while_leases_are_given);
    TEST("a cut while the WAL begins anew loses none", test_while_the_wal_begins_anew);
    TEST("a cut while it is made anew after damage loses none that was read",
         test_while_it_is_made_anew_after_damage);
    return g_test_run();
}
