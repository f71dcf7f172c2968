#include "netsvc/dns/update/share.h"

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "netsvc/bytes.h"

#include <stdio.h>
#include <string.h>

#define FILE_NAME "texts"
#define MAGIC "lifeboat texts 1\n"
#define MODE 0600
#define HEAD_MAX 128 /* bytes of the file before its entries */
#define ENTRY_MAX (3 + NAME_SIZE_MAX + 2 + TEXTS_RDATA_MAX)

struct share {
    struct share_means means;
    gboolean there; /* the other node is */
};

struct entry {
    guint act;
    guint32 seconds;
    struct name name;
    const guint8 *rdata;
    gsize size;
};

/* ---- entries ---- */

static void
add(GByteArray *out, enum share_act act, guint32 seconds, const struct name *name,
    const guint8 *rdata, gsize size)
{
    guint8 head[3] = {(guint8)act}, length[2];
    bytes_put16(head + 1, seconds);
    bytes_put16(length, (guint)size);
    g_byte_array_append(out, head, sizeof head);
    g_byte_array_append(out, name->wire, name->size);
    g_byte_array_append(out, length, sizeof length);
    g_byte_array_append(out, rdata, (guint)size);
}

static void
add_text(GByteArray *out, const struct text *text, guint32 now)
{
    add(out, SHARE_PUT, text->until - now, &text->name, text->rdata, text->size);
}

/* Moves on; FALSE: the end, or no entry. */
static gboolean
read_entry(struct entry *entry, const guint8 **at, gsize *left)
{
    if (*left < 3)
        return FALSE;
    entry->act = (*at)[0];
    entry->seconds = bytes_get16(*at + 1);
    const gsize name = name_from_wire(&entry->name, *at + 3, *left - 3, NULL);
    if (name == 0 || *left < 3 + name + 2)
        return FALSE;
    entry->size = bytes_get16(*at + 3 + name);
    entry->rdata = *at + 3 + name + 2;
    const gsize whole = 3 + name + 2 + entry->size;
    if (*left < whole)
        return FALSE;
    *at += whole;
    *left -= whole;
    return TRUE;
}

static gboolean
is_sound(const struct entry *entry)
{
    if (entry->act == SHARE_CLEAR)
        return entry->size == 0;
    return (entry->act == SHARE_PUT || entry->act == SHARE_REMOVE) &&
           texts_is_rdata(entry->rdata, entry->size);
}

/* `seconds` have passed since they were written. FALSE: something makes no sense. */
static gboolean
take_entries(struct share *share, const guint8 *at, gsize left, guint32 seconds)
{
    const struct share_means *means = &share->means;
    struct entry entry;
    while (left > 0) {
        if (!read_entry(&entry, &at, &left) || !is_sound(&entry))
            return FALSE;
        if (!means->may_hold(means->context, &entry.name))
            continue;
        if (entry.act != SHARE_PUT)
            texts_remove(means->texts, &entry.name, entry.act == SHARE_CLEAR ? NULL : entry.rdata,
                         entry.size);
        else if (entry.seconds > seconds)
            texts_add(means->texts, &entry.name, entry.rdata, entry.size, entry.seconds - seconds,
                      means->now(means->context));
    }
    return TRUE;
}

/* ---- the file ---- */

void
share_write(struct share *share)
{
    const struct share_means *means = &share->means;
    const guint32 now = means->now(means->context);
    const struct text *text;
    guint place = 0;
    g_autoptr(GError) error = NULL;
    if (*means->boot_id == '\0')
        return;
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autofree char *head = g_strdup_printf(MAGIC "%s %u\n", means->boot_id, now);
    g_byte_array_append(out, (const guint8 *)head, (guint)strlen(head));
    while ((text = texts_each(means->texts, now, &place)) != NULL)
        add_text(out, text, now);
    if (!file_replace(means->folder, FILE_NAME, out->data, out->len, MODE, &error))
        log_warning("TXT records of updates are lost at a reload: %s", error->message);
}

/* Where its entries begin; 0: it is of another boot, or makes no sense. */
static gsize
read_head(const struct share *share, const char *text, gsize size, guint32 *then)
{
    const char *end = size > strlen(MAGIC)
                          ? memchr(text + strlen(MAGIC), '\n', MIN(size, HEAD_MAX) - strlen(MAGIC))
                          : NULL;
    const gsize id = strlen(share->means.boot_id);
    if (end == NULL || memcmp(text, MAGIC, strlen(MAGIC)) != 0)
        return 0;
    const char *boot = text + strlen(MAGIC);
    if ((gsize)(end - boot) <= id || memcmp(boot, share->means.boot_id, id) != 0 ||
        sscanf(boot + id, " %u", then) != 1)
        return 0;
    return (gsize)(end + 1 - text);
}

void
share_read(struct share *share)
{
    const struct share_means *means = &share->means;
    g_autoptr(GError) error = NULL;
    gsize size = 0;
    guint32 then;
    if (*means->boot_id == '\0' || file_is_absent(means->folder, FILE_NAME))
        return;
    g_autofree char *text = file_read(means->folder, FILE_NAME, SHARE_FILE_MAX, &size, &error);
    if (text == NULL) {
        log_warning("TXT records of updates are not known any more: %s", error->message);
        return;
    }
    const gsize head = read_head(share, text, size, &then);
    if (head > 0 && !take_entries(share, (const guint8 *)text + head, size - head,
                                  means->now(means->context) - then))
        log_warning("'" FILE_NAME "' is damaged: ignoring TXT records of updates in it");
}

/* ---- the other node ---- */

static void
send(const struct share *share, const GByteArray *out)
{
    if (share->there && out->len > 0)
        share->means.send(share->means.context, out->data, out->len);
}

void
share_change(struct share *share, gboolean put, const struct name *name, const guint8 *rdata,
             gsize size)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    const enum share_act act = put ? SHARE_PUT : rdata != NULL ? SHARE_REMOVE : SHARE_CLEAR;
    add(out, act, put ? TEXTS_SECONDS : 0, name, rdata, rdata != NULL ? size : 0);
    send(share, out);
    share_write(share);
}

void
share_peer(struct share *share, gboolean there)
{
    const struct share_means *means = &share->means;
    const guint32 now = means->now(means->context);
    const struct text *text;
    guint place = 0;
    const gboolean met = there && !share->there;
    share->there = there;
    if (!met)
        return;
    g_autoptr(GByteArray) out = g_byte_array_new();
    while ((text = texts_each(means->texts, now, &place)) != NULL) {
        add_text(out, text, now);
        if (out->len <= SHARE_MESSAGE_MAX - ENTRY_MAX)
            continue;
        send(share, out);
        g_byte_array_set_size(out, 0);
    }
    send(share, out);
}

void
share_take(struct share *share, const guint8 *data, gsize size)
{
    if (!take_entries(share, data, size, 0))
        log_warning("ignoring what the other node says of TXT records: it makes no sense");
    share_write(share);
}

/* ---- begin and end ---- */

struct share *
share_new(const struct share_means *means)
{
    struct share *share = g_new0(struct share, 1);
    share->means = *means;
    return share;
}

void
share_free(struct share *share)
{
    g_free(share);
}
