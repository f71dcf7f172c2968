/* outdated: which snapshots of a bucket may go. A snapshot is written as ID, or ID<PARENT, its
 * number its place in the row; in capitals it is merged, with ! another node signed it. */
#include "replicator/offsite/outdated.h"

#include "lib/store/judge.h"

static struct minisign_public ours;

static struct snapshot *
make_snapshot(const char *text, guint64 number)
{
    struct snapshot *snapshot = g_new0(struct snapshot, 1);
    struct catalogue *catalogue = catalogue_new();
    snapshot->folder = g_strdup(text);
    snapshot->catalogue = catalogue;
    snapshot->trust = SNAPSHOT_TRUSTED;
    if (strchr(text, '!') == NULL)
        memcpy(snapshot->signer, ours.id, MINISIGN_KEY_ID);
    catalogue->id = g_strndup(text, 1);
    catalogue->parent = text[1] == '<' ? g_strndup(text + 2, 1) : NULL;
    catalogue->kind = g_strdup(g_ascii_isupper(*text) ? "merged" : "increment");
    *catalogue->id = g_ascii_tolower(*catalogue->id);
    catalogue->number = number;
    catalogue->complete = TRUE;
    return snapshot;
}

/* Numbers are those of the letters: a is 1. */
static struct store *
make_store(const char *const *texts)
{
    struct store *store = store_new("test");
    for (gsize i = 0; texts[i] != NULL; i++) {
        guint64 number = (guint64)(g_ascii_tolower(*texts[i]) - 'a') + 1;
        g_ptr_array_add(store->snapshots, make_snapshot(texts[i], number));
    }
    return store;
}

static char *
outdated(const char *local_texts, const char *there_texts)
{
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    const struct keys keys = {.signing = secret};
    minisign_secret_public(secret, &ours);
    g_auto(GStrv) local = g_strsplit(local_texts, " ", 0);
    g_auto(GStrv) there = g_strsplit(there_texts, " ", 0);
    AUTO(store) *store = make_store((const char *const *)local);
    struct outline outline = {.store = make_store((const char *const *)there)};
    g_autoptr(GPtrArray) folders = NULL;
    for (guint i = 0; i < store->snapshots->len; i++) /* as store_open links them */
        ((struct snapshot *)store->snapshots->pdata[i])->rooted = TRUE;
    folders = outdated_folders(&outline, store, &keys);
    store_free(outline.store);
    g_ptr_array_add(folders, NULL);
    return g_strjoinv(" ", (char **)folders->pdata);
}

#define EXPECT(expected, local, there)                                                             \
    do {                                                                                           \
        g_autofree char *found = outdated(local, there);                                           \
        g_assert_cmpstr(found, ==, expected);                                                      \
    } while (0)

static void
merged_ones(void)
{
    EXPECT("b<a a c<b", "C d<c", "a b<a c<b");     /* a full one of three: its own id goes last */
    EXPECT("c<b d<c", "a b<a D<b", "c<b d<c");     /* in the middle of a chain */
    EXPECT("c<b d<c", "a b<a D<b e<d", "c<b d<c"); /* whatever stands on it */
}

static void
expired_ones(void)
{
    EXPECT("c<b b<a a", "d e<d", "a b<a c<b"); /* an old chain, the newest first */
    EXPECT("b<a", "a c<a", "b<a");             /* a leaf */
}

static void
what_stays(void)
{
    EXPECT("", "b<a c<b", "a");                /* needed: it was lost here */
    EXPECT("", "d<c", "a b<a c<b");            /* so is all below it */
    EXPECT("", "a b<a", "c<b d<c");            /* newer than all that is here */
    EXPECT("", "d", "a! b<a! c<b!");           /* another node's */
    EXPECT("b<a! c<b!", "a C<a", "b<a! c<b!"); /* unless a merged one stands for it */
}

static void
nothing_here(void)
{
    AUTO(store) *store = store_new("test");
    struct outline outline = {.store = make_store((const char *const[]){"a", "b<a", NULL})};
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    const struct keys keys = {.signing = secret};
    g_autoptr(GPtrArray) folders = outdated_folders(&outline, store, &keys);
    g_assert_cmpuint(folders->len, ==, 0);
    store_free(outline.store);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outdated/what a merged one stands for goes, the one with its id last",
                    merged_ones);
    g_test_add_func("/outdated/what expired goes, the newest first", expired_ones);
    g_test_add_func("/outdated/what is needed, newer or another node's stays", what_stays);
    g_test_add_func("/outdated/where nothing is here all stays", nothing_here);
    return g_test_run();
}
