/*
 * fuzz-dns_share: what the other node, or the file of the process before, says of TXT records.
 * Whatever it is, only what an update could have put is kept, no more than may be, and what is kept
 * is taken there as it is here.
 */
#include "netsvc/dns/update/share.h"
#include "tests/fuzz/fuzz.h"

struct site {
    struct texts *texts;
    struct share *other;
};

static guint32
stands(gpointer context)
{
    (void)context;
    return 1000;
}

static gboolean
is_ours(gpointer context, const struct name *name)
{
    (void)context;
    return name->size > 1 && name->wire[1] == '_';
}

static void
give(gpointer context, const guint8 *data, gsize size)
{
    struct site *site = context;
    g_assert(size <= SHARE_MESSAGE_MAX);
    share_take(site->other, data, size);
}

static struct share *
share_of(struct site *site)
{
    const struct share_means means = {site->texts, -1, "", stands, is_ours, give, site};
    return share_new(&means);
}

static void
check(const struct texts *texts, const struct texts *there)
{
    const struct text *text;
    guint place = 0;
    g_assert(texts_count(texts) <= TEXTS_MAX && texts_count(texts) == texts_count(there));
    while ((text = texts_each(texts, 1000, &place)) != NULL) {
        g_assert(text->name.wire[1] == '_' && texts_is_rdata(text->rdata, text->size));
        g_assert(text->until - 1000 <= TEXTS_SECONDS);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(texts) *texts = texts_new(), *there = texts_new();
    struct site site = {.texts = texts}, other = {.texts = there};
    AUTO(share) *share = share_of(&site), *far = share_of(&other);
    site.other = far;
    share_take(share, data, size);
    share_peer(share, TRUE);
    check(texts, there);
    return 0;
}
