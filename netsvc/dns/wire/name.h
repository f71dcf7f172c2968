/*
 * name: a domain name as it goes over the wire, in small letters and without compression: labels
 * with a length byte each, the root's empty one last (RFC 1035, 3.1; RFC 4343 for the letters).
 */
#pragma once

#include <glib.h>

#define NAME_SIZE_MAX 255  /* bytes, all length bytes included */
#define NAME_TEXT_MAX 1005 /* of its text: every byte as \DDD, dots, zero byte */
#define LABEL_MAX 63
#define NAME_LABELS_MAX 127

struct name {
    guint8 size;   /* 1 for the root */
    guint8 labels; /* without the root's */
    guint8 wire[NAME_SIZE_MAX];
};

/* From text, escapes as in RFC 1035 5.1; with or without the dot at its end. FALSE: it is none. */
gboolean name_from_text(struct name *name, const char *text);

/* For people, without the dot at its end unless it is the root; `text` holds NAME_TEXT_MAX. */
const char *name_text(const struct name *name, char *text);

/* From wire, in small letters; compression is followed only backwards, and only where `whole` (the
 * message) is given. Gives the bytes that it took at `at`, 0: it is none. */
gsize name_from_wire(struct name *name, const guint8 *at, gsize size, const guint8 *whole);

/* Whether `name` is `parent` or below it. */
gboolean name_is_below(const struct name *name, const struct name *parent);
gboolean name_equal(const struct name *a, const struct name *b);

/* Without its first `labels` labels. */
void name_parent(struct name *parent, const struct name *name, guint labels);

/* `label` in front of `parent`; FALSE: too long. */
gboolean name_prepend(struct name *name, const char *label, gsize size, const struct name *parent);

/* In small letters; `to` may be `from`. */
void name_lower(guint8 *to, const guint8 *from, gsize size);

/* Where each label of a wire name begins, the root's last; gives their number without the root. */
guint name_offsets(const guint8 *wire, guint8 offsets[NAME_LABELS_MAX + 1]);

/* Canonical order (RFC 4034 6.1) of two wire names in small letters: as strcmp. */
int name_compare(const guint8 *a, const guint8 *b);

/* Seeded anew in each process. */
guint name_hash(const struct name *name);

/* The hash of the name and of each of its parents in one go: [i] is of the name without its first i
 * labels, which begins at offsets[i]. */
struct name_hashes {
    guint32 of[NAME_LABELS_MAX + 1];
    guint8 offsets[NAME_LABELS_MAX + 1];
};
void name_hashes(const struct name *name, struct name_hashes *hashes);

/* 7.0.0.10.in-addr.arpa of an IPv4 address in the host's byte order; and of an IPv6 one. */
void name_reverse4(struct name *name, guint32 address);
void name_reverse6(struct name *name, const guint8 address[16]);
