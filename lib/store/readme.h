/*
 * readme: README.txt on every store: what this is, and how to restore with Lifeboat and without it,
 * in plain words and with this store's real names. Written anew when it differs.
 */
#pragma once

#include "lib/store/store.h"

gboolean readme_write(struct store *store, const struct keys *keys, GError **error);
