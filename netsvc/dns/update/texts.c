#include "netsvc/dns/update/texts.h"

#include <string.h>

struct texts {
    GPtrArray *all; /* struct text, in the order in which they came; there are few */
};

struct texts *
texts_new(void)
{
    struct texts *texts = g_new0(struct texts, 1);
    texts->all = g_ptr_array_new_with_free_func(g_free);
    return texts;
}

void
texts_free(struct texts *texts)
{
    if (texts == NULL)
        return;
    g_ptr_array_unref(texts->all);
    g_free(texts);
}

static gboolean
is_over(const struct text *text, guint32 now)
{
    return (gint32)(text->until - now) <= 0;
}

static void
prune(struct texts *texts, guint32 now)
{
    for (guint i = texts->all->len; i-- > 0;)
        if (is_over(texts->all->pdata[i], now))
            g_ptr_array_remove_index(texts->all, i);
}

static gboolean
is_text(const struct text *text, const struct name *name, const guint8 *rdata, gsize size)
{
    return name_equal(&text->name, name) &&
           (rdata == NULL || (text->size == size && memcmp(text->rdata, rdata, size) == 0));
}

gboolean
texts_is_rdata(const guint8 *rdata, gsize size)
{
    gsize at = 0;
    while (at < size)
        at += 1u + rdata[at];
    return size > 0 && size <= TEXTS_RDATA_MAX && at == size;
}

static struct text *
find(const struct texts *texts, const struct name *name, const guint8 *rdata, gsize size)
{
    for (guint i = 0; i < texts->all->len; i++)
        if (is_text(texts->all->pdata[i], name, rdata, size))
            return texts->all->pdata[i];
    return NULL;
}

gboolean
texts_add(struct texts *texts, const struct name *name, const guint8 *rdata, gsize size,
          guint32 seconds, guint32 now)
{
    guint same_name = 0;
    if (!texts_is_rdata(rdata, size))
        return FALSE;
    prune(texts, now);
    const struct text *before = find(texts, name, rdata, size);
    const guint32 left = before != NULL ? before->until - now : 0;
    texts_remove(texts, name, rdata, size);
    for (guint i = 0; i < texts->all->len; i++)
        same_name += is_text(texts->all->pdata[i], name, NULL, 0);
    if (texts->all->len >= TEXTS_MAX || same_name >= TEXTS_OF_NAME)
        return FALSE;
    struct text *added = g_new0(struct text, 1);
    added->name = *name;
    added->until = now + MIN(MAX(left, seconds), TEXTS_SECONDS);
    added->size = size;
    memcpy(added->rdata, rdata, size);
    g_ptr_array_add(texts->all, added);
    return TRUE;
}

void
texts_remove(struct texts *texts, const struct name *name, const guint8 *rdata, gsize size)
{
    for (guint i = texts->all->len; i-- > 0;)
        if (is_text(texts->all->pdata[i], name, rdata, size))
            g_ptr_array_remove_index(texts->all, i);
}

gboolean
texts_next(struct texts *texts, const struct name *name, guint32 now, guint *place,
           const guint8 **rdata, gsize *size)
{
    for (; *place < texts->all->len; (*place)++) {
        const struct text *text = texts->all->pdata[*place];
        if (is_over(text, now) || !is_text(text, name, NULL, 0))
            continue;
        *rdata = text->rdata;
        *size = text->size;
        (*place)++;
        return TRUE;
    }
    return FALSE;
}

const struct text *
texts_each(const struct texts *texts, guint32 now, guint *place)
{
    while (*place < texts->all->len) {
        const struct text *text = texts->all->pdata[(*place)++];
        if (!is_over(text, now))
            return text;
    }
    return NULL;
}

guint
texts_count(const struct texts *texts)
{
    return texts->all->len;
}
