/*
 * tsig: a file of keys, as BIND's tsig-keygen writes it:
 *
 *     key "between-nodes" {
 *         algorithm hmac-sha256;
 *         secret "…base64…";
 *     };
 */
#include "netsvc/config/part.h"
#include "netsvc/config/text.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <string.h>

#define FILE_MAX 65536
#define SECRET_MIN 16 /* bytes */
#define SECRET_MAX 256

struct reader {
    const char *at;
    guint line; /* from 1 */
};

/* The next word: text between blanks, or in quotation marks, or one of { } ; by itself. NULL: the
 * end. */
static char *
next_word(struct reader *reader)
{
    for (;; reader->at++) {
        if (*reader->at == '#' || (reader->at[0] == '/' && reader->at[1] == '/'))
            reader->at += strcspn(reader->at, "\n");
        if (*reader->at == '\n')
            reader->line++;
        if (*reader->at == '\0' || !g_ascii_isspace(*reader->at))
            break;
    }
    const char *begin = reader->at;
    gsize size = *begin == '"' ? strcspn(begin + 1, "\"\n") : strcspn(begin, " \t\r\n{};\"");
    if (*begin == '\0')
        return NULL;
    if (*begin == '"') {
        reader->at += 1 + size + (begin[1 + size] == '"');
        return g_strndup(begin + 1, size);
    }
    size = MAX(size, 1);
    reader->at += size;
    return g_strndup(begin, size);
}

static gboolean
expect(struct reader *reader, const char *wanted, GError **error)
{
    g_autofree char *word = next_word(reader);
    return g_strcmp0(word, wanted) == 0 ||
           fail_set(error, FAIL_USAGE, "'%s' stands where '%s' is expected",
                    word != NULL ? word : "the end", wanted);
}

static gboolean
set_field(struct config_tsig *key, const char *field, const char *value, GError **error)
{
    if (strcmp(field, "algorithm") == 0 && key->algorithm == NULL) {
        key->algorithm = g_ascii_strdown(value, -1);
        return g_str_has_prefix(key->algorithm, "hmac-sha") ||
               fail_set(error, FAIL_USAGE, "the algorithm '%s' is none of ours: hmac-sha256",
                        value);
    }
    if (strcmp(field, "secret") == 0 && key->secret == NULL) {
        gsize size;
        guchar *secret = g_base64_decode(value, &size);
        key->secret = g_bytes_new_take(secret, size);
        return (size >= SECRET_MIN && size <= SECRET_MAX) ||
               fail_set(error, FAIL_USAGE, "the secret is not of %d to %d bytes in base64",
                        SECRET_MIN, SECRET_MAX);
    }
    return fail_set(error, FAIL_USAGE, "'%s' is neither 'algorithm' nor 'secret', or stands twice",
                    field);
}

static gboolean
read_fields(struct reader *reader, struct config_tsig *key, GError **error)
{
    for (;;) {
        g_autofree char *field = next_word(reader);
        if (g_strcmp0(field, "}") == 0)
            break;
        g_autofree char *value = next_word(reader);
        if (field == NULL || value == NULL)
            return fail_set(error, FAIL_USAGE, "the file ends inside a key");
        if (!set_field(key, field, value, error) || !expect(reader, ";", error))
            return FALSE;
    }
    return (key->algorithm != NULL && key->secret != NULL) ||
           fail_set(error, FAIL_USAGE, "the key '%s' has no algorithm or no secret", key->name);
}

static gboolean
read_key(struct reader *reader, GPtrArray *keys, GError **error)
{
    g_autofree char *name = next_word(reader);
    struct config_tsig *key = g_new0(struct config_tsig, 1);
    g_ptr_array_add(keys, key);
    key->name = text_name(name != NULL ? name : "", FALSE, error);
    return key->name != NULL && expect(reader, "{", error) && read_fields(reader, key, error) &&
           expect(reader, ";", error);
}

gboolean
config_tsig_read(GPtrArray *keys, const char *path, GError **error)
{
    gsize size;
    g_autofree char *text = file_read_named(path, FILE_MAX, &size, error);
    if (text == NULL)
        return FALSE;
    struct reader reader = {text, 1};
    for (;;) {
        g_autofree char *word = next_word(&reader);
        if (word == NULL)
            return TRUE;
        if (strcmp(word, "key") != 0)
            return fail_set(error, FAIL_USAGE, "'%s', line %u: '%s' stands where 'key' is expected",
                            path, reader.line, word);
        if (!read_key(&reader, keys, error)) {
            g_prefix_error(error, "'%s', line %u: ", path, reader.line);
            return FALSE;
        }
    }
}
