#include "netsvc/web/page/front.h"

#include "lib/base/hash.h"
#include "netsvc/web/page/qr.h"

#include <string.h>

#define LINE 24    /* characters of a fingerprint: 8 bytes */
#define PAGE 16384 /* bytes: about so many it has */

static const char *const page[] = {
#include "netsvc/web_front_html.h"
    NULL};
static const char *const page_without[] = {
#include "netsvc/web_none_html.h"
    NULL};
static const char *const style[] = {
#include "netsvc/web_front_css.h"
    NULL};

/* ---- what stands between '@' ---- */

static const struct {
    const char *word, *device;
} devices[] = {
    {"Android", "ANDROID"}, {"iPhone", "APPLE"},  {"iPad", "APPLE"}, {"Firefox", "FIREFOX"},
    {"Windows", "WINDOWS"}, {"CrOS", "CHROMEOS"}, {"Mac OS", "MAC"}, {"Linux", "LINUX"},
};

/* By the first of the words that it has: many say several. */
const char *
front_device(const char *agent)
{
    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
        if (strstr(agent, devices[i].word) != NULL)
            return devices[i].device;
    return "ANDROID";
}

/* By HTTPS the name, which is what the certificate is of. */
static char *
url(const struct front *front, gboolean tls)
{
    const guint16 port = tls ? front->https : front->http;
    const char *scheme = tls ? "https" : "http";
    const char *host = tls || front->address == NULL ? front->name : front->address;
    if (port == (tls ? 443 : 80))
        return g_strdup_printf("%s://%s/", scheme, host);
    return g_strdup_printf("%s://%s:%u/", scheme, host, port);
}

static void
append_escaped(GString *out, const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);
    g_string_append(out, escaped);
}

static void
append_fingerprint(GString *out, const struct front *front)
{
    g_autofree char *text = trust_fingerprint(front->trust);
    for (const char *at = text; *at != '\0'; at += MIN(strlen(at), LINE))
        g_string_append_printf(out, "<span>%.*s</span>", LINE, at);
}

static void
append_limits(GString *out, const struct front *front)
{
    const GPtrArray *permitted = front->trust->permitted;
    if (permitted->len == 0)
        return;
    g_string_append(out, "<li>It is good for these names and addresses alone: ");
    for (guint i = 0; i < permitted->len; i++) {
        g_string_append(out, i > 0 ? ", <b>" : "<b>");
        append_escaped(out, permitted->pdata[i]);
        g_string_append(out, "</b>");
    }
    g_string_append(out, ". It cannot stand in for your bank, your e-mail or any other site; "
                         "devices of today check that.</li>");
}

static void
append_try(GString *out, const struct front *front)
{
    if (front->https == 0) {
        g_string_append(out, "Open the server in your browser, as always.");
        return;
    }
    g_autofree char *where = url(front, TRUE);
    g_autofree char *escaped = g_markup_escape_text(where, -1);
    g_string_append_printf(out, "Open <a href=\"%s\">%s</a>.", escaped, escaped);
}

static void
append_public(GString *out, const struct front *front)
{
    if (!front->trust->public_one)
        return;
    g_string_append(out, "<p class=\"note\">First try it. ");
    append_try(out, front);
    g_string_append(out,
                    " This server has a public certificate now. Most devices, and the CHT app, "
                    "need nothing more.</p>");
}

static void
append_site(GString *out, const struct front *front)
{
    const char *organisation = front->trust != NULL ? front->trust->organisation : "";
    append_escaped(out, *organisation != '\0' ? organisation : front->name);
}

static void
append_url(GString *out, const struct front *front)
{
    g_autofree char *where = url(front, front->http == 0);
    append_escaped(out, where);
}

static void
append_code(GString *out, const struct front *front)
{
    g_autofree char *where = url(front, front->http == 0);
    qr_append(out, where, where);
}

static void
append_name(GString *out, const struct front *front)
{
    append_escaped(out, front->name);
}

static void
append_style(GString *out, const struct front *front)
{
    (void)front;
    for (gsize i = 0; style[i] != NULL; i++)
        g_string_append(out, style[i]);
}

static const struct {
    const char *word;
    void (*append)(GString *out, const struct front *front);
} words[] = {
    {"NAME", append_name},
    {"PUBLIC", append_public},
    {"STYLE", append_style},
    {"SITE", append_site},
    {"FINGERPRINT", append_fingerprint},
    {"LIMITS", append_limits},
    {"TRY", append_try},
    {"URL", append_url},
    {"QR", append_code},
};

/* One that is no word here is a section: open where it is that device's. */
static void
append_word(GString *out, const struct front *front, const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(words[i].word, word) == 0) {
            words[i].append(out, front);
            return;
        }
    if (strcmp(front->device, word) == 0)
        g_string_append(out, " open");
}

static void
append_line(GString *out, const struct front *front, const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, "@", -1);
    for (guint i = 0; parts[i] != NULL; i++)
        if (i % 2 == 0)
            g_string_append(out, parts[i]);
        else
            append_word(out, front, parts[i]);
}

char *
front_text(const struct front *front)
{
    const char *const *lines = front->trust != NULL ? page : page_without;
    GString *out = g_string_sized_new(PAGE);
    for (gsize i = 0; lines[i] != NULL; i++)
        append_line(out, front, lines[i]);
    return g_string_free(out, FALSE);
}

/* Browsers that know no hashes take the second word, others ignore it (CSP level 2, 7.18). */
char *
front_policy(void)
{
    guint8 digest[HASH_SHA256_SIZE];
    g_autoptr(GString) whole = g_string_new(NULL);
    append_style(whole, NULL);
    hash_sha256(whole->str, whole->len, digest);
    g_autofree char *text = g_base64_encode(digest, sizeof digest);
    return g_strdup_printf("default-src 'none'; style-src 'sha256-%s' 'unsafe-inline'; "
                           "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                           text);
}
