#include "replicator/cert/folder.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/crypt/base64.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define README "README.txt"

static const char readme[] =
    "A CERTIFICATE FOR @NAME@\r\n"
    "\r\n"
    "The clinic's server asks for a certificate that phones trust by themselves. It has no "
    "Internet,\r\n"
    "so this drive carries the request, @NAME@.csr, to a laptop that has. There is no secret in "
    "it.\r\n"
    "\r\n"
    "1. On a laptop with Internet, open a terminal in this folder (lifeboat-cert).\r\n"
    "2. Have the request signed, with ONE of these. Each shows a TXT record for\r\n"
    "   _acme-challenge.@NAME@, which you add at whoever keeps the domain; then it goes on.\r\n"
    "\r\n"
    "   certbot:  certbot certonly --manual --preferred-challenges dns --csr @NAME@.csr\r\n"
    "             It writes 0000_cert.pem, 0000_chain.pem and 0001_chain.pem into this folder:\r\n"
    "             done.\r\n"
    "\r\n"
    "   lego:     lego --email YOU@EXAMPLE.ORG --accept-tos --dns manual --csr @NAME@.csr run\r\n"
    "             Copy .lego/certificates/@NAME@.crt into this folder.\r\n"
    "\r\n"
    "   acme.sh:  acme.sh --signcsr --csr @NAME@.csr --dns \\\r\n"
    "                 --yes-I-know-dns-manual-mode-enough-go-ahead-please\r\n"
    "             Add the TXT record, then the same command with --renew in place of --signcsr.\r\n"
    "             Copy fullchain.cer (the command says where it is) into this folder.\r\n"
    "\r\n"
    "   Any other way does as well: what counts is the certificate with its chain (often called\r\n"
    "   'fullchain'), in PEM or DER, in this folder. Names of files do not matter.\r\n"
    "3. Take the drive out safely, and insert it into the clinic's server. It takes the "
    "certificate\r\n"
    "   by itself; 'lifeboat cert show' tells. By hand: lifeboat cert import FOLDER\r\n"
    "\r\n"
    "Public certificates last 90 days or less. The same request can be signed again each time; "
    "the\r\n"
    "server says when it is time (lifeboat status).\r\n";

/* ---- there ---- */

static char *
readme_for(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(readme, "@NAME@", -1);
    return g_strjoinv(name, parts);
}

/* What is there already is not written again: a drive lasts longer so. */
static gboolean
write_file(int folder, const char *name, const char *text, GError **error)
{
    gsize size = 0;
    g_autofree char *has = file_read(folder, name, FOLDER_FILE_MAX, &size, NULL);
    if (has != NULL && size == strlen(text) && memcmp(has, text, size) == 0)
        return TRUE;
    return file_replace(folder, name, text, strlen(text), 0644, error);
}

char *
folder_write_request(const char *dir, const char *name, const char *request, GError **error)
{
    g_autofree char *path = g_build_filename(dir, FOLDER_NAME, NULL);
    g_autofree char *file = g_strconcat(name, ".csr", NULL), *text = readme_for(name);
    if (strchr(name, '/') != NULL)
        return fail_set(error, FAIL_FAILED, "'%s' is no name of a server", name), NULL;
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return fail_errno(error, errno, "cannot make folder '%s'", path), NULL;
    AUTO_FD int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return fail_errno(error, errno, "cannot open '%s'", path), NULL;
    if (!write_file(folder, file, request, error) || !write_file(folder, README, text, error)) {
        g_prefix_error(error, "the request cannot be written to '%s': ", path);
        return NULL;
    }
    return g_build_filename(path, file, NULL);
}

/* ---- and back ---- */

static gboolean
may_be_one(const char *data, gsize size)
{
    static const char request[] = "-----BEGIN CERTIFICATE REQUEST";
    static const char pem[] = "-----BEGIN ";
    if (size > 0 && (guint8)data[0] == 0x30) /* DER: a sequence */
        return TRUE;
    const char *begins = memmem(data, size, pem, sizeof pem - 1);
    return begins != NULL &&
           memmem(data, size, request, sizeof request - 1) != begins; /* our own request */
}

static gboolean
too_much(const char *path, gsize max, GError **error)
{
    return fail_set(error, FAIL_USAGE,
                    "'%s' has more certificates and keys than are taken: %zu bytes are the limit\n"
                    "hint: leave only what was signed for this request there, with its chain, as "
                    "in `lifeboat cert import fullchain.pem`",
                    path, max);
}

/* FALSE: they are too much with this one. */
static gboolean
add_file(GPtrArray *files, gsize *total, int folder, const char *name)
{
    gsize size = 0;
    char *data = file_read(folder, name, FOLDER_FILE_MAX, &size, NULL);
    const gboolean taken = data != NULL && may_be_one(data, size);
    if (taken && *total + size <= FOLDER_TOTAL_MAX) {
        GString *text = g_string_sized_new(size * 4 / 3 + 8);
        base64_append(text, data, size, TRUE);
        g_ptr_array_add(files, g_string_free(text, FALSE));
    }
    if (taken)
        *total += size;
    if (data != NULL)
        explicit_bzero(data, size);
    g_free(data);
    return *total <= FOLDER_TOTAL_MAX;
}

static gboolean
add_folder(GPtrArray *files, int folder)
{
    gboolean fits = TRUE;
    DIR *list = fdopendir(fcntl(folder, F_DUPFD_CLOEXEC, 0));
    const struct dirent *entry;
    gsize total = 0;
    for (guint seen = 0;
         list != NULL && fits && seen < FOLDER_FILES_MAX && (entry = readdir(list)) != NULL; seen++)
        fits = entry->d_name[0] == '.' || add_file(files, &total, folder, entry->d_name);
    if (list != NULL)
        closedir(list);
    return fits;
}

GPtrArray *
folder_read(const char *path, GError **error)
{
    g_autofree char *inner = g_build_filename(path, FOLDER_NAME, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    AUTO_FD int folder = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        if (!add_folder(files, folder))
            return too_much(path, FOLDER_TOTAL_MAX, error), NULL;
        return g_steal_pointer(&files);
    }
    struct stat there;
    gsize size = 0;
    if (stat(path, &there) == 0 && S_ISREG(there.st_mode) && there.st_size > FOLDER_FILE_MAX)
        return too_much(path, FOLDER_FILE_MAX, error), NULL;
    g_autofree char *data = file_read_named(path, FOLDER_FILE_MAX, &size, error);
    if (data == NULL)
        return NULL;
    GString *text = g_string_new(NULL);
    base64_append(text, data, size, TRUE);
    explicit_bzero(data, size);
    g_ptr_array_add(files, g_string_free(text, FALSE));
    return g_steal_pointer(&files);
}
