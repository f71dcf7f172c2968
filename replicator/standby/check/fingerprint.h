/*
 * fingerprint: a hash of each leaf's content, its attachments' bytes with it: for comparing what
 * two servers hold.
 */
#pragma once

#include "lib/couch/row.h"
#include "lib/http/http.h"
#include "lib/http/patience.h"

/* Reads all documents of the rows: rows with the same leaves in the same order come out, each leaf
 * with its fingerprint, as the digest of its only "attachment". What the server does not give is
 * left out. */
struct row_spool *fingerprint_all(struct http *http, const char *database, struct row_spool *rows,
                                  struct patience *patience, GError **error);
