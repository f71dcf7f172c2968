/*
 * age: the age v1 file format (https://age-encryption.org/v1), binary, X25519 recipients only.
 *
 *     age-encryption.org/v1                                  one stanza a recipient, each the file
 * key
 *     -> X25519 <ephemeral share, base64>                    wrapped for it
 *     <wrapped file key, base64>
 *     --- <HMAC of the header, base64>
 *     <16-byte nonce> <chunk 0> <chunk 1> … <last chunk>     64 KiB of plain text each + 16-byte
 * tag
 *
 * Chunks have their number in the nonce and a mark on the last one, so that neither reordering nor
 * cutting goes unnoticed, and any chunk can be decrypted alone: plain offset P lies in chunk P / 64
 * KiB.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#define AGE_KEY_SIZE 32       /* bytes of an X25519 key */
#define AGE_CHUNK (64 * 1024) /* plain bytes in a chunk */
#define AGE_TAG 16            /* bytes added to each chunk */
#define AGE_HEADER_MAX                                                                             \
    (16 * 1024)               /* bytes of header that a reader accepts: more than 100 recipients */
#define AGE_RECIPIENTS_MAX 64 /* stanzas that a reader looks at */

/* ---- keys: "age1…" and "AGE-SECRET-KEY-1…" in Bech32 (BIP 173) ---- */

struct age_identity {
    guint8 secret[AGE_KEY_SIZE];
    guint8 public[AGE_KEY_SIZE];
};

void age_identity_generate(struct age_identity *identity);
gboolean age_identity_parse(const char *text, struct age_identity *identity, GError **error);
char *age_identity_secret_text(const struct age_identity *identity); /* wipe after use */
char *age_recipient_text(const guint8 public[AGE_KEY_SIZE]);
gboolean age_recipient_parse(const char *text, guint8 public[AGE_KEY_SIZE], GError **error);

/* ---- writing: a stream in, a stream out ---- */

/* Takes the bytes; called with at most AGE_CHUNK + AGE_TAG bytes (the header once). */
typedef gboolean (*age_output)(void *context, const void *data, gsize size, GError **error);

struct age_writer;
struct age_writer *age_writer_new(const guint8 (*recipients)[AGE_KEY_SIZE], guint n_recipients,
                                  age_output output, void *context, GError **error);
gboolean age_writer_add(struct age_writer *writer, const void *data, gsize size, GError **error);
gboolean age_writer_finish(struct age_writer *writer, GError **error); /* writes the last chunk */
void age_writer_free(struct age_writer *writer);                       /* wipes the keys */
AUTO_DEFINE(age_writer)

/* For how many a file is encrypted that begins so; 0 when it is no age file. Needs no key. */
guint age_recipients(const char *header, gsize size);

/* ---- reading: any place of a file of known size ---- */

/* Reads exactly `size` bytes at `offset` of the encrypted file. */
typedef gboolean (*age_input)(void *context, guint64 offset, void *data, gsize size,
                              GError **error);

struct age_reader;

/* Opens with whichever identity fits. FAIL_KEY when none does, FAIL_DAMAGED when it is no age file.
 */
struct age_reader *age_reader_new(age_input input, void *context, guint64 file_size,
                                  const struct age_identity *identities, guint n_identities,
                                  GError **error);
guint64 age_reader_size(const struct age_reader *reader); /* plain bytes */

/*
 * Reads up to `size` plain bytes at `offset`; *got is 0 only at the end. Keeps the last chunk, so
 * that small reads in order cost one decryption a chunk. A chunk that does not authenticate is
 * FAIL_DAMAGED with its place.
 */
gboolean age_reader_read(struct age_reader *reader, guint64 offset, void *data, gsize size,
                         gsize *got, GError **error);
void age_reader_free(struct age_reader *reader);
AUTO_DEFINE(age_reader)
