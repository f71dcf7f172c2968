#include "netsvc/web/page/profile.h"

#include "lib/base/hash.h"

#include <string.h>

#define LINE 64 /* characters of base64, a multiple of 4 */

/* One that the root and the purpose decide (RFC 9562, version 8). */
static char *
identifier(const struct trust *trust, const char *purpose)
{
    guint8 bytes[HASH_MAX];
    AUTO(hash) *hash = hash_new(HASH_SHA256);
    hash_add(hash, purpose, strlen(purpose));
    hash_add(hash, trust->digest, sizeof trust->digest);
    hash_take(hash, bytes);
    bytes[6] = (guint8)((bytes[6] & 0x0f) | 0x80);
    bytes[8] = (guint8)((bytes[8] & 0x3f) | 0x80);
    return g_strdup_printf("%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X",
                           bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6],
                           bytes[7], bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13],
                           bytes[14], bytes[15]);
}

static void
add(GString *out, const char *key, const char *value)
{
    g_autofree char *escaped = g_markup_escape_text(value, -1);
    g_string_append_printf(out, "<key>%s</key>\n<string>%s</string>\n", key, escaped);
}

static void
add_data(GString *out, const char *key, GBytes *data)
{
    gsize size;
    const guint8 *bytes = g_bytes_get_data(data, &size);
    g_autofree char *text = g_base64_encode(bytes, size);
    g_string_append_printf(out, "<key>%s</key>\n<data>\n", key);
    for (const char *at = text; *at != '\0'; at += MIN(strlen(at), LINE))
        g_string_append_printf(out, "%.*s\n", LINE, at);
    g_string_append(out, "</data>\n");
}

/* What each payload says of itself. */
static void
add_head(GString *out, const struct trust *trust, const char *type, const char *purpose)
{
    g_autofree char *name = g_strconcat("org.lifeboat.", trust->name, ".", purpose, NULL);
    g_autofree char *number = identifier(trust, purpose);
    g_autofree char *shown = g_strconcat(
        *trust->organisation != '\0' ? trust->organisation : trust->name, ": certificate", NULL);
    add(out, "PayloadType", type);
    add(out, "PayloadIdentifier", name);
    add(out, "PayloadUUID", number);
    add(out, "PayloadDisplayName", shown);
    if (*trust->organisation != '\0')
        add(out, "PayloadOrganization", trust->organisation);
    g_string_append(out, "<key>PayloadVersion</key>\n<integer>1</integer>\n");
}

char *
profile_text(const struct trust *trust)
{
    GString *out = g_string_new(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
        "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
        "<plist version=\"1.0\">\n<dict>\n<key>PayloadContent</key>\n<array>\n<dict>\n");
    g_autofree char *what =
        g_strconcat("Lets this device trust the server ", trust->name, ".", NULL);
    add_head(out, trust, "com.apple.security.root", "root");
    add(out, "PayloadCertificateFileName", "ca.crt");
    add(out, "PayloadDescription", what);
    add_data(out, "PayloadContent", trust->root);
    g_string_append(out, "</dict>\n</array>\n");
    add_head(out, trust, "Configuration", "profile");
    add(out, "PayloadDescription", what);
    g_string_append(out, "<key>PayloadRemovalDisallowed</key>\n<false/>\n</dict>\n</plist>\n");
    return g_string_free(out, FALSE);
}
