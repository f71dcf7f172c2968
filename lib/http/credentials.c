/* credentials: reading a file of them. See http.h. */
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#define CREDENTIALS_FILE_MAX 4096 /* bytes */

void
http_credentials_clear(struct http_credentials *credentials)
{
    if (credentials->password != NULL)
        OPENSSL_cleanse(credentials->password, strlen(credentials->password));
    g_clear_pointer(&credentials->user, g_free);
    g_clear_pointer(&credentials->password, g_free);
}

/* "user = x" gives x when the line is about `key`. */
static char *
credentials_value(const char *line, const char *key)
{
    gsize length = strlen(key);
    if (!g_str_has_prefix(line, key))
        return NULL;
    const char *rest = line + length;
    while (*rest == ' ' || *rest == '\t')
        rest++;
    return *rest == '=' ? g_strstrip(g_strdup(rest + 1)) : NULL;
}

static gboolean
credentials_parse(char *text, struct http_credentials *credentials)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", 16);
    for (char **line = lines; *line != NULL; line++) {
        if (**line == '#' || **line == '\0')
            continue;
        char *user = credentials_value(*line, "user");
        char *password = user == NULL ? credentials_value(*line, "password") : NULL;
        const char *colon = strchr(*line, ':');
        if (user != NULL) {
            g_free(credentials->user);
            credentials->user = user;
        } else if (password != NULL) {
            g_free(credentials->password);
            credentials->password = password;
        } else if (colon != NULL && credentials->user == NULL) {
            credentials->user = g_strndup(*line, (gsize)(colon - *line));
            credentials->password = g_strdup(colon + 1);
        }
        OPENSSL_cleanse(*line, strlen(*line));
    }
    return credentials->user != NULL && credentials->password != NULL;
}

gboolean
http_credentials_read(const char *path, struct http_credentials *credentials, GError **error)
{
    struct stat info;
    *credentials = (struct http_credentials){NULL, NULL};
    if (stat(path, &info) != 0)
        return fail_errno(error, errno, "cannot read credentials '%s'", path);
    if (S_ISREG(info.st_mode) && (info.st_mode & 077) != 0)
        return fail_set(error, FAIL_USAGE,
                        "credentials '%s' can be read by others\nhint: chmod 600 '%s'", path, path);
    gsize size;
    g_autofree char *text = file_read_named(path, CREDENTIALS_FILE_MAX, &size, error);
    if (text == NULL)
        return FALSE;
    gboolean found = credentials_parse(text, credentials);
    OPENSSL_cleanse(text, size);
    if (!found)
        return fail_set(error, FAIL_USAGE,
                        "credentials '%s' hold no line USER:PASSWORD, or of a bucket KEY:SECRET",
                        path);
    return TRUE;
}
