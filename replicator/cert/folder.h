/*
 * folder: what of certificates goes to a drive, and comes from it. Plain files that any laptop can
 * read, in a folder of their own:
 *
 *     DRIVE/lifeboat-cert/ clinic.example.csr     the request: public, no secret in it
 *                          README.txt             how to have it signed
 *                          *                      what was signed, as the ACME client wrote it
 *
 * What comes is hostile: regular files alone, of a size, so many.
 */
#pragma once

#include "lib/base/slice.h"

#define FOLDER_NAME "lifeboat-cert"
#define FOLDER_FILE_MAX 40000  /* bytes of a file that is looked at */
#define FOLDER_TOTAL_MAX 42000 /* bytes of all that are sent on: with base64 one request */
#define FOLDER_FILES_MAX 256   /* that are looked at */

/* Writes both into DIR/lifeboat-cert, durably, unless they are there already. The path of the
 * request, for the caller to free; NULL with an error. */
char *folder_write_request(const char *dir, const char *name, const char *request, GError **error);

/* The files of `path` that may be certificates or keys, base64 (char *): of a file itself, of a
 * folder, or of lifeboat-cert in it where that is there. Empty: there are none. FAIL_USAGE: they
 * are more than the limits, of which none is left out in silence. */
GPtrArray *folder_read(const char *path, GError **error);
