#include "netsvc/dns/serve/admission.h"

#include "lib/base/chance.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "netsvc/dns/serve/response_rate.h"

#include <string.h>
#include <time.h>

#define SECOND ((gint64)1000000000) /* nanoseconds */
#define SECRET_MODE 0600
#define SECRET_FILE_MAX 256 /* bytes */

static gint64
monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static gint64
wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

/* Sixteen bytes of chance, as text. */
static gboolean
keep_secret(struct cookie_secret *secret, int folder, GError **error)
{
    guint8 bytes[COOKIE_SECRET_SIZE];
    chance_bytes(bytes, sizeof bytes);
    g_autofree char *text = hash_hex(bytes, sizeof bytes);
    cookie_secret_set(secret, bytes);
    return file_replace(folder, ADMISSION_SECRET, text, strlen(text), SECRET_MODE, error);
}

static gboolean
read_secret(struct cookie_secret *secret, const char *text, gsize size)
{
    guint8 bytes[COOKIE_SECRET_SIZE];
    if (size != 2 * sizeof bytes)
        return FALSE;
    for (gsize i = 0; i < sizeof bytes; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]), low = g_ascii_xdigit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return FALSE;
        bytes[i] = (guint8)(high << 4 | low);
    }
    cookie_secret_set(secret, bytes);
    return TRUE;
}

gboolean
admission_open(struct admission *admission, int folder, GError **error)
{
    gsize size;
    if (file_is_unwritten(folder, ADMISSION_SECRET))
        return keep_secret(&admission->secret, folder, error);
    g_autofree char *text = file_read(folder, ADMISSION_SECRET, SECRET_FILE_MAX, &size, error);
    if (text == NULL)
        return FALSE;
    return read_secret(&admission->secret, text, size) ||
           keep_secret(&admission->secret, folder, error);
}

void
admission_init(struct admission *admission, const struct config_dns *config)
{
    *admission = (struct admission){.rate = response_rate_new(config->rate, config->networks),
                                    .monotonic = monotonic,
                                    .wall = wall};
    cookie_secret_random(&admission->secret);
}

void
admission_clear(struct admission *admission)
{
    g_clear_pointer(&admission->rate, response_rate_free);
}

enum serve_verdict
admission_of(struct admission *admission, const struct asker *asker, const struct query *query,
             struct reply_options *options)
{
    enum cookie_state cookie = COOKIE_NONE;
    if (query->cookie != NULL) {
        gint64 now = admission->wall();
        cookie = cookie_check(&admission->secret, query->cookie, query->cookie_size,
                              &asker->address, now);
        options->cookie_size = COOKIE_SIZE;
        if (cookie == COOKIE_GOOD)
            memcpy(options->cookie, query->cookie, COOKIE_SIZE);
        else
            cookie_make(&admission->secret, query->cookie, &asker->address, now, options->cookie);
    }
    if (cookie >= COOKIE_OLD || !serve_is_udp(asker))
        return SERVE_ANSWER;
    switch (response_rate_take(admission->rate, &asker->address, admission->monotonic())) {
    case RESPONSE_RATE_SEND:
        return SERVE_ANSWER;
    case RESPONSE_RATE_DROP:
        return SERVE_DROP;
    case RESPONSE_RATE_TRUNCATE:
        break;
    }
    return cookie == COOKIE_NONE ? SERVE_TRUNCATE : SERVE_BAD_COOKIE;
}
