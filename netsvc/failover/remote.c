#include "netsvc/failover/checks.h"
#include "netsvc/failover/world.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

/*
 * Notes: {"node": …} is what the other node tells of itself, for status; {"question": N, "what": …}
 * and {"answer": N, "done": true, "text": "…"} are these.
 */

#define REMOTE_MAX 16     /* that wait */
#define REMOTE_SECONDS 60 /* … for so long */
#define GRACE_SECONDS                                                                              \
    3 /* … and without the other node for so long: it may be a path that is gone */
#define ERRANDS_MAX 4  /* of the other node's, at once */
#define NOTE_MAX 32768 /* bytes of what it tells of itself */

struct remote {
    guint number;
    char *note;   /* as it is sent, and again where the link was lost and found */
    gint64 asked; /* monotonic, microseconds */
    gint64 lost;  /* likewise: when the other node was; 0: it is there */
    remote_answered answered;
    gpointer context;
};

/* One of the other node's that is being looked into here. */
struct errand {
    struct failover *failover;
    guint64 number;
};

static void
finish(struct failover *failover, guint place, gboolean done, const char *answer)
{
    g_autofree struct remote *remote = g_ptr_array_remove_index(failover->remote, place);
    g_free(remote->note);
    remote->answered(failover, remote->context, done, answer);
}

void
remote_ask(struct failover *failover, const char *what, remote_answered answered, gpointer context)
{
    struct remote *remote = g_new0(struct remote, 1);
    g_autoptr(GString) out = g_string_new(NULL);
    *remote = (struct remote){.number = ++failover->remote_last,
                              .asked = g_get_monotonic_time(),
                              .answered = answered,
                              .context = context};
    g_ptr_array_add(failover->remote, remote);
    json_text_begin_object(out);
    json_text_member_unsigned(out, "question", remote->number);
    json_text_member_string(out, "what", what);
    json_text_end_object(out);
    remote->note = g_strdup(out->str);
    if (failover->remote->len > REMOTE_MAX)
        finish(failover, failover->remote->len - 1, FALSE, "too much is asked of the other node");
    else if (!link_send(failover->link, LINK_NOTE, out->str, out->len))
        finish(failover, failover->remote->len - 1, FALSE, "the other node is not reached");
}

void
remote_lost(struct failover *failover)
{
    for (guint i = 0; i < failover->remote->len; i++)
        ((struct remote *)failover->remote->pdata[i])->lost = g_get_monotonic_time();
}

/* The questions change nothing there. An answer that comes twice counts once. */
void
remote_met(struct failover *failover)
{
    for (guint i = 0; i < failover->remote->len; i++) {
        struct remote *remote = failover->remote->pdata[i];
        if (remote->lost != 0 &&
            link_send(failover->link, LINK_NOTE, remote->note, strlen(remote->note)))
            remote->lost = 0;
    }
}

static const char *
why_given_up(const struct remote *remote, gint64 now)
{
    if (remote->lost != 0 && now - remote->lost >= GRACE_SECONDS * G_USEC_PER_SEC)
        return "the other node is not reached any more";
    if (now - remote->asked >= REMOTE_SECONDS * G_USEC_PER_SEC)
        return "the other node is there, and does not answer";
    return NULL;
}

void
remote_tick(struct failover *failover, gint64 now)
{
    for (guint i = failover->remote->len; i-- > 0;) {
        const char *why = why_given_up(failover->remote->pdata[i], now);
        if (why != NULL)
            finish(failover, i, FALSE, why);
    }
}

/* ---- theirs ---- */

static gboolean
send_one(struct failover *failover, guint64 number, gboolean done, const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_unsigned(out, "answer", number);
    json_text_member_boolean(out, "done", done);
    json_text_member_string(out, "text", text);
    json_text_end_object(out);
    return link_send(failover->link, LINK_NOTE, out->str, out->len);
}

static void
send_answer(struct failover *failover, guint64 number, gboolean done, const char *text)
{
    if (!send_one(failover, number, done, text))
        send_one(failover, number, FALSE, "what was found there is more than can be told");
}

static void
errand_done(gpointer context, gboolean done, const char *answer)
{
    g_autofree struct errand *errand = context;
    errand->failover->errands--;
    send_answer(errand->failover, errand->number, done, answer);
}

static void
take_question(struct failover *failover, guint64 number, struct slice note)
{
    g_autofree char *what = NULL;
    json_member_text(note, "what", &what);
    const gboolean from = g_strcmp0(what, "check from") == 0;
    if (!from && g_strcmp0(what, "check to") != 0) {
        send_answer(failover, number, FALSE, "that is not known there: another version?");
        return;
    }
    if (failover->errands >= ERRANDS_MAX) {
        send_answer(failover, number, FALSE, "too much is asked of it at once");
        return;
    }
    failover->errands++;
    struct errand *errand = g_new0(struct errand, 1);
    *errand = (struct errand){failover, number};
    checks_run(failover->child, from, errand_done, errand);
}

static void
take_answer(struct failover *failover, guint64 number, struct slice note)
{
    g_autofree char *text = NULL;
    json_member_text(note, "text", &text);
    for (guint i = 0; i < failover->remote->len; i++)
        if (((const struct remote *)failover->remote->pdata[i])->number == number) {
            finish(failover, i, json_member_true(note, "done"), text != NULL ? text : "");
            return;
        }
}

gboolean
remote_take(struct failover *failover, struct slice note)
{
    guint64 number = 0;
    if (!json_check(note, NULL) || json_type(note) != JSON_OBJECT)
        return FALSE;
    if (json_member_unsigned(note, "question", &number)) {
        take_question(failover, number, note);
        return FALSE;
    }
    if (json_member_unsigned(note, "answer", &number)) {
        take_answer(failover, number, note);
        return FALSE;
    }
    if (note.size > NOTE_MAX)
        return FALSE;
    g_free(failover->note);
    failover->note = slice_dup(note);
    failover->noted = g_get_monotonic_time();
    return TRUE;
}
