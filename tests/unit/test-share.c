/* share: TXT records of updates are there after a reload, and on the other node. */
#include "netsvc/dns/update/share.h"
#include "netsvc/dns/update/update.h"

#include "scratch.h"
#include "small_zone.h"

#include <fcntl.h>

struct site {
    struct texts *texts;
    struct share *share, *other; /* other NULL: it hears nothing */
    guint32 now;
    guint messages;
};

static guint32
now_of(gpointer context)
{
    return ((struct site *)context)->now;
}

static gboolean
may_hold(gpointer context, const struct name *name)
{
    (void)context;
    return name->wire[1] == '_';
}

static void
deliver(gpointer context, const guint8 *data, gsize size)
{
    struct site *site = context;
    g_assert_cmpuint(size, <=, SHARE_MESSAGE_MAX);
    site->messages++;
    if (site->other != NULL)
        share_take(site->other, data, size);
}

static struct site *
site_new(int folder, const char *boot_id)
{
    struct site *site = g_new0(struct site, 1);
    site->texts = texts_new();
    site->now = 1000;
    const struct share_means means = {site->texts, folder,  boot_id, now_of,
                                      may_hold,    deliver, site};
    site->share = share_new(&means);
    return site;
}

static void
site_free(struct site *site)
{
    share_free(site->share);
    texts_free(site->texts);
    g_free(site);
}
AUTO_DEFINE(site)

static void
put(struct site *site, const char *owner, const char *text)
{
    const struct name name = name_of(owner);
    const guint8 *rdata = (const guint8 *)text;
    g_assert_true(texts_add(site->texts, &name, rdata, strlen(text), TEXTS_SECONDS, site->now));
    share_change(site->share, TRUE, &name, rdata, strlen(text));
}

/* NULL: all of the name. */
static void
take_back(struct site *site, const char *owner, const char *text)
{
    const struct name name = name_of(owner);
    const gsize size = text != NULL ? strlen(text) : 0;
    texts_remove(site->texts, &name, (const guint8 *)text, size);
    share_change(site->share, FALSE, &name, (const guint8 *)text, size);
}

static guint
count(struct site *site, const char *owner)
{
    const struct name name = name_of(owner);
    const guint8 *rdata;
    gsize size;
    guint place = 0, found = 0;
    while (texts_next(site->texts, &name, site->now, &place, &rdata, &size))
        found++;
    return found;
}

static int
open_folder(const struct scratch *scratch)
{
    const int folder = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(folder, >=, 0);
    return folder;
}

static void
test_the_next_process_has_them_for_as_long(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const int folder = open_folder(scratch);
    AUTO(site) *before = site_new(folder, "boot"), *after = site_new(folder, "boot");
    put(before, "_acme-challenge.clinic.example", "\3one");
    put(before, "_acme-challenge.clinic.example", "\3two");
    take_back(before, "_acme-challenge.clinic.example", "\3one");
    after->now += 600;
    share_read(after->share);
    g_assert_cmpuint(count(after, "_acme-challenge.clinic.example"), ==, 1);
    after->now += TEXTS_SECONDS - 601;
    g_assert_cmpuint(count(after, "_acme-challenge.clinic.example"), ==, 1);
    after->now++;
    g_assert_cmpuint(count(after, "_acme-challenge.clinic.example"), ==, 0);
    close(folder);
}

/* One more update came to the process before while this one had begun already. */
static void
test_what_the_process_before_took_last_is_there(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const int folder = open_folder(scratch);
    AUTO(site) *before = site_new(folder, "boot"), *after = site_new(folder, "boot");
    put(before, "_acme-challenge.a.example", "\3one");
    share_read(after->share);
    put(after, "_acme-challenge.b.example", "\3two");
    put(before, "_acme-challenge.c.example", "\5three");
    share_read(after->share);
    g_assert_cmpuint(count(after, "_acme-challenge.a.example"), ==, 1);
    g_assert_cmpuint(count(after, "_acme-challenge.b.example"), ==, 1);
    g_assert_cmpuint(count(after, "_acme-challenge.c.example"), ==, 1);
    close(folder);
}

static void
test_of_another_boot_there_are_none(void)
{
    AUTO(scratch) *scratch = scratch_new();
    const int folder = open_folder(scratch);
    AUTO(site) *before = site_new(folder, "boot"), *after = site_new(folder, "boots");
    AUTO(site) *unknown = site_new(folder, "");
    put(before, "_acme-challenge.clinic.example", "\3one");
    share_read(after->share);
    share_read(unknown->share);
    g_assert_cmpuint(texts_count(after->texts) + texts_count(unknown->texts), ==, 0);
    close(folder);
}

static void
test_a_damaged_file_is_passed_over(void)
{
    static const char *const all[] = {"",
                                      "x",
                                      "lifeboat texts 1\n",
                                      "lifeboat texts 1\nboot 1",
                                      "lifeboat texts 1\nboot x\n",
                                      "lifeboat texts 1\nboot 1\nxx"};
    AUTO(scratch) *scratch = scratch_new();
    const int folder = open_folder(scratch);
    AUTO(site) *site = site_new(folder, "boot");
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        scratch_write(scratch, "texts", all[i], strlen(all[i]));
        share_read(site->share);
        g_assert_cmpuint(texts_count(site->texts), ==, 0);
    }
    close(folder);
}

static void
test_the_other_node_has_the_same(void)
{
    AUTO(site) *a = site_new(-1, ""), *b = site_new(-1, "");
    a->other = b->share;
    put(a, "_acme-challenge.a.example", "\3one");
    g_assert_cmpuint(a->messages, ==, 0);
    share_peer(a->share, TRUE);
    g_assert_cmpuint(count(b, "_acme-challenge.a.example"), ==, 1);
    put(a, "_acme-challenge.a.example", "\3two");
    g_assert_cmpuint(count(b, "_acme-challenge.a.example"), ==, 2);
    take_back(a, "_acme-challenge.a.example", "\3one");
    g_assert_cmpuint(count(b, "_acme-challenge.a.example"), ==, 1);
    take_back(a, "_acme-challenge.a.example", NULL);
    g_assert_cmpuint(count(b, "_acme-challenge.a.example"), ==, 0);
    share_peer(a->share, FALSE);
    put(a, "_acme-challenge.a.example", "\3one");
    g_assert_cmpuint(count(b, "_acme-challenge.a.example"), ==, 0);
}

static void
test_many_go_in_several_messages(void)
{
    AUTO(site) *a = site_new(-1, ""), *b = site_new(-1, "");
    char text[201];
    memset(text, 'x', sizeof text);
    text[0] = (char)199;
    text[200] = '\0';
    a->other = b->share;
    for (guint i = 0; i < TEXTS_MAX; i++) {
        g_autofree char *owner = g_strdup_printf("_acme-challenge.a%u.example", i);
        put(a, owner, text);
    }
    share_peer(a->share, TRUE);
    g_assert_cmpuint(texts_count(b->texts), ==, TEXTS_MAX);
    g_assert_cmpuint(a->messages, >, 2);
}

static void
test_what_makes_no_sense_is_not_taken(void)
{
    static const struct {
        const char *bytes;
        gsize size;
    } all[] = {
        {"\1\0\1\2_x\0\0\2\1", 10},  /* cut off */
        {"\4\0\1\2_x\0\0\2\1a", 11}, /* no such act */
        {"\1\0\1\2_x\0\0\2\2a", 11}, /* a string that does not fit */
        {"\1\0\1\2_x\0\0\0", 9},     /* no string */
        {"\3\0\0\2_x\0\0\2\1a", 11}, /* all of a name, with data */
        {"\1\0\1\1x\0\0\2\1a", 10},  /* another name */
        {"\1\0\0\2_x\0\0\2\1a", 11}, /* over already */
        {"\1\0\1\300\0\0\2\1a", 9},  /* no name */
    };
    AUTO(site) *site = site_new(-1, "");
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        share_take(site->share, (const guint8 *)all[i].bytes, all[i].size);
        g_assert_cmpuint(texts_count(site->texts), ==, 0);
    }
    share_take(site->share, (const guint8 *)"\1\377\377\2_x\0\0\2\1a", 11);
    g_assert_cmpuint(texts_count(site->texts), ==, 1);
    site->now += TEXTS_SECONDS; /* and not for longer than an hour */
    g_assert_cmpuint(count(site, "_x"), ==, 0);
}

/* As an update could have put them: what the zones became meanwhile counts. */
static void
test_where_an_update_could_not_put_them_nothing_is(void)
{
    struct config_dns config = {.zones = g_ptr_array_new()};
    AUTO(zones) *zones = zones_new();
    zones_put(zones, small_zone("clinic.example"));
    AUTO(update) *update = update_new(&config);
    const struct name good = name_of("_acme-challenge.a.clinic.example"),
                      plain = name_of("a.clinic.example"),
                      other = name_of("_acme-challenge.example.org");
    g_assert_true(update_may_hold(update, zones, &good));
    g_assert_false(update_may_hold(update, zones, &plain));
    g_assert_false(update_may_hold(update, zones, &other));
    g_ptr_array_unref(config.zones);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/share/the next process has them for as long",
                    test_the_next_process_has_them_for_as_long);
    g_test_add_func("/share/what the process before took last is there",
                    test_what_the_process_before_took_last_is_there);
    g_test_add_func("/share/of another boot there are none", test_of_another_boot_there_are_none);
    g_test_add_func("/share/a damaged file is passed over", test_a_damaged_file_is_passed_over);
    g_test_add_func("/share/the other node has the same", test_the_other_node_has_the_same);
    g_test_add_func("/share/many go in several messages", test_many_go_in_several_messages);
    g_test_add_func("/share/what makes no sense is not taken",
                    test_what_makes_no_sense_is_not_taken);
    g_test_add_func("/share/where an update could not put them nothing is",
                    test_where_an_update_could_not_put_them_nothing_is);
    return g_test_run();
}
