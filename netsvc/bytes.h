/* bytes: numbers in network order, wherever they stand. Writing gives what is behind them. */
#pragma once

#include <glib.h>

static inline guint16
bytes_get16(const guint8 *at)
{
    return (guint16)(at[0] << 8 | at[1]);
}

static inline guint32
bytes_get32(const guint8 *at)
{
    return (guint32)bytes_get16(at) << 16 | bytes_get16(at + 2);
}

/* Of the value's lower 16 bits. */
static inline guint8 *
bytes_put16(guint8 *at, guint value)
{
    at[0] = (guint8)(value >> 8);
    at[1] = (guint8)value;
    return at + 2;
}

static inline guint8 *
bytes_put32(guint8 *at, guint32 value)
{
    return bytes_put16(bytes_put16(at, value >> 16), value);
}
