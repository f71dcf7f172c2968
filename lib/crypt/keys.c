/*
 * keys: making, opening and printing them; the folder is drawn in keys.h.
 *
 * A new folder is written beside its place under '.partial' and renamed into it, so there is never
 * half a set of keys. The recovery secret exists only in the sheet that is handed out; the folder
 * gets its public half.
 */
#include "lib/crypt/keys.h"

#include "config.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTITY "identity.age"
#define SIGNING "signing.pem"
#define SIGNING_PUBLIC "signing.pub"
#define RECOVERY "recovery.pub"
#define SITE "site"
#define TRUSTED "trusted"
#define TRUSTED_SUFFIX ".pub"
#define RECIPIENT_SUFFIX ".age"

#define SECRET_TOKEN "AGE-SECRET-KEY-1"
#define FILE_CAP 4096              /* bytes of each file above */
#define BARE_FILE_CAP (256 * 1024) /* bytes of an identity file or a saved sheet */
#define SITE_MAX 100               /* bytes of a site's name */
#define NODE_MAX 32                /* characters of a node's name */

/* ---- names ---- */

static gboolean
check_site(const char *site, enum fail_code code, GError **error)
{
    gsize size = strlen(site);
    gboolean good = size >= 1 && size <= SITE_MAX && g_utf8_validate(site, -1, NULL);
    for (const char *c = site; good && *c != '\0'; c = g_utf8_next_char(c))
        good = !g_unichar_iscntrl(g_utf8_get_char(c));
    return good ||
           fail_set(error, code,
                    "a site's name has 1 to %d bytes of UTF-8 and no control characters", SITE_MAX);
}

static gboolean
check_node(const char *node, enum fail_code code, GError **error)
{
    gsize size = strlen(node);
    gsize fine = strspn(node, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return (fine == size && size >= 1 && size <= NODE_MAX) ||
           fail_set(error, code, "a node's name has 1 to %d of the characters a-z, 0-9 and -",
                    NODE_MAX);
}

static void
wipe_text(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    g_free(text);
}

char *
keys_option(const char *folder)
{
    g_autofree char *quoted = g_shell_quote(folder);
    gboolean plain =
        strspn(folder, "/._-" G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS) == strlen(folder);
    return g_str_equal(folder, LIFEBOAT_STATEDIR "/keys")
               ? g_strdup("")
               : g_strdup_printf(" --keys %s", plain ? folder : quoted);
}

gboolean
keys_is_open_to_others(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077) != 0;
}

/* ---- making ---- */

/* A free place for the folder: nothing there, or an empty folder. */
static gboolean
check_place(const char *folder, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &cause);
    if (dir == NULL && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return TRUE;
    if (dir == NULL)
        return fail_set(error, FAIL_FAILED, "cannot look into '%s': %s", folder, cause->message);
    if (g_dir_read_name(dir) == NULL)
        return TRUE;
    g_autofree char *identity = g_build_filename(folder, IDENTITY, NULL);
    g_autofree char *option = keys_option(folder);
    if (g_file_test(identity, G_FILE_TEST_EXISTS))
        return fail_set(error, FAIL_USAGE,
                        "'%s' already has keys, which are never overwritten\n"
                        "hint: 'lifeboat key show%s' shows them",
                        folder, option);
    return fail_set(error, FAIL_USAGE, "'%s' is not empty, and is no folder of keys", folder);
}

static gboolean
write_text(int folder_fd, const char *name, const char *text, mode_t mode, GError **error)
{
    return file_replace(folder_fd, name, text, strlen(text), mode, error);
}

static gboolean
write_identity(int folder_fd, const struct age_identity *identity, GError **error)
{
    g_autofree char *recipient = age_recipient_text(identity->public);
    char *secret = age_identity_secret_text(identity);
    char *text =
        g_strdup_printf("# the node's age identity\n# public key: %s\n%s\n", recipient, secret);
    gboolean done = write_text(folder_fd, IDENTITY, text, 0600, error);
    wipe_text(text);
    wipe_text(secret);
    return done;
}

static gboolean
write_signing(int folder_fd, const char *node, char **signer, GError **error)
{
    AUTO(minisign_secret) *signing = minisign_secret_generate();
    struct minisign_public public;
    minisign_secret_public(signing, &public);
    g_autofree char *comment = g_strdup_printf("lifeboat node %s", node);
    g_autofree char *public_text = minisign_public_file(&public, comment);
    char *text = minisign_secret_text(signing);
    gboolean done = write_text(folder_fd, SIGNING, text, 0600, error) &&
                    write_text(folder_fd, SIGNING_PUBLIC, public_text, 0644, error);
    wipe_text(text);
    *signer = minisign_public_text(&public);
    return done;
}

/* All files into an empty folder, and what the sheet says. */
static gboolean
fill_folder(int folder_fd, const char *site, const char *node, struct keys_sheet *sheet,
            GError **error)
{
    struct age_identity identity;
    struct age_identity recovery;
    age_identity_generate(&identity);
    age_identity_generate(&recovery);
    sheet->site = g_strdup(site);
    sheet->secret = age_identity_secret_text(&recovery);
    sheet->recipient = age_recipient_text(recovery.public);
    g_autofree char *recovery_line = g_strdup_printf("%s\n", sheet->recipient);
    g_autofree char *site_lines = g_strdup_printf("%s\n%s\n", site, node);
    gboolean done = write_identity(folder_fd, &identity, error) &&
                    write_signing(folder_fd, node, &sheet->signer, error) &&
                    write_text(folder_fd, RECOVERY, recovery_line, 0644, error) &&
                    write_text(folder_fd, SITE, site_lines, 0644, error);
    OPENSSL_cleanse(&identity, sizeof identity);
    OPENSSL_cleanse(&recovery, sizeof recovery);
    if (!done)
        return FALSE;
    if (mkdirat(folder_fd, TRUSTED, 0700) != 0)
        return fail_errno(error, errno, "cannot make folder '" TRUSTED "'");
    return file_sync(folder_fd, "the folder of keys", error);
}

static gboolean
init_locked(int parent_fd, const char *folder, const char *site, const char *node,
            struct keys_sheet *sheet, GError **error)
{
    g_autofree char *name = g_path_get_basename(folder);
    g_autofree char *partial = g_strdup_printf("%s.partial", name);
    if (!check_place(folder, error) || !file_remove_tree(parent_fd, partial, error))
        return FALSE;
    if (mkdirat(parent_fd, partial, 0700) != 0)
        return fail_errno(error, errno, "cannot make folder '%s'", partial);
    AUTO_FD int fd = file_open_folder(parent_fd, partial, FALSE, error);
    gboolean done = fd >= 0 && fill_folder(fd, site, node, sheet, error);
    if (done && renameat(parent_fd, partial, parent_fd, name) != 0)
        done = fail_errno(error, errno, "cannot rename '%s' to '%s'", partial, name);
    if (!done)
        file_remove_tree(parent_fd, partial, NULL);
    return done && file_sync(parent_fd, "the folder above", error);
}

static void
sheet_clear(struct keys_sheet *sheet)
{
    g_free(sheet->site);
    g_free(sheet->signer);
    g_free(sheet->recipient);
    wipe_text(sheet->secret);
    *sheet = (struct keys_sheet){0};
}

gboolean
keys_init(const char *folder, const char *site, const char *node, struct keys_sheet *sheet,
          GError **error)
{
    *sheet = (struct keys_sheet){0};
    if (!check_site(site, FAIL_USAGE, error) || !check_node(node, FAIL_USAGE, error))
        return FALSE;
    g_autofree char *place = g_canonicalize_filename(folder, NULL);
    g_autofree char *parent = g_path_get_dirname(place);
    AUTO_FD int parent_fd = file_open_folder(AT_FDCWD, parent, TRUE, error);
    gboolean done = parent_fd >= 0;
    if (done && flock(parent_fd, LOCK_EX) != 0) /* two at once would share the '.partial' */
        done = fail_errno(error, errno, "cannot lock '%s'", parent);
    done = done && init_locked(parent_fd, place, site, node, sheet, error);
    if (!done) {
        sheet_clear(sheet);
        g_prefix_error(error, "cannot make keys in '%s': ", folder);
    }
    return done;
}

/* ---- opening ---- */

static gboolean
no_keys(const char *folder, GError **error)
{
    g_autofree char *option = keys_option(folder);
    return fail_set(error, FAIL_KEY, "no keys in '%s'\nhint: run 'lifeboat key init%s'", folder,
                    option);
}

static gboolean
check_mode(const char *path, const struct stat *status, mode_t forbidden, const char *mend,
           GError **error)
{
    if ((status->st_mode & forbidden) == 0)
        return TRUE;
    g_autofree char *quoted = g_shell_quote(path);
    return fail_set(error, FAIL_KEY, "'%s' is open to other users (mode %04o)\nhint: chmod %s %s",
                    path, (unsigned)(status->st_mode & 07777), mend, quoted);
}

/* Reads a whole file into a buffer that the caller wipes. A secret must be its owner's alone. */
static gboolean
read_file(int folder_fd, const char *folder, const char *name, gboolean secret,
          char text[FILE_CAP + 1], GError **error)
{
    struct stat status;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    AUTO_FD int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return g_str_equal(name, IDENTITY)
                   ? no_keys(folder, error)
                   : fail_set(error, FAIL_KEY, "keys are not whole: '%s' is missing", path);
    if (fd < 0 || fstat(fd, &status) != 0)
        return fail_errno(error, errno, "cannot open '%s'", path);
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_CAP)
        return fail_set(error, FAIL_KEY, "'%s' is not a file of keys", path);
    if (secret && !check_mode(path, &status, 077, "600", error))
        return FALSE;
    gsize size = (gsize)status.st_size;
    if (!file_read_at(fd, 0, text, size, path, error))
        return FALSE;
    text[size] = '\0';
    return TRUE;
}

/* Puts the file's name before the error of reading it. */
static gboolean
bad_file(const char *folder, const char *name, GError **error)
{
    g_prefix_error(error, "'%s/%s': ", folder, name);
    return FALSE;
}

/* Adds every secret key in the text, wherever it stands. Mistyped ones are an error that tells the
 * line. */
static gboolean
take_identities(struct keys *keys, const char *text, GError **error)
{
    guint line = 1;
    for (const char *rest = text; *rest != '\0'; rest++) {
        line += *rest == '\n';
        if (g_ascii_strncasecmp(rest, SECRET_TOKEN, strlen(SECRET_TOKEN)) != 0)
            continue;
        gsize size = strlen(SECRET_TOKEN);
        while (g_ascii_isalnum(rest[size]))
            size++;
        if (size == strlen(SECRET_TOKEN) || keys->n_identities == KEYS_TRUSTED_MAX)
            continue;
        char *token = g_ascii_strup(rest, (gssize)size); /* who types it in may use small letters */
        struct age_identity *next = &keys->identities[keys->n_identities];
        gboolean good = age_identity_parse(token, next, error);
        wipe_text(token);
        if (!good) {
            g_prefix_error(error, "line %u: ", line);
            return FALSE;
        }
        keys->n_identities++;
    }
    return TRUE;
}

static struct keys *
keys_new(void)
{
    struct keys *keys = g_new0(struct keys, 1);
    keys->identities = g_new0(struct age_identity, KEYS_TRUSTED_MAX);
    keys->recipients = g_malloc0(AGE_RECIPIENTS_MAX * sizeof *keys->recipients);
    keys->trusted = g_new0(struct minisign_public, KEYS_TRUSTED_MAX);
    return keys;
}

static gboolean
read_identity(struct keys *keys, int folder_fd, const char *folder, GError **error)
{
    char text[FILE_CAP + 1] = "";
    gboolean done = read_file(folder_fd, folder, IDENTITY, TRUE, text, error);
    if (done && !take_identities(keys, text, error))
        done = bad_file(folder, IDENTITY, error);
    OPENSSL_cleanse(text, sizeof text);
    if (done && keys->n_identities == 0)
        done = fail_set(error, FAIL_KEY, "'%s/" IDENTITY "' holds no age identity", folder);
    return done;
}

static gboolean
read_signing(struct keys *keys, int folder_fd, const char *folder, GError **error)
{
    char text[FILE_CAP + 1];
    struct minisign_public ours;
    struct minisign_public written;
    gboolean done = read_file(folder_fd, folder, SIGNING, TRUE, text, error);
    if (done) {
        keys->signing = minisign_secret_parse(text, error);
        done = keys->signing != NULL || bad_file(folder, SIGNING, error);
    }
    OPENSSL_cleanse(text, sizeof text);
    if (!done || !read_file(folder_fd, folder, SIGNING_PUBLIC, FALSE, text, error))
        return FALSE;
    if (!minisign_public_parse(text, &written, error))
        return bad_file(folder, SIGNING_PUBLIC, error);
    minisign_secret_public(keys->signing, &ours);
    if (memcmp(&ours, &written, sizeof ours) != 0) {
        fail_set(error, FAIL_KEY, "not the public half of '" SIGNING "'");
        return bad_file(folder, SIGNING_PUBLIC, error);
    }
    keys->trusted[keys->n_trusted++] = ours;
    return TRUE;
}

static gboolean
read_recovery(int folder_fd, const char *folder, guint8 recipient[AGE_KEY_SIZE], GError **error)
{
    char text[FILE_CAP + 1];
    return read_file(folder_fd, folder, RECOVERY, FALSE, text, error) &&
           (age_recipient_parse(g_strstrip(text), recipient, error) ||
            bad_file(folder, RECOVERY, error));
}

gboolean
keys_recovery(const char *folder, guint8 recipient[AGE_KEY_SIZE], GError **error)
{
    AUTO_FD int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0 && errno == ENOENT)
        return no_keys(folder, error);
    if (folder_fd < 0)
        return fail_errno(error, errno, "cannot open '%s'", folder);
    return read_recovery(folder_fd, folder, recipient, error);
}

static gboolean
read_recipients(struct keys *keys, int folder_fd, const char *folder, GError **error)
{
    memcpy(keys->recipients[0], keys->identities[0].public, AGE_KEY_SIZE);
    if (!read_recovery(folder_fd, folder, keys->recipients[1], error))
        return FALSE;
    keys->n_recipients = 2;
    return TRUE;
}

static gboolean
read_site(struct keys *keys, int folder_fd, const char *folder, GError **error)
{
    char text[FILE_CAP + 1];
    if (!read_file(folder_fd, folder, SITE, FALSE, text, error))
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", 4);
    if (g_strv_length(lines) != 3 || *lines[2] != '\0')
        return fail_set(error, FAIL_KEY,
                        "'%s/" SITE "' must be two lines: the site's name and the node's", folder);
    if (!check_site(lines[0], FAIL_KEY, error) || !check_node(lines[1], FAIL_KEY, error))
        return bad_file(folder, SITE, error);
    keys->site = g_strdup(lines[0]);
    keys->node = g_strdup(lines[1]);
    return TRUE;
}

static gboolean
trust(struct keys *keys, const struct minisign_public *public, GError **error)
{
    const struct minisign_public *known = keys_trusted(keys, public->id);
    if (known != NULL && memcmp(known, public, sizeof *public) == 0)
        return TRUE;
    if (known != NULL)
        return fail_set(error, FAIL_KEY, "two different keys have the same id");
    if (keys->n_trusted == KEYS_TRUSTED_MAX)
        return fail_set(error, FAIL_KEY, "more than %d trusted signers", KEYS_TRUSTED_MAX);
    keys->trusted[keys->n_trusted++] = *public;
    return TRUE;
}

/* One that already is a recipient is passed over. */
static gboolean
encrypt_for(struct keys *keys, char *text, GError **error)
{
    guint8 recipient[AGE_KEY_SIZE];
    if (!age_recipient_parse(g_strstrip(text), recipient, error))
        return FALSE;
    for (guint i = 0; i < keys->n_recipients; i++)
        if (memcmp(keys->recipients[i], recipient, sizeof recipient) == 0)
            return TRUE;
    if (keys->n_recipients == AGE_RECIPIENTS_MAX)
        return fail_set(error, FAIL_KEY, "more than %d recipients", AGE_RECIPIENTS_MAX);
    memcpy(keys->recipients[keys->n_recipients++], recipient, sizeof recipient);
    return TRUE;
}

static gboolean
take_trusted(struct keys *keys, const char *name, char *text, GError **error)
{
    struct minisign_public public;
    if (g_str_has_suffix(name, RECIPIENT_SUFFIX))
        return encrypt_for(keys, text, error);
    return minisign_public_parse(text, &public, error) && trust(keys, &public, error);
}

/* trusted/ may be missing; a file in it that is no key is an error, for somebody counts on it. */
static gboolean
read_trusted(struct keys *keys, int folder_fd, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, TRUSTED, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    if (dir == NULL)
        return faccessat(folder_fd, TRUSTED, F_OK, 0) != 0 ||
               fail_set(error, FAIL_KEY, "cannot list '%s'", path);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        char text[FILE_CAP + 1];
        if (!g_str_has_suffix(name, TRUSTED_SUFFIX) && !g_str_has_suffix(name, RECIPIENT_SUFFIX))
            continue;
        g_autofree char *below = g_build_filename(TRUSTED, name, NULL);
        if (!read_file(folder_fd, folder, below, FALSE, text, error))
            return FALSE;
        if (!take_trusted(keys, name, text, error))
            return bad_file(path, name, error);
    }
    return TRUE;
}

struct keys *
keys_open(const char *folder, GError **error)
{
    struct stat status;
    AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        no_keys(folder, error);
        return NULL;
    }
    if (fd < 0 || fstat(fd, &status) != 0) {
        fail_errno(error, errno, "cannot open the keys in '%s'", folder);
        return NULL;
    }
    AUTO(keys) *keys = keys_new();
    if (!check_mode(folder, &status, 022, "700", error) || /* else others could swap the files */
        !read_identity(keys, fd, folder, error) || !read_signing(keys, fd, folder, error) ||
        !read_recipients(keys, fd, folder, error) || !read_site(keys, fd, folder, error) ||
        !read_trusted(keys, fd, folder, error))
        return NULL;
    keys->folder = g_strdup(folder);
    return g_steal_pointer(&keys);
}

gboolean
keys_open_if_any(const char *folder, struct keys **keys, GError **error)
{
    *keys = NULL;
    if (access(folder, F_OK) != 0 && errno == ENOENT)
        return TRUE;
    *keys = keys_open(folder, error);
    return *keys != NULL;
}

/* All of a file, or of standard input for "-", of at most BARE_FILE_CAP bytes; terminated. */
static gboolean
read_bare(const char *path, char *text, GError **error)
{
    gboolean input = g_str_equal(path, "-");
    const char *name = input ? "standard input" : path;
    gsize size = 0;
    ssize_t got = 1;
    AUTO_FD int fd = input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                           : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return fail_set(error, FAIL_KEY, "no key file '%s'", name);
    if (fd < 0)
        return fail_errno(error, errno, "cannot open '%s'", name);
    while (got != 0) {
        got = read(fd, text + size, BARE_FILE_CAP + 1 - size);
        if (got < 0 && errno != EINTR)
            return fail_errno(error, errno, "cannot read '%s'", name);
        size += got > 0 ? (gsize)got : 0;
        if (size > BARE_FILE_CAP)
            return fail_set(error, FAIL_KEY, "'%s' is too large for a file with a key", name);
    }
    text[size] = '\0';
    return TRUE;
}

/* The signers on a recovery sheet: words that are a public key. */
static gboolean
take_signers(struct keys *keys, const char *text, GError **error)
{
    static const char space[] = " \t\r\n";
    for (const char *at = text + strspn(text, space); *at != '\0'; at += strspn(at, space)) {
        gsize size = strcspn(at, space);
        struct minisign_public public;
        g_autofree char *word = g_str_has_prefix(at, "RW") ? g_strndup(at, size) : NULL;
        if (word != NULL && minisign_public_parse(word, &public, NULL) &&
            !trust(keys, &public, error))
            return FALSE;
        at += size;
    }
    return TRUE;
}

static gboolean
read_bare_identities(struct keys *keys, const char *path, gboolean signers, GError **error)
{
    char *text = g_malloc0(BARE_FILE_CAP + 2);
    gboolean done = read_bare(path, text, error);
    if (done &&
        (!take_identities(keys, text, error) || (signers && !take_signers(keys, text, error)))) {
        g_prefix_error(error, "'%s', ", path);
        done = FALSE;
    }
    OPENSSL_cleanse(text, BARE_FILE_CAP + 2);
    g_free(text);
    if (done && keys->n_identities == 0)
        done = fail_set(error, FAIL_KEY, "no age key in '%s': it begins with " SECRET_TOKEN, path);
    return done;
}

struct keys *
keys_open_bare(const char *identity_file, const char *const *signers, GError **error)
{
    AUTO(keys) *keys = keys_new();
    gboolean none = signers == NULL || *signers == NULL;
    if (identity_file != NULL && !read_bare_identities(keys, identity_file, none, error))
        return NULL;
    for (; signers != NULL && *signers != NULL; signers++) {
        struct minisign_public public;
        if (!minisign_public_parse(*signers, &public, error) || !trust(keys, &public, error)) {
            g_prefix_error(error, "signer '%.80s': ", *signers);
            return NULL;
        }
    }
    return g_steal_pointer(&keys);
}

const struct minisign_public *
keys_trusted(const struct keys *keys, const guint8 id[MINISIGN_KEY_ID])
{
    for (guint i = 0; i < keys->n_trusted; i++)
        if (memcmp(keys->trusted[i].id, id, MINISIGN_KEY_ID) == 0)
            return &keys->trusted[i];
    return NULL;
}

void
keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    OPENSSL_cleanse(keys->identities, KEYS_TRUSTED_MAX * sizeof *keys->identities);
    g_free(keys->identities);
    g_free(keys->recipients);
    g_free(keys->trusted);
    g_free(keys->folder);
    g_free(keys->site);
    g_free(keys->node);
    minisign_secret_free(keys->signing);
    g_free(keys);
}

/* ---- the recovery sheet ---- */

void
keys_sheet_free(struct keys_sheet *sheet)
{
    if (sheet == NULL)
        return;
    sheet_clear(sheet);
    g_free(sheet);
}

/* ---- another node ---- */

static gboolean
write_trusted(int folder, const char *node, const char *suffix, const char *text, GError **error)
{
    g_autofree char *name = g_strconcat(node, suffix, NULL);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    return file_replace(folder, name, line, strlen(line), 0644, error);
}

/* What the wrong node showed would be accepted, and the other one's snapshots would not. */
static gboolean
check_other(const struct keys *keys, const char *node, const guint8 recipient[AGE_KEY_SIZE],
            const struct minisign_public *signer, GError **error)
{
    static const char hint[] = "hint: run `lifeboat key show` on the other node, and give what it "
                               "shows there";
    struct minisign_public own;
    minisign_secret_public(keys->signing, &own);
    if (g_strcmp0(node, keys->node) == 0)
        return fail_set(error, FAIL_USAGE, "that is the name of this node, '%s'\n%s", node, hint);
    if (memcmp(keys->recipients[0], recipient, AGE_KEY_SIZE) == 0 ||
        memcmp(&own, signer, sizeof own) == 0)
        return fail_set(error, FAIL_USAGE, "that is a key of this node, '%s'\n%s", keys->node,
                        hint);
    return TRUE;
}

gboolean
keys_accept(const char *folder, const char *node, const char *recipient, const char *signer,
            GError **error)
{
    guint8 parsed[AGE_KEY_SIZE];
    struct minisign_public public;
    if (!check_node(node, FAIL_USAGE, error) || !age_recipient_parse(recipient, parsed, error) ||
        !minisign_public_parse(signer, &public, error)) {
        if (error != NULL && *error != NULL)
            (*error)->code = FAIL_USAGE;
        return FALSE;
    }
    AUTO(keys) *keys = keys_open(folder, error);
    if (keys != NULL && !check_other(keys, node, parsed, &public, error))
        return FALSE;
    AUTO_FD int above = keys != NULL ? file_open_folder(AT_FDCWD, folder, FALSE, error) : -1;
    AUTO_FD int trusted = above >= 0 ? file_open_folder(above, TRUSTED, TRUE, error) : -1;
    return trusted >= 0 && write_trusted(trusted, node, RECIPIENT_SUFFIX, recipient, error) &&
           write_trusted(trusted, node, TRUSTED_SUFFIX, signer, error);
}
