#include "kept.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "netsvc/bytes.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/transfer/incoming.h"
#include "netsvc/dns/transfer/outgoing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "lifeboat zone 1\n"
#define MODE 0600
#define LENGTH 2 /* bytes before a message */
#define CHECKED_MAX 256
#define BOOT_ID_MAX 64
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static char *
file_of(const struct name *origin, const char *suffix)
{
    char text[NAME_TEXT_MAX];
    g_autofree char *escaped = g_uri_escape_string(name_text(origin, text), NULL, FALSE);
    return g_strconcat(escaped, suffix, NULL);
}

/* ---- the zone ---- */

/* The request whose answer stands in the file. */
static struct incoming *
ask(const struct name *origin, guint8 request[INCOMING_REQUEST_MAX], gsize *size)
{
    struct incoming_role role = {.origin = origin,
                                 .kind = INCOMING_AXFR,
                                 .records_max = ZONE_RECORDS_MAX,
                                 .bytes_max = INCOMING_BYTES_MAX};
    struct incoming *incoming = incoming_new(&role);
    *size = incoming_request(incoming, 0, request, 0);
    return incoming;
}

static GByteArray *
write_out(struct outgoing *outgoing)
{
    GByteArray *bytes = g_byte_array_new();
    g_autofree guint8 *message = g_malloc(LENGTH + DNS_TCP_MAX);
    gssize size;
    g_byte_array_append(bytes, (const guint8 *)MAGIC, strlen(MAGIC));
    while ((size = outgoing_next(outgoing, message + LENGTH, 0)) > 0) {
        bytes_put16(message, (guint)size);
        g_byte_array_append(bytes, message, (guint)size + LENGTH);
    }
    guint8 digest[HASH_SHA256_SIZE];
    hash_sha256(bytes->data, bytes->len, digest);
    g_byte_array_append(bytes, digest, sizeof digest);
    return bytes;
}

gboolean
kept_write(int folder, const struct zone *zone, GError **error)
{
    guint8 request[INCOMING_REQUEST_MAX];
    gsize size;
    struct query query;
    struct tsig tsig = {0};
    struct sockaddr_storage nobody = {.ss_family = AF_INET};
    enum rcode rcode;
    g_autofree char *name = file_of(zone_origin(zone), ".zone");
    incoming_free(ask(zone_origin(zone), request, &size));
    enum query_outcome outcome = query_parse(&query, request, size);
    g_assert(outcome == QUERY_GOOD);
    AUTO(outgoings) *outgoings = outgoings_new();
    struct outgoing *outgoing = outgoing_new(outgoings, &query, &tsig, &nobody, zone, NULL, &rcode);
    if (outgoing == NULL)
        return fail_set(error, FAIL_FAILED, "'%s' cannot be written: the zone is too large", name);
    g_autoptr(GByteArray) bytes = write_out(outgoing);
    outgoing_free(outgoing);
    return file_replace(folder, name, bytes->data, bytes->len, MODE, error);
}

/* The messages, without what is around them; FALSE: damaged. */
static gboolean
open_file(const char *text, gsize size, const guint8 **at, const guint8 **end)
{
    guint8 digest[HASH_SHA256_SIZE];
    if (size < strlen(MAGIC) + sizeof digest || memcmp(text, MAGIC, strlen(MAGIC)) != 0)
        return FALSE;
    gsize covered = size - sizeof digest;
    hash_sha256(text, covered, digest);
    *at = (const guint8 *)text + strlen(MAGIC);
    *end = (const guint8 *)text + covered;
    return memcmp(*end, digest, sizeof digest) == 0;
}

static struct zone *
read_in(const struct name *origin, const guint8 *at, const guint8 *end, GError **error)
{
    guint8 request[INCOMING_REQUEST_MAX];
    gsize unused;
    AUTO(incoming) *incoming = ask(origin, request, &unused);
    enum incoming_state state = INCOMING_MORE;
    while (state == INCOMING_MORE && end - at > LENGTH && end - at - LENGTH >= bytes_get16(at)) {
        guint16 size = bytes_get16(at);
        state = incoming_take(incoming, at + LENGTH, size, 0, error);
        at += LENGTH + size;
    }
    if (state == INCOMING_ZONE && at == end)
        return content_to_zone(incoming_content(incoming), origin, error);
    if (state != INCOMING_FAILED)
        fail_set(error, FAIL_DAMAGED, "it is cut off");
    return NULL;
}

/* ---- when it was checked ---- */

char *
kept_boot_id(void)
{
    char *text = file_read(AT_FDCWD, BOOT_ID, BOOT_ID_MAX, NULL, NULL);
    return text != NULL ? g_strstrip(text) : g_strdup("");
}

gboolean
kept_write_checked(int folder, const struct name *origin, const struct kept_now *now,
                   GError **error)
{
    g_autofree char *name = file_of(origin, ".checked");
    g_autofree char *text = g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
                                            now->boot_id, now->boot, now->wall);
    return file_replace(folder, name, text, strlen(text), MODE, error);
}

static gint64
age_of(int folder, const struct name *origin, const struct kept_now *now)
{
    char boot_id[BOOT_ID_MAX];
    gint64 boot, wall, age = 0;
    g_autofree char *name = file_of(origin, ".checked");
    g_autofree char *text = file_read(folder, name, CHECKED_MAX, NULL, NULL);
    if (text == NULL ||
        sscanf(text, "%63s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, boot_id, &boot, &wall) != 3)
        return 0;
    if (strcmp(boot_id, now->boot_id) == 0) /* of two unknown ones neither could be read */
        age = now->boot - boot;
    else if (now->wall_sure)
        age = now->wall - wall;
    return MAX(age, 0);
}

struct zone *
kept_read(int folder, const struct name *origin, const struct kept_now *now, gint64 *age,
          GError **error)
{
    gsize size = 0;
    const guint8 *at, *end;
    g_autofree char *name = file_of(origin, ".zone");
    if (file_is_absent(folder, name))
        return NULL;
    g_autofree char *text = file_read(folder, name, KEPT_FILE_MAX, &size, error);
    if (text == NULL)
        return NULL;
    *age = age_of(folder, origin, now);
    struct zone *zone = NULL;
    if (!open_file(text, size, &at, &end))
        fail_set(error, FAIL_DAMAGED, "it is damaged");
    else
        zone = read_in(origin, at, end, error);
    if (zone == NULL)
        g_prefix_error(error, "'%s' cannot be used: ", name);
    return zone;
}

void
kept_remove(int folder, const struct name *origin)
{
    g_autofree char *zone = file_of(origin, ".zone"), *checked = file_of(origin, ".checked");
    unlinkat(folder, zone, 0);
    unlinkat(folder, checked, 0);
}
