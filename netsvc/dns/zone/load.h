/*
 * load: a zone from a master file (RFC 1035 5). ldns reads the records; the lines, $ORIGIN, $TTL,
 * $INCLUDE and the bounds are ours. Every type that ldns knows, and others as RFC 3597 writes them.
 */
#pragma once

#include "netsvc/dns/zone/zone.h"

#define LOAD_FILE_MAX (512 * 1024 * 1024) /* bytes of a file */
#define LOAD_INCLUDE_DEPTH 8              /* files that include each other */
#define LOAD_INCLUDE_MAX 1000             /* files in all */
#define LOAD_TTL 3600                     /* seconds, where the file says nothing */

/* Finished. A mistake is told with file and line: `/etc/lifeboat/clinic.zone:12: …`. Paths behind
 * $INCLUDE are relative to the file that they stand in. */
struct zone *load_file(const char *path, const struct name *origin, GError **error);

/* The same of a text; `path` is for messages and $INCLUDE. */
struct zone *load_text(const char *text, gsize size, const char *path, const struct name *origin,
                       GError **error);
