/*
 * fuzz-offsite: what we make of the answers of a hostile bucket. The first byte is the question: 0
 * a text as XML, 1 the list of objects, 2 all of a store (list, store.json, signed entries), 3 an
 * upload in parts that goes on, 4 uploads to be ended, 5 an object in pieces. The second says in
 * pieces of which size the answers come. The rest are the answers (fake_curl.h).
 */
#include "lib/store/judge.h"
#include "replicator/offsite/outline.h"
#include "replicator/offsite/upload.h"
#include "replicator/offsite/xml.h"
#include "tests/fuzz/fake_curl.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>

#define PART 16
#define FILE_SIZE 40 /* three parts */

static void
wait_no_time(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    (void)milliseconds;
    (void)cause;
}

/* ---- XML ---- */

static gboolean
take_element(void *context, const char *path, const char *text, GError **error)
{
    guint *elements = context;
    (void)error;
    g_assert_true(*path != '\0' && g_utf8_validate(path, -1, NULL));
    g_assert_true(strlen(text) <= XML_TEXT_MAX && g_utf8_validate(text, -1, NULL));
    g_assert_cmpuint(strlen(path), <=, XML_DEPTH_MAX * (XML_NAME_MAX + 1));
    ++*elements;
    return TRUE;
}

static void
read_xml(struct slice text)
{
    guint elements = 0;
    g_autoptr(GError) error = NULL;
    gboolean read = xml_read(text, take_element, &elements, &error);
    g_assert_true(read == (error == NULL));
    g_assert_true(!read || elements > 0);
}

/* ---- a bucket ---- */

static void
ask_list(struct bucket *bucket)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) objects = object_list(bucket, OUTLINE_ROOT, &error);
    g_assert_true((objects == NULL) == (error != NULL));
    for (guint i = 0; objects != NULL && i < objects->len; i++)
        g_assert_nonnull(((const struct object *)objects->pdata[i])->key);
}

static void
ask_outline(struct bucket *bucket)
{
    g_autoptr(GError) error = NULL;
    AUTO(outline) *outline = outline_read(bucket, NULL, NULL, &error);
    g_assert_true((outline == NULL) == (error != NULL));
    if (outline == NULL)
        return;
    g_assert_true(outline->store->id == NULL || g_uuid_string_is_valid(outline->store->id));
    for (guint i = 0; i < outline->store->snapshots->len; i++) {
        const struct snapshot *one = outline->store->snapshots->pdata[i];
        g_autoptr(GPtrArray) keys = outline_keys(outline, one->folder);
        g_assert_true(judge_is_folder_name(one->folder) && one->trust != SNAPSHOT_TRUSTED);
        g_assert_cmpuint(keys->len, >, 0);
        for (guint k = 0; k < keys->len; k++)
            g_assert_null(strstr(keys->pdata[k], ".."));
    }
}

static void
count_bytes(void *context, guint64 bytes, gboolean sent)
{
    guint64 *settled = context;
    (void)sent;
    *settled += bytes;
}

static void
ask_upload(struct bucket *bucket)
{
    static const char content[FILE_SIZE] = "forty bytes that stand for a large file";
    g_autoptr(GError) error = NULL;
    guint64 settled = 0;
    AUTO_FD int fd = memfd_create("file", MFD_CLOEXEC);
    struct upload_file file = {
        .key = "lifeboat/data", .fd = fd, .size = FILE_SIZE, .name = "data", .part_size = PART};
    g_assert_cmpint(write(fd, content, FILE_SIZE), ==, FILE_SIZE);
    hash_sha256(content, FILE_SIZE, file.sha256);
    gboolean done = upload(bucket, &file, count_bytes, &settled, &error);
    g_assert_true(done == (error == NULL));
    g_assert_true(!done || settled == FILE_SIZE);
}

static void
ask_abandon(struct bucket *bucket)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(upload_abandon(bucket, OUTLINE_ROOT, &error) == (error == NULL));
}

static gboolean
take_bytes(void *context, struct slice bytes, GError **error)
{
    (void)error;
    count_bytes(context, bytes.size, TRUE);
    return TRUE;
}

static void
ask_object(struct bucket *bucket)
{
    g_autoptr(GError) error = NULL;
    guint64 got = 0;
    gboolean done = object_get(bucket, "lifeboat/data", 0, FILE_SIZE, take_bytes, &got, &error);
    g_assert_true(done == (error == NULL));
    g_assert_true(done ? got == FILE_SIZE : got <= FILE_SIZE);
}

static struct bucket *
open_bucket(void)
{
    struct bucket *bucket = g_new0(struct bucket, 1);
    const struct http_credentials credentials = {(char *)"key", (char *)"secret"};
    const struct http_options options = {
        .url = "http://h", .credentials = &credentials, .sign_for_region = "r"};
    bucket->http = http_new(&options, NULL);
    bucket->url = g_strdup("http://h/b/ours");
    bucket->path = g_strdup("/b");
    bucket->prefix = g_strdup("ours/");
    bucket->patience = (struct patience){.seconds = 5, .wait = wait_no_time};
    return bucket;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const questions[])(struct bucket *) = {ask_list, ask_outline, ask_upload,
                                                         ask_abandon, ask_object};
    if (size < 2)
        return 0;
    struct slice rest = {(const char *)data + 2, size - 2};
    guint question = data[0] % (G_N_ELEMENTS(questions) + 1);
    if (question == 0) {
        read_xml(rest);
        return 0;
    }
    fake_curl_script(rest, 1 + data[1] * 4U);
    AUTO(bucket) *bucket = open_bucket();
    questions[question - 1](bucket);
    return 0;
}
