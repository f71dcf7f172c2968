#include "sign.h"
#include "sign_inside.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>

#define PRIVATE ".private"
#define PUBLIC ".key"
#define NEW_KEY_BITS 256 /* ECDSA P-256 has but one size */
#define OTHERS (S_IROTH | S_IWOTH | S_IWGRP)
#define FILES_MAX 10000 /* in the folder */

static void
key_free(gpointer data)
{
    struct sign_key *key = data;
    if (key->list != NULL)
        ldns_key_list_free(key->list); /* with the key in it */
    ldns_rr_free(key->record);
    g_free(key);
}

void
sign_keys_free(struct sign_keys *keys)
{
    if (keys == NULL)
        return;
    g_ptr_array_unref(keys->keys);
    g_free(keys);
}

static ldns_key *
key_of(const struct sign_key *key)
{
    return ldns_key_list_key(key->list, 0);
}

/* ---- one key ---- */

/* ldns reads files; the text is wiped, since it is a secret. */
static ldns_key *
parse_private(int folder, const char *name, GError **error)
{
    gsize size = 0;
    struct stat entry;
    ldns_key *key = NULL;
    int line = 0;
    if (fstatat(folder, name, &entry, 0) == 0 && entry.st_mode & OTHERS) {
        fail_set(error, FAIL_KEY, "key file '%s' can be read or changed by others\nhint: chmod 600",
                 name);
        return NULL;
    }
    char *text = file_read(folder, name, SIGN_KEY_FILE_MAX, &size, error);
    if (text == NULL)
        return NULL;
    FILE *file = size > 0 ? fmemopen(text, size, "r") : NULL;
    ldns_status status =
        file != NULL ? ldns_key_new_frm_fp_l(&key, file, &line) : LDNS_STATUS_SYNTAX_ALG_ERR;
    if (file != NULL)
        fclose(file);
    OPENSSL_cleanse(text, size);
    g_free(text);
    if (status == LDNS_STATUS_OK)
        return key;
    fail_set(error, FAIL_KEY, "key file '%s' cannot be used: %s", name,
             ldns_get_errorstr_by_id(status));
    return NULL;
}

static ldns_rr *
parse_public(int folder, const char *name, GError **error)
{
    gsize size = 0;
    ldns_rr *record = NULL;
    g_autofree char *text = file_read(folder, name, SIGN_KEY_FILE_MAX, &size, error);
    if (text == NULL)
        return NULL;
    FILE *file = size > 0 ? fmemopen(text, size, "r") : NULL;
    ldns_status status = LDNS_STATUS_SYNTAX_EMPTY;
    while (file != NULL && status != LDNS_STATUS_OK && !feof(file)) /* over lines of comment */
        status = ldns_rr_new_frm_fp(&record, file, NULL, NULL, NULL);
    if (file != NULL)
        fclose(file);
    if (status == LDNS_STATUS_OK && ldns_rr_get_type(record) == LDNS_RR_TYPE_DNSKEY &&
        ldns_rr_rd_count(record) == 4)
        return record;
    if (status == LDNS_STATUS_OK)
        ldns_rr_free(record);
    fail_set(error, FAIL_KEY, "key file '%s' has no DNSKEY record", name);
    return NULL;
}

/* Both halves, which must belong together, and to the zone. */
static gboolean
join(struct sign_key *key, const struct name *origin, const char *name, GError **error)
{
    const ldns_rdf *owner = ldns_rr_owner(key->record);
    ldns_key *private = key_of(key);
    guint16 flags = ldns_rdf2native_int16(ldns_rr_dnskey_flags(key->record));
    ldns_dname2canonical(owner);
    if (ldns_rdf_size(owner) != origin->size ||
        memcmp(ldns_rdf_data(owner), origin->wire, origin->size) != 0)
        return fail_set(error, FAIL_KEY, "key file '%s' is of another zone", name);
    ldns_key_set_pubkey_owner(private, ldns_rdf_clone(owner));
    ldns_key_set_flags(private, flags);
    ldns_key_set_keytag(private, ldns_calc_keytag(key->record));
    ldns_rr_set_ttl(key->record, SIGN_DNSKEY_TTL);
    ldns_rr *derived = ldns_key2rr(private);
    ldns_rr_set_ttl(derived, SIGN_DNSKEY_TTL);
    gboolean same = ldns_rr_compare(derived, key->record) == 0;
    ldns_rr_free(derived);
    key->sep = (flags & LDNS_KEY_SEP_KEY) != 0;
    if (!(flags & LDNS_KEY_ZONE_KEY) || flags & LDNS_KEY_REVOKE_KEY)
        return fail_set(error, FAIL_KEY, "key file '%s' is no zone key, or is revoked", name);
    return same || fail_set(error, FAIL_KEY,
                            "key file '%s' and its public half do not belong together", name);
}

static struct sign_key *
key_read(int folder, const char *name, const struct name *origin, GError **error)
{
    struct sign_key *key = g_new0(struct sign_key, 1);
    ldns_key *private = parse_private(folder, name, error);
    if (private != NULL) {
        g_autofree char *base = g_strndup(name, strlen(name) - strlen(PRIVATE));
        g_autofree char *public = g_strconcat(base, PUBLIC, NULL);
        key->list = ldns_key_list_new();
        ldns_key_list_push_key(key->list, private);
        key->record = parse_public(folder, public, error);
    }
    if (private != NULL && key->record != NULL && join(key, origin, name, error))
        return key;
    key_free(key);
    return NULL;
}

/* ---- a folder ---- */

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The private halves: K{zone}.+{algorithm}+{tag}.private, in order, so that what they make is the
 * same each time. */
static GPtrArray *
list(int folder, const char *path, const struct name *origin, GError **error)
{
    char text[NAME_TEXT_MAX];
    g_autofree char *prefix = g_strdup_printf("K%s.+", name_text(origin, text));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (entries == NULL) {
        fail_errno(error, errno, "cannot list '%s'", path);
        return NULL;
    }
    const struct dirent *entry;
    for (guint seen = 0; seen < FILES_MAX && (entry = readdir(entries)) != NULL; seen++)
        if (g_ascii_strncasecmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
            g_str_has_suffix(entry->d_name, PRIVATE))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(entries);
    g_ptr_array_sort(names, by_name);
    return g_steal_pointer(&names);
}

/* ---- a new key ---- */

static gboolean
install(int folder, const char *base, const char *suffix, mode_t mode, ldns_key *key,
        const ldns_rr *record, GError **error)
{
    g_autofree char *name = g_strconcat(base, suffix, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return fail_errno(error, errno, "cannot write key file '%s'", name);
    if (record != NULL)
        ldns_rr_print(file, record);
    else
        ldns_key_print(file, key);
    fclose(file);
    gboolean done = file_replace(folder, name, text, size, mode, error);
    OPENSSL_cleanse(text, size);
    free(text);
    return done;
}

/* The private half comes last: without it the key is not there, and one is made anew. */
static gboolean
make(int folder, const struct name *origin, GError **error)
{
    char text[NAME_TEXT_MAX];
    ldns_key *key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, NEW_KEY_BITS);
    if (key == NULL)
        return fail_set(error, FAIL_FAILED, "cannot make a signing key for zone '%s'",
                        name_text(origin, text));
    ldns_key_set_pubkey_owner(
        key, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin->size, origin->wire));
    ldns_key_set_flags(key, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
    ldns_rr *record = ldns_key2rr(key);
    ldns_rr_set_ttl(record, SIGN_DNSKEY_TTL);
    ldns_key_set_keytag(key, ldns_calc_keytag(record));
    g_autofree char *base =
        g_strdup_printf("K%s.+%03d+%05u", name_text(origin, text), (int)ldns_key_algorithm(key),
                        (guint)ldns_key_keytag(key));
    gboolean done = install(folder, base, PUBLIC, 0644, key, record, error) &&
                    install(folder, base, PRIVATE, 0600, key, NULL, error);
    ldns_rr_free(record);
    ldns_key_deep_free(key);
    return done;
}

/* ---- all ---- */

static gboolean
read_all(struct sign_keys *keys, int folder, const GPtrArray *names, GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        struct sign_key *key = key_read(folder, names->pdata[i], &keys->origin, error);
        if (key == NULL)
            return FALSE;
        g_ptr_array_add(keys->keys, key);
    }
    return TRUE;
}

static struct sign_keys *
keys_open(const char *path, const struct name *origin, gboolean create, gboolean *made,
          GError **error)
{
    AUTO_FD int folder = file_open_folder(AT_FDCWD, path, create, error);
    g_autoptr(GPtrArray) names = folder >= 0 ? list(folder, path, origin, error) : NULL;
    if (names != NULL && names->len == 0 && create) {
        if (!make(folder, origin, error))
            return NULL;
        *made = TRUE;
        g_ptr_array_unref(names);
        names = list(folder, path, origin, error);
    }
    if (names == NULL)
        return NULL;
    if (names->len == 0 || names->len > SIGN_KEYS_MAX) {
        fail_set(error, FAIL_KEY, "'%s' holds %s of it", path,
                 names->len == 0 ? "no signing key" : "too many signing keys");
        return NULL;
    }
    AUTO(sign_keys) *keys = g_new0(struct sign_keys, 1);
    keys->origin = *origin;
    keys->keys = g_ptr_array_new_with_free_func(key_free);
    return read_all(keys, folder, names, error) ? g_steal_pointer(&keys) : NULL;
}

struct sign_keys *
sign_keys_open(const char *folder, const struct name *origin, gboolean create, gboolean *made,
               GError **error)
{
    char text[NAME_TEXT_MAX];
    gboolean one = FALSE;
    struct sign_keys *keys = keys_open(folder, origin, create, &one, error);
    if (keys == NULL)
        g_prefix_error(error, "zone '%s': ", name_text(origin, text));
    if (made != NULL)
        *made = one;
    return keys;
}

/* Of each algorithm there must be a signature (RFC 4035, 2.2). */
gboolean
sign_key_signs(const struct sign_keys *keys, const struct sign_key *key, guint16 type)
{
    gboolean shared = FALSE; /* with one of the other kind */
    for (guint i = 0; i < keys->keys->len; i++) {
        const struct sign_key *other = keys->keys->pdata[i];
        shared |= other->sep != key->sep &&
                  ldns_key_algorithm(key_of(other)) == ldns_key_algorithm(key_of(key));
    }
    return !shared || key->sep == (type == TYPE_DNSKEY);
}

char *
sign_keys_ds(const struct sign_keys *keys)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < keys->keys->len; i++) {
        const struct sign_key *key = keys->keys->pdata[i];
        if (!sign_key_signs(keys, key, TYPE_DNSKEY))
            continue;
        ldns_rr *ds = ldns_key_rr2ds(key->record, LDNS_SHA256);
        char *line = ldns_rr2str(ds);
        g_string_append(text, g_strdelimit(line, "\t", ' '));
        free(line);
        ldns_rr_free(ds);
    }
    return g_string_free(text, FALSE);
}
