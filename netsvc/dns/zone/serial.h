/*
 * serial: where the serial numbers of our own zones begin, so that they grow whatever the clock
 * does and however often we start: a secondary takes a zone with a lower one for older (RFC 1982).
 *
 * It is the time, in seconds since 1970. Each change of a zone raises that zone's by one, which may
 * go faster than the time; and a clinic's clock may be back in 1970 after a power cut. So what has
 * been reached is kept in a file, `serial`, a number as text, ahead by SERIAL_AHEAD so that it need
 * not be written at each change. We begin with the time or behind that number, whichever comes
 * later.
 */
#pragma once

#include "lib/base/cleanup.h"

#define SERIAL_FILE "serial"
#define SERIAL_AHEAD 3600

struct serial {
    int folder; /* the caller's; -1: nothing is kept */
    guint32 kept;
};

/* The first one; `now`: seconds since 1970. A file that cannot be read or written is an error; one
 * without a number in it is taken for none. */
gboolean serial_begin(struct serial *serial, int folder, gint64 now, guint32 *first,
                      GError **error);

/* A zone has that one now. Writes the file when it must. */
gboolean serial_reached(struct serial *serial, guint32 reached, GError **error);
