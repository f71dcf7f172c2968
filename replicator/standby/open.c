#include "replicator/standby/open.h"

#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"

#define STALL 30    /* seconds without a byte, and a call is given up */
#define PATIENCE 10 /* seconds that a pass goes on through failures: it is repeated anyway, … */
#define PATIENCE_ONCE 300   /* … where it does not have to end */
#define FEED_CONNECTIONS 24 /* hints.c has 21 */

gboolean
standby_options_read(const struct command_line *line, struct pair *pair,
                     struct standby_options *options, GError **error)
{
    if (!pair_require(line, pair, error))
        return FALSE;
    *options = (struct standby_options){
        .from = {.url = pair->url,
                 .login_option = "--from-credentials",
                 .ca_file = options_string(line, "from-ca"),
                 .stall_seconds = STALL},
        .from_credentials = pair->credentials,
        .into = {.url = options_string(line, "source"), .stall_seconds = STALL},
        .into_credentials = options_string(line, "credentials"),
        .state = options_string(line, "state"),
        .choice = {options_list(line, "include"), options_list(line, "exclude")},
        .rate = (guint64)options_integer(line, "rate") << 10,
        .keep_dropped = (guint)options_integer(line, "keep-dropped"),
    };
    return TRUE;
}

static void
wait_and_tell(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    if (cause != NULL)
        log_notice("%s; trying again in %.1f s", cause->message, milliseconds / 1000.0);
    stop_sleep(milliseconds);
}

static struct http *
open_server(const struct http_options *options, const char *credentials, struct http *beside,
            guint connections, GError **error)
{
    struct http_options own = *options;
    own.beside = beside;
    own.connections = connections;
    struct http *http = http_connect(&own, credentials, error);
    if (http != NULL)
        http_set_stop(http, stop_is_due, NULL);
    return http;
}

static gboolean
open_servers(struct standby *standby, GError **error)
{
    const struct standby_options *options = standby->options;
    struct http_options from = options->from;
    from.rate = standby->rate = options->rate > 0 ? rate_new(options->rate) : NULL;
    standby->source = open_server(&from, options->from_credentials, NULL, 0, error);
    if (standby->source == NULL)
        return FALSE;
    standby->target =
        open_server(&options->into, options->into_credentials, standby->source, 0, error);
    if (standby->target == NULL)
        return FALSE;
    standby->feeds = open_server(&from, options->from_credentials, NULL, FEED_CONNECTIONS, error);
    return standby->feeds != NULL;
}

gboolean
standby_open(struct standby *standby, GError **error)
{
    standby->patience = (struct patience){
        .seconds = standby->options->once && !standby->options->quick ? PATIENCE_ONCE : PATIENCE,
        .wait = wait_and_tell,
        .stopped = stop_is_due};
    standby->memory = memory_open(standby->options->state, error);
    if (standby->memory == NULL)
        return FALSE;
    standby->lock =
        lock_take(standby->memory->folder, "standby.lock", "lifeboat standby follow", error);
    return standby->lock != NULL && open_servers(standby, error);
}
