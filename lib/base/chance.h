/*
 * chance: random bytes that nobody can guess (OpenSSL's generator, seeded by the kernel). Without
 * them nothing can be done: it ends the program then.
 */
#pragma once

#include <glib.h>

void chance_bytes(void *out, gsize size);

/* `size` of them as lower-case hex, 2 × size digits; the caller frees. */
char *chance_hex(gsize size);
