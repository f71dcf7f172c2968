#include "replicator/cert/command.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/cert/folder.h"
#include "replicator/cert/show.h"
#include "replicator/tell.h"

#include <stdio.h>
#include <string.h>

static struct slice
whole(const GString *text)
{
    return (struct slice){text->str, text->len};
}

static GString *
ask_plain(const struct command_line *line, const char *what, GError **error)
{
    g_autofree char *request = g_strdup_printf("{\"ask\":\"cert/%s\"}", what);
    GString *answer =
        ask_daemon(ASK_NETSVC, options_string(line, "net-control"), request, ASK_SECONDS, error);
    if (answer == NULL && error != NULL && strstr((*error)->message, "is not served") != NULL)
        fail_add_hint(error, "certificates need `name` under [cert] in the configuration, on both "
                             "nodes; then `lifeboat net reload`");
    return answer;
}

static void
print_certificates(const GString *answer)
{
    g_autofree char *text = show_certificates(whole(answer));
    fputs(text, stdout);
}

/* ---- init, show, roll-back ---- */

/* Where people install the root; for the caller to free. */
static char *
page_of(struct slice answer)
{
    g_autofree char *by_name = tell_text(answer, "page");
    g_autofree char *by_address = tell_text(answer, "page_address");
    if (by_name == NULL)
        return g_strdup("have them served (`enabled` and `http` under [web]), and the page that "
                        "helps to install the root is there for laptops and phones");
    return g_strdup_printf("on each laptop and phone, open %s%s%s and follow the page", by_name,
                           by_address != NULL ? " or " : "", by_address != NULL ? by_address : "");
}

int
cert_init_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) answer = ask_plain(line, "init", error);
    struct slice authority;
    g_autofree char *fingerprint = NULL;
    if (answer == NULL)
        return FAIL_FAILED;
    g_autofree char *page = page_of(whole(answer));
    if (json_member(whole(answer), "authority", &authority))
        fingerprint = tell_text(authority, "fingerprint");
    printf(
        "the site has a root of its own now, and its server a certificate\n"
        "fingerprint (SHA-256):\n  %s\n\n"
        "next:\n"
        "  - write the fingerprint on the recovery sheet: people who install the root compare it\n"
        "  - %s\n"
        "  - for the stock CHT app, which trusts public certificates alone: lifeboat cert request\n"
        "the root's private key is sealed for the recovery key; nothing here can use it again\n",
        fingerprint != NULL ? fingerprint : "?", page);
    return 0;
}

int
cert_show_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) answer = ask_plain(line, "show", error);
    if (answer == NULL)
        return FAIL_FAILED;
    if (options_flag(line, "json"))
        printf("%s\n", g_strchomp(answer->str));
    else
        print_certificates(answer);
    return 0;
}

int
cert_roll_back_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) answer = ask_plain(line, "roll-back", error);
    if (answer == NULL)
        return FAIL_FAILED;
    printf("the certificate before is in force again; the same command goes forth again\n\n");
    print_certificates(answer);
    return 0;
}

/* ---- request ---- */

int
cert_request_command(const struct command_line *line, GError **error)
{
    const char *to = options_string(line, "to");
    g_autoptr(GString) answer = ask_plain(line, "request", error);
    g_autofree char *name = NULL, *request = NULL;
    if (answer == NULL)
        return FAIL_FAILED;
    if (!json_member_text(whole(answer), "name", &name) ||
        !json_member_text(whole(answer), "csr", &request))
        return fail_set(error, FAIL_FAILED, ASK_NETSVC " gives no request"), FAIL_FAILED;
    if (to == NULL) {
        printf(
            "the request for '%s' is made. It goes to the next Lifeboat drive that is inserted,\n"
            "into the folder " FOLDER_NAME ", with instructions in README.txt.\n"
            "At once, to a folder: lifeboat cert request --to DIR\n",
            name);
        return 0;
    }
    g_autofree char *path = folder_write_request(to, name, request, error);
    if (path == NULL)
        return FAIL_FAILED;
    printf("the request is '%s'; README.txt beside it tells how to have it signed.\n"
           "Then: lifeboat cert import %s\n",
           path, to);
    return 0;
}

/* ---- import ---- */

static char *
import_request(const GPtrArray *files, gboolean by_drive)
{
    GString *out = g_string_sized_new(60000);
    json_text_begin_object(out);
    json_text_member_string(out, "ask", "cert/import");
    json_text_member_boolean(out, "drive", by_drive);
    json_text_member_strings(out, "files", files);
    json_text_end_object(out);
    return g_string_free(out, FALSE);
}

static GString *
import(const struct command_line *line, const GPtrArray *files, gboolean by_drive, GError **error)
{
    char *request = import_request(files, by_drive);
    GString *answer =
        ask_daemon(ASK_NETSVC, options_string(line, "net-control"), request, ASK_SECONDS, error);
    explicit_bzero(request, strlen(request));
    g_free(request);
    return answer;
}

static void
tell_import(const GString *answer)
{
    g_autofree char *subject = tell_text(whole(answer), "subject");
    g_autofree char *issuer = tell_text(whole(answer), "issuer");
    g_autofree char *why = tell_text(whole(answer), "why");
    g_autofree char *unknown = tell_text(whole(answer), "unknown");
    g_autofree char *missing = show_names(whole(answer), "missing");
    const gint64 ends = json_member_time(whole(answer), "not_after");
    g_autofree char *when = ends > 0 ? tell_time(ends) : g_strdup("?");
    if (json_member_true(whole(answer), "imported"))
        printf("the certificate for '%s', signed by '%s', is in force; it ends %s\n",
               subject != NULL ? subject : "?", issuer != NULL ? issuer : "?", when);
    else
        printf("nothing new: %s\n", why != NULL ? why : "?");
    if (*missing != '\0')
        log_warning("the certificate is not for %s: clients that use that name refuse it", missing);
    if (unknown != NULL)
        log_warning("this server's list of public authorities does not have '%s': phones may not "
                    "trust the certificate; if so: lifeboat cert roll-back",
                    unknown);
}

/* A drive was inserted, and nobody stands by: the request that waits goes to it, what was signed
 * is taken, and where lifeboat-netsvc does not run there is nothing to do. Reports as jobs do. */
static int
serve_drive(const struct command_line *line, const char *path, GError **error)
{
    g_autofree char *name = NULL, *request = NULL;
    g_autoptr(GError) absent = NULL;
    g_autoptr(GString) waiting = ask_plain(line, "waiting", &absent);
    if (waiting == NULL)
        return 0;
    if (json_member_text(whole(waiting), "name", &name) &&
        json_member_text(whole(waiting), "csr", &request)) {
        g_autofree char *written = folder_write_request(path, name, request, error);
        if (written == NULL)
            return FAIL_FAILED;
    }
    g_autofree char *inner = g_build_filename(path, FOLDER_NAME, NULL);
    if (!g_file_test(inner, G_FILE_TEST_IS_DIR))
        return 0;
    g_autoptr(GPtrArray) files = folder_read(inner, error);
    if (files == NULL || files->len == 0)
        return files == NULL ? FAIL_FAILED : 0;
    g_autoptr(GString) answer = import(line, files, TRUE, error);
    if (answer == NULL)
        return FAIL_FAILED;
    if (json_member_true(whole(answer), "imported"))
        log_notice("the certificate on the drive is in force");
    return 0;
}

int
cert_import_command(const struct command_line *line, GError **error)
{
    const char *path = command_argument(line, "PATH");
    if (options_flag(line, "drive"))
        return serve_drive(line, path, error);
    g_autoptr(GPtrArray) files = folder_read(path, error);
    if (files == NULL)
        return FAIL_FAILED; /* the code of the error counts */
    if (files->len == 0)
        return fail_set(
                   error, FAIL_USAGE,
                   "there is no certificate in '%s'\nhint: README.txt beside the request (.csr) "
                   "tells how to have it signed; what comes back belongs into its folder",
                   path),
               FAIL_USAGE;
    g_autoptr(GString) answer = import(line, files, FALSE, error);
    if (answer == NULL) {
        g_prefix_error(error, "'%s': ", path);
        return FAIL_FAILED;
    }
    tell_import(answer);
    return 0;
}
