/*
 * pack: libarchive makes and reads the tar; here are the frames, the checks and the plumbing.
 *
 * Writing, bytes are pushed: libarchive's callback compresses, compressed blocks go to age, age's
 * chunks to the parts. Reading, they are pulled: libarchive's callback decompresses what the age
 * reader gives. libarchive's callbacks carry no GError, so the first one waits in the struct and is
 * moved out behind libarchive's back.
 *
 * What a reader accepts is what the writer makes: regular files under relative names without '..'.
 */
#include "lib/archive/pack.h"

#include "lib/base/fail.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <zstd.h>

#define ZSTD_LEVEL 1 /* 3 is no smaller on CHT-shaped documents, and costs half as much again */
#define ZSTD_BLOCK (128 * 1024) /* bytes of compressed output that are passed on at once */
#define TAR_BLOCK (64 * 1024)   /* bytes of tar given to libarchive at once */
#define TAR_END_MARK 1024       /* bytes of zeros */
#define DEFAULT_MODE 0600

/* Neither absolute nor climbing: '..' is no component, and none is empty. */
static gboolean
name_is_safe(const char *name)
{
    for (const char *part = name;; part++) {
        gsize size = strcspn(part, "/");
        if (size == 0 || (size == 1 && part[0] == '.') ||
            (size == 2 && part[0] == '.' && part[1] == '.'))
            return FALSE;
        part += size;
        if (*part == '\0')
            return TRUE;
    }
}

/*
 * libarchive translates names between the locale's character set and pax's UTF-8. Under this locale
 * that changes nothing, whatever the program's is; names that are not UTF-8 are marked as binary
 * and kept. (A 0 from newlocale leaves the program's in place.) Use: `locale_t before =
 * names_as_bytes(); … uselocale(before);`
 */
static locale_t
names_as_bytes(void)
{
    static gsize once;
    static locale_t utf8;
    if (g_once_init_enter(&once)) {
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        g_once_init_leave(&once, 1);
    }
    return uselocale(utf8);
}

/* ---- writing ---- */

struct pack_writer {
    struct parts_writer *parts;
    struct age_writer *age;
    ZSTD_CCtx *zstd;
    struct archive *tar;
    struct hash *hash; /* of the entry */
    GError *failure;   /* of the callback */
    guint64 compressed;
    guint64 plain;
    guint64 frame;        /* where the frame began */
    gboolean given_up;    /* nothing is to be written any more */
    gboolean frame_begun; /* and something is in it */
    uid_t uid;            /* of the next entry */
    gid_t gid;
    char *user, *group;
    gboolean in_entry;
    guint64 entry_left; /* bytes announced and not yet written */
    char *block;        /* ZSTD_BLOCK bytes */
};

static gboolean
parts_output(void *context, const void *data, gsize size, GError **error)
{
    struct pack_writer *writer = context;
    return parts_writer_add(writer->parts, data, size, error);
}

static gboolean
compress(struct pack_writer *writer, const void *data, gsize size, ZSTD_EndDirective directive,
         GError **error)
{
    ZSTD_inBuffer in = {data, size, 0};
    gsize left;
    do {
        ZSTD_outBuffer out = {writer->block, ZSTD_BLOCK, 0};
        left = ZSTD_compressStream2(writer->zstd, &out, &in, directive);
        if (ZSTD_isError(left))
            return fail_set(error, FAIL_FAILED, "cannot compress: %s", ZSTD_getErrorName(left));
        writer->compressed += out.pos;
        if (out.pos > 0 && !age_writer_add(writer->age, out.dst, out.pos, error))
            return FALSE;
    } while (directive == ZSTD_e_end ? left > 0 : in.pos < in.size);
    return TRUE;
}

/*
 * libarchive is never told of a failure, since 3.6 leaks after one; tar_done() asks for it. Once it
 * failed or was given up, what libarchive still writes goes nowhere.
 */
static la_ssize_t
tar_output(struct archive *tar, void *context, const void *data, size_t size)
{
    struct pack_writer *writer = context;
    (void)tar;
    writer->frame_begun = TRUE;
    if (writer->failure == NULL && !writer->given_up)
        compress(writer, data, size, ZSTD_e_continue, &writer->failure);
    return (la_ssize_t)size;
}

/* Whether a call of libarchive went well; else moves out why. */
static gboolean
tar_done(struct pack_writer *writer, gboolean well, GError **error)
{
    if (writer->failure != NULL)
        g_propagate_error(error, g_steal_pointer(&writer->failure));
    else if (well)
        return TRUE;
    else
        fail_set(error, FAIL_FAILED, "cannot write tar: %s", archive_error_string(writer->tar));
    writer->given_up = TRUE;
    return FALSE;
}

static gboolean
end_frame(struct pack_writer *writer, GError **error)
{
    if (writer->frame_begun && !compress(writer, NULL, 0, ZSTD_e_end, error))
        return FALSE;
    writer->frame_begun = FALSE;
    writer->frame = writer->compressed;
    return TRUE;
}

static gboolean
open_tar(struct pack_writer *writer, GError **error)
{
    writer->tar = archive_write_new();
    if (writer->tar == NULL)
        return fail_set(error, FAIL_FAILED, "out of memory");
    gboolean well = archive_write_set_format_pax_restricted(writer->tar) == ARCHIVE_OK &&
                    archive_write_set_bytes_per_block(writer->tar, 0) == ARCHIVE_OK &&
                    archive_write_open(writer->tar, writer, NULL, tar_output, NULL) == ARCHIVE_OK;
    return tar_done(writer, well, error);
}

struct pack_writer *
pack_writer_new(int folder_fd, const struct keys *keys, guint64 part_size, GError **error)
{
    AUTO(pack_writer) *writer = g_new0(struct pack_writer, 1);
    writer->block = g_malloc(ZSTD_BLOCK);
    writer->hash = hash_new(HASH_SHA256);
    writer->parts = parts_writer_new(folder_fd, part_size);
    writer->zstd = ZSTD_createCCtx();
    if (writer->zstd == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_windowLog, PACK_WINDOW_LOG)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_checksumFlag, 1))) {
        fail_set(error, FAIL_FAILED, "cannot set up zstd");
        return NULL;
    }
    writer->age = age_writer_new((const guint8(*)[AGE_KEY_SIZE])keys->recipients,
                                 keys->n_recipients, parts_output, writer, error);
    if (writer->age == NULL || !open_tar(writer, error))
        return NULL;
    return g_steal_pointer(&writer);
}

void
pack_writer_owner(struct pack_writer *writer, uid_t uid, gid_t gid, const char *user,
                  const char *group)
{
    writer->uid = uid;
    writer->gid = gid;
    g_free(writer->user);
    g_free(writer->group);
    writer->user = g_strdup(user);
    writer->group = g_strdup(group);
}

gboolean
pack_writer_entry(struct pack_writer *writer, const char *name, guint64 size, gboolean frame,
                  mode_t mode, guint64 *place, GError **error)
{
    g_assert(!writer->in_entry);
    if (!name_is_safe(name) || strlen(name) > PACK_NAME_MAX || size > G_MAXINT64)
        return fail_set(error, FAIL_FAILED, "cannot archive an entry named '%.200s'", name);
    if (frame && !end_frame(writer, error))
        return FALSE;
    if (place != NULL)
        *place = writer->frame;
    struct archive_entry *entry = archive_entry_new();
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, mode == 0 ? DEFAULT_MODE : mode & 07777);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_uid(entry, writer->uid);
    archive_entry_set_gid(entry, writer->gid);
    archive_entry_copy_uname(entry, writer->user);
    archive_entry_copy_gname(entry, writer->group);
    pack_writer_owner(writer, 0, 0, NULL, NULL);
    locale_t before = names_as_bytes();
    int result = archive_write_header(writer->tar, entry);
    uselocale(before);
    archive_entry_free(entry);
    if (!tar_done(writer, result == ARCHIVE_OK || result == ARCHIVE_WARN, error))
        return FALSE;
    writer->in_entry = TRUE;
    writer->entry_left = size;
    return TRUE;
}

gboolean
pack_writer_data(struct pack_writer *writer, const void *data, gsize size, GError **error)
{
    g_assert(writer->in_entry && size <= writer->entry_left);
    if (size == 0)
        return TRUE;
    la_ssize_t taken = archive_write_data(writer->tar, data, size);
    if (!tar_done(writer, taken == (la_ssize_t)size, error))
        return FALSE;
    hash_add(writer->hash, data, size);
    writer->entry_left -= size;
    writer->plain += size;
    return TRUE;
}

gboolean
pack_writer_entry_end(struct pack_writer *writer, guint8 sha256[HASH_SHA256_SIZE], GError **error)
{
    guint8 digest[HASH_MAX];
    g_assert(writer->in_entry && writer->entry_left == 0);
    writer->in_entry = FALSE;
    hash_take(writer->hash, digest);
    if (sha256 != NULL)
        memcpy(sha256, digest, HASH_SHA256_SIZE);
    /* Pads to tar's 512 bytes now, so that a new frame begins with a header. */
    return tar_done(writer, archive_write_finish_entry(writer->tar) == ARCHIVE_OK, error);
}

gboolean
pack_writer_finish(struct pack_writer *writer, GError **error)
{
    g_assert(!writer->in_entry);
    return tar_done(writer, archive_write_close(writer->tar) == ARCHIVE_OK, error) &&
           end_frame(writer, error) && age_writer_finish(writer->age, error) &&
           parts_writer_finish(writer->parts, error);
}

guint64
pack_writer_plain(const struct pack_writer *writer)
{
    return writer->plain;
}

guint64
pack_writer_compressed(const struct pack_writer *writer)
{
    return writer->compressed;
}

const struct parts_writer *
pack_writer_parts(const struct pack_writer *writer)
{
    return writer->parts;
}

void
pack_writer_free(struct pack_writer *writer)
{
    if (writer == NULL)
        return;
    writer->given_up = TRUE; /* libarchive would write its end mark */
    archive_write_free(writer->tar);
    ZSTD_freeCCtx(writer->zstd);
    age_writer_free(writer->age);
    parts_writer_free(writer->parts);
    hash_free(writer->hash);
    g_clear_error(&writer->failure);
    g_free(writer->user);
    g_free(writer->group);
    g_free(writer->block);
    g_free(writer);
}

/* ---- reading ---- */

struct pack {
    struct parts_reader *parts;
    struct age_reader *age;
};

struct pack *
pack_open(int folder_fd, const char *sums, const struct keys *keys, GError **error)
{
    AUTO(pack) *pack = g_new0(struct pack, 1);
    pack->parts = parts_reader_open(folder_fd, sums, error);
    if (pack->parts == NULL)
        return NULL;
    pack->age = age_reader_new(parts_reader_read, pack->parts, parts_reader_size(pack->parts),
                               keys->identities, keys->n_identities, error);
    return pack->age == NULL ? NULL : g_steal_pointer(&pack);
}

void
pack_free(struct pack *pack)
{
    if (pack == NULL)
        return;
    age_reader_free(pack->age);
    parts_reader_free(pack->parts);
    g_free(pack);
}

struct pack_cursor {
    struct pack *pack;
    ZSTD_DCtx *zstd;
    struct archive *tar;
    GError *failure;    /* of the callback */
    guint64 offset;     /* of the compressed stream, read so far */
    guint64 frame;      /* where the frame began that was decompressed last */
    gboolean mid_frame; /* the frame goes on */
    gboolean drained;   /* zstd's last call gave nothing */
    gboolean ended;     /* the compressed stream did */
    gboolean in_entry;
    ZSTD_inBuffer in; /* what zstd has not taken yet; points into `compressed` */
    char compressed[AGE_CHUNK];
    char block[TAR_BLOCK];
};

/* Gets more compressed bytes: to the end of an age chunk, so that none is decrypted twice. */
static gboolean
refill(struct pack_cursor *cursor, GError **error)
{
    gsize got = 0;
    gsize size = AGE_CHUNK - (gsize)(cursor->offset % AGE_CHUNK);
    if (!age_reader_read(cursor->pack->age, cursor->offset, cursor->compressed, size, &got, error))
        return FALSE;
    cursor->offset += got;
    cursor->in = (ZSTD_inBuffer){cursor->compressed, got, 0};
    cursor->ended = got == 0;
    return TRUE;
}

/*
 * Fills `block`, at most to the end of the frame, so that a frame can be read whatever follows it.
 * 0 bytes only at the end.
 */
static gboolean
decompress(struct pack_cursor *cursor, gsize *size, GError **error)
{
    ZSTD_outBuffer out = {cursor->block, TAR_BLOCK, 0};
    gsize left = 1;
    for (*size = 0; out.pos < out.size && (left > 0 || out.pos == 0); *size = out.pos) {
        /* With its input used up, zstd may still hold output: more is needed when a call gives
         * none. */
        gboolean hungry = cursor->in.pos == cursor->in.size;
        if (hungry && (cursor->drained || !cursor->mid_frame) && !refill(cursor, error))
            return FALSE;
        if (cursor->ended && cursor->mid_frame && cursor->drained)
            return fail_set(error, FAIL_DAMAGED,
                            "cut short: the compressed stream ends within a frame");
        if (cursor->ended && !cursor->mid_frame)
            return TRUE;
        if (!cursor->mid_frame)
            cursor->frame = cursor->offset - (cursor->in.size - cursor->in.pos);
        left = ZSTD_decompressStream(cursor->zstd, &out, &cursor->in);
        if (ZSTD_isError(left))
            return fail_set(error, FAIL_DAMAGED,
                            "damaged compression before byte %" G_GUINT64_FORMAT
                            " of the compressed stream: %s",
                            cursor->offset, ZSTD_getErrorName(left));
        cursor->mid_frame = left > 0;
        cursor->drained = out.pos == *size;
    }
    return TRUE;
}

static la_ssize_t
tar_input(struct archive *tar, void *context, const void **data)
{
    struct pack_cursor *cursor = context;
    gsize size = 0;
    *data = cursor->block;
    if (cursor->failure == NULL && decompress(cursor, &size, &cursor->failure))
        return (la_ssize_t)size;
    archive_set_error(tar, EIO, "cannot read");
    return ARCHIVE_FATAL;
}

static gboolean
tar_damaged(struct pack_cursor *cursor, GError **error)
{
    const char *why = archive_error_string(cursor->tar);
    if (cursor->failure != NULL)
        g_propagate_error(error, g_steal_pointer(&cursor->failure));
    else if (cursor->ended)
        fail_set(error, FAIL_DAMAGED, "cut short: the tar ends within an entry");
    else
        fail_set(error, FAIL_DAMAGED, "damaged tar: %s", why == NULL ? "unknown cause" : why);
    return FALSE;
}

struct pack_cursor *
pack_cursor_new(struct pack *pack, guint64 place, GError **error)
{
    AUTO(pack_cursor) *cursor = g_new0(struct pack_cursor, 1);
    cursor->pack = pack;
    cursor->offset = place;
    cursor->zstd = ZSTD_createDCtx();
    cursor->tar = archive_read_new();
    if (place >= age_reader_size(pack->age)) {
        fail_set(error, FAIL_DAMAGED,
                 "cut short: no byte %" G_GUINT64_FORMAT
                 " in a compressed stream of %" G_GUINT64_FORMAT,
                 place, age_reader_size(pack->age));
        return NULL;
    }
    if (cursor->zstd == NULL || cursor->tar == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(cursor->zstd, ZSTD_d_windowLogMax, PACK_WINDOW_LOG))) {
        fail_set(error, FAIL_FAILED, "cannot set up zstd and tar");
        return NULL;
    }
    if (archive_read_support_format_tar(cursor->tar) != ARCHIVE_OK ||
        archive_read_open(cursor->tar, cursor, NULL, tar_input, NULL) != ARCHIVE_OK) {
        tar_damaged(cursor, error);
        return NULL;
    }
    return g_steal_pointer(&cursor);
}

static gboolean
take_entry(struct archive_entry *found, struct pack_entry *entry, GError **error)
{
    const char *name = archive_entry_pathname(found);
    if (name == NULL || strlen(name) > PACK_NAME_MAX || !name_is_safe(name))
        return fail_set(error, FAIL_DAMAGED,
                        "an entry with the name '%.200s', which no snapshot has",
                        name == NULL ? "" : name);
    if (archive_entry_filetype(found) != AE_IFREG || archive_entry_hardlink(found) != NULL ||
        archive_entry_symlink(found) != NULL || archive_entry_sparse_count(found) > 0)
        return fail_set(error, FAIL_DAMAGED, "entry '%.200s' is not a regular file", name);
    if (!archive_entry_size_is_set(found) || archive_entry_size(found) < 0)
        return fail_set(error, FAIL_DAMAGED, "entry '%.200s' has no size", name);
    entry->name = name;
    entry->size = (guint64)archive_entry_size(found);
    entry->mode = archive_entry_perm(found) & 07777;
    entry->uid = (uid_t)archive_entry_uid(found);
    entry->gid = (gid_t)archive_entry_gid(found);
    entry->user = archive_entry_uname(found);
    entry->group = archive_entry_gname(found);
    entry->user = entry->user != NULL ? entry->user : "";
    entry->group = entry->group != NULL ? entry->group : "";
    return TRUE;
}

/* libarchive takes the bare end of the stream for the end of the tar; ours has the mark, two blocks
 * of zeros. */
static gboolean
check_end(struct pack_cursor *cursor, GError **error)
{
    la_int64_t mark =
        archive_filter_bytes(cursor->tar, 0) - archive_read_header_position(cursor->tar);
    return mark >= TAR_END_MARK || fail_set(error, FAIL_DAMAGED, "cut short: the tar has no end");
}

gboolean
pack_cursor_next(struct pack_cursor *cursor, struct pack_entry *entry, gboolean *end,
                 GError **error)
{
    struct archive_entry *found = NULL;
    *end = FALSE;
    cursor->in_entry = FALSE;
    locale_t before = names_as_bytes();
    int result = archive_read_next_header(cursor->tar, &found);
    uselocale(before);
    if (result == ARCHIVE_EOF && cursor->failure == NULL) {
        *end = TRUE;
        return check_end(cursor, error);
    }
    if (result != ARCHIVE_OK)
        return tar_damaged(cursor, error);
    if (!take_entry(found, entry, error))
        return FALSE;
    entry->place = cursor->frame; /* libarchive asks for no block before it needs it */
    cursor->in_entry = TRUE;
    return TRUE;
}

gboolean
pack_cursor_read(struct pack_cursor *cursor, void *data, gsize size, gsize *got, GError **error)
{
    g_assert(cursor->in_entry);
    la_ssize_t result = archive_read_data(cursor->tar, data, size);
    if (result < 0)
        return tar_damaged(cursor, error);
    *got = (gsize)result;
    return TRUE;
}

void
pack_cursor_free(struct pack_cursor *cursor)
{
    if (cursor == NULL)
        return;
    archive_read_free(cursor->tar);
    ZSTD_freeDCtx(cursor->zstd);
    g_clear_error(&cursor->failure);
    g_free(cursor);
}
