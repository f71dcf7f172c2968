/*
 * preflight: refuses what cannot work, before anything is written.
 */
#pragma once

#include "restore/run/restore.h"

/* Refuses what cannot work: FAIL_FAILED with the first reason. Writes nothing. */
gboolean preflight(struct restore *restore, GError **error);
