/* uuid: adopt and fresh (command.h).
 *
 *     adopt   the clients' checkpoints are here already, of the pull before: they were written
 *             while nobody could reach this node, and go when the switch is not made (fresh, or the
 *             next pull). Where none were carried from the server of that uuid, none may stand here
 *     fresh   first the uuid, then the checkpoints: no client finds the old ones by the new uuid,
 *             and they go lest the old one comes back, with a file from a backup
 */
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/http/patience.h"
#include "replicator/switch/clients/clients.h"
#include "replicator/switch/identity.h"
#include "replicator/switch/step.h"

#include <string.h>

#define STALL 30
#define PATIENCE 300

/* This node's server. */
struct own {
    struct http *http;
    struct traits traits;
    struct patience patience;
    struct identity *identity;
};

static void
wait_and_tell(void *context, guint milliseconds, const GError *cause)
{
    (void)context;
    log_notice("%s; trying again in %.1f s", cause->message, milliseconds / 1000.0);
    stop_sleep(milliseconds);
}

static gboolean
own_open(struct own *own, const struct command_line *line, GError **error)
{
    const struct http_options options = {.url = options_string(line, "source"),
                                         .stall_seconds = STALL};
    own->patience =
        (struct patience){.seconds = PATIENCE, .wait = wait_and_tell, .stopped = stop_is_due};
    own->http = http_connect(&options, options_string(line, "credentials"), error);
    if (own->http == NULL)
        return FALSE;
    http_set_stop(own->http, stop_is_due, NULL);
    http_be_patient(own->http, &own->patience);
    own->identity = identity_open(options_string(line, "state"), error);
    return own->identity != NULL && traits_fetch(own->http, &own->traits, error);
}

static void
own_clear(struct own *own)
{
    identity_free(own->identity);
    traits_clear(&own->traits);
    http_free(own->http);
}

/* ---- adopt ---- */

static gboolean
is_uuid(const char *text)
{
    return strlen(text) >= 8 && strspn(text, "0123456789abcdefABCDEF-") == strlen(text);
}

static gboolean
adopt(struct own *own, const char *uuid, GString *answer, GError **error)
{
    guint64 dropped = 0;
    if (!is_uuid(uuid))
        return fail_set(error, FAIL_USAGE, "'%s' is no uuid of a CouchDB", uuid);
    if (g_strcmp0(own->identity->carried, uuid) != 0) {
        log_warning("no checkpoints of clients were carried over from the server '%s': they begin "
                    "from zero",
                    uuid);
        if (!clients_drop_all(own->http, &dropped, error))
            return FALSE;
    }
    if (!identity_set(own->http, &own->traits, uuid, error))
        return FALSE;
    json_text_member_string(answer, "uuid", uuid);
    json_text_member_unsigned(answer, "dropped", dropped);
    return TRUE;
}

gboolean
step_adopt(struct step *step, GError **error)
{
    struct own own = {0};
    gboolean done =
        own_open(&own, step->line, error) && adopt(&own, step->value, step->answer, error);
    own_clear(&own);
    return done;
}

/* ---- fresh ---- */

static gboolean
draw(struct own *own, const char *token, GString *answer, GError **error)
{
    guint64 dropped;
    if (!identity_draw(own->identity, token, error) ||
        !identity_set(own->http, &own->traits, own->identity->uuid, error) ||
        !clients_drop_all(own->http, &dropped, error))
        return FALSE;
    json_text_member_string(answer, "uuid", own->identity->uuid);
    json_text_member_unsigned(answer, "dropped", dropped);
    return TRUE;
}

gboolean
step_fresh(struct step *step, GError **error)
{
    struct own own = {0};
    gboolean done =
        own_open(&own, step->line, error) && draw(&own, step->value, step->answer, error);
    own_clear(&own);
    return done;
}
