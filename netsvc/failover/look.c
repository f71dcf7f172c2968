/* look: would a planned switch be possible? Both nodes look, each into its own things (checks.h):
 * when somebody asks, and now and then by itself, so that `lifeboat status` tells it beforehand. */
#include "netsvc/failover/checks.h"
#include "netsvc/failover/world.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

#define SOON_SECONDS 20 /* after the nodes have met, or a role has begun */
#define AGAIN_SECONDS 300
#define STALE_SECONDS 30 /* who asks how it stands has it looked at again after so long */

struct looking {
    struct failover *failover;
    guint32 task; /* 0: nobody waits */
    guint left;   /* answers that have not come */
    GString *out;
};

/* ---- one look ---- */

static void
keep(struct failover *failover, const char *found)
{
    g_free(failover->found);
    failover->found = g_strdup(found);
    failover->found_at = g_get_real_time() / G_USEC_PER_SEC;
    failover->look_due = g_get_monotonic_time() + AGAIN_SECONDS * G_USEC_PER_SEC;
}

static void
end(struct looking *looking)
{
    struct failover *failover = looking->failover;
    if (--looking->left > 0)
        return;
    json_text_end_array(looking->out);
    json_text_end_object(looking->out);
    keep(failover, looking->out->str);
    if (looking->task != 0)
        child_task_done(failover->child, looking->task, TRUE, looking->out->str, looking->out->len);
    else
        failover->looks = FALSE;
    g_string_free(looking->out, TRUE);
    g_free(looking);
}

static void
add(struct looking *looking, const char *node, gboolean done, const char *text)
{
    json_text_begin_object(looking->out);
    json_text_member_string(looking->out, "node", node);
    if (done && json_check(slice_of(text), NULL))
        json_text_member_raw(looking->out, "findings", slice_of(text));
    else
        json_text_member_string(looking->out, "failed", text);
    json_text_end_object(looking->out);
    end(looking);
}

static void
own_answered(gpointer context, gboolean done, const char *text)
{
    struct looking *looking = context;
    add(looking, looking->failover->config->own->name, done, text);
}

static void
other_answered(struct failover *failover, gpointer context, gboolean done, const char *text)
{
    add(context, failover->config->other->name, done, text);
}

void
look_begin(struct failover *failover, guint32 task)
{
    const gboolean from = protocol_role(failover->protocol) == PROTOCOL_ACTIVE;
    struct looking *looking = g_new0(struct looking, 1);
    *looking = (struct looking){failover, task, 2, g_string_new(NULL)};
    const char *why = protocol_would_refuse(failover->protocol, PROTOCOL_SWITCH);
    json_text_begin_object(looking->out);
    json_text_member_string(looking->out, "refused", why);
    json_text_member_string(looking->out, "unlike", failover->unlike);
    json_text_member_array(looking->out, "nodes");
    remote_ask(failover, from ? "check to" : "check from", other_answered, looking);
    checks_run(failover->child, from, own_answered, looking);
}

/* ---- by itself ---- */

/* While a switch goes on, or there is nobody to switch to, nothing is to be found out. */
static gboolean
is_settled(const struct failover *failover)
{
    const enum protocol_role role = protocol_role(failover->protocol);
    return link_is_up(failover->link) && !protocol_is_busy(failover->protocol) &&
           (protocol_is_open(failover->protocol) || role == PROTOCOL_STANDBY);
}

void
look_soon(struct failover *failover)
{
    g_clear_pointer(&failover->found, g_free);
    failover->look_due = g_get_monotonic_time() + SOON_SECONDS * G_USEC_PER_SEC;
}

void
look_refresh(struct failover *failover)
{
    const gint64 stale = failover->found_at + STALE_SECONDS;
    if (failover->found != NULL && g_get_real_time() / G_USEC_PER_SEC >= stale)
        failover->look_due = MIN(failover->look_due, g_get_monotonic_time());
}

void
look_tick(struct failover *failover, gint64 now)
{
    if (failover->looks || now < failover->look_due || !is_settled(failover))
        return;
    failover->looks = TRUE;
    look_begin(failover, 0);
}

/* ---- what was found ---- */

void
look_append(const struct failover *failover, GString *out)
{
    const gboolean is_known = failover->found != NULL && is_settled(failover);
    json_text_name(out, "look");
    if (is_known)
        json_text_raw(out, slice_of(failover->found));
    else
        json_text_null(out);
    json_text_member_time(out, "looked", is_known ? failover->found_at : 0);
}
