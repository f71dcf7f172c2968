/*
 * json_scan: how the walks through JSON pass over the inside of strings, eight bytes at a time.
 *
 * Each word is tested for the bytes at which a walk must stop. A byte's test may be wrong only
 * behind one that does stop (a borrow runs upwards), and only the first one counts. See "Determine
 * if a word has a zero byte", Anderson, Bit Twiddling Hacks.
 */
#pragma once

#include <glib.h>
#include <string.h>

#define JSON_SCAN_EACH(byte) (G_GUINT64_CONSTANT(0x0101010101010101) * (byte))

/* A word in which the high bit is set at least for the first byte that is '"' or '\\'. */
static inline guint64
json_scan_quotes(guint64 word)
{
    guint64 quote = (word ^ JSON_SCAN_EACH('"')) - JSON_SCAN_EACH(1);
    guint64 backslash = (word ^ JSON_SCAN_EACH('\\')) - JSON_SCAN_EACH(1);
    return (quote | backslash) & ~word & JSON_SCAN_EACH(0x80);
}

/* The same for the first byte that is one of those, a control character or no ASCII. */
static inline guint64
json_scan_unplain(guint64 word)
{
    guint64 control = word - JSON_SCAN_EACH(0x20);
    return json_scan_quotes(word) | ((control | word) & JSON_SCAN_EACH(0x80));
}

/* The first place from `at` on where a string ends or an escape begins; `end` if there is none. */
static inline const char *
json_scan_to_quote(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        guint64 word;
        memcpy(&word, at, sizeof word);
        guint64 found = json_scan_quotes(GUINT64_FROM_LE(word));
        if (found != 0)
            return at + (__builtin_ctzll(found) >> 3);
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* The first place from `at` on that is not printable ASCII within a string; `end` if there is none.
 */
static inline const char *
json_scan_to_unplain(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        guint64 word;
        memcpy(&word, at, sizeof word);
        guint64 found = json_scan_unplain(GUINT64_FROM_LE(word));
        if (found != 0)
            return at + (__builtin_ctzll(found) >> 3);
    }
    while (at < end && *at != '"' && *at != '\\' && (guint8)*at >= 0x20 && (guint8)*at < 0x80)
        at++;
    return at;
}
