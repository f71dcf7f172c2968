/*
 * base64: strict RFC 4648, as age and minisign want it: nothing but the alphabet, no stray bits at
 * the end, so that bytes have one spelling only. g_base64_decode takes whatever it is given.
 */
#pragma once

#include "lib/base/slice.h"

void base64_append(GString *out, const void *data, gsize size, gboolean padded);

/* Gives the number of bytes, at most `room`; -1 if it is not strict base64 or gives more. */
gssize base64_take(struct slice text, gboolean padded, guint8 *out, gsize room);
