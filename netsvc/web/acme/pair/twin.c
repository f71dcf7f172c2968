#include "netsvc/web/acme/pair/twin.h"

#include "lib/base/chance.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/pair/unite.h"

#include <string.h>

#define SESSION_BYTES 12
#define SESSION_TEXT 17 /* of it, with its zero byte */

struct twin {
    struct ledger *ledger;
    struct twin_means means;
    gboolean met;    /* the other node can be talked to */
    gboolean failed; /* the ledger did, which was told */
    struct {
        char session[SESSION_TEXT]; /* the other node's; "": it has not begun */
        gint64 place;               /* the last change that was sent */
        guint64 sent, acked;
        gboolean reminds; /* nothing was heard since it was last reminded */
    } out;
    struct {
        char session[SESSION_TEXT];
        guint64 received;
    } in;
};

struct message {
    struct slice json;
    char *session;
    guint64 number;
};

/* ---- saying ---- */

static GString *
begin_message(const char *what, const char *session)
{
    GString *out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "say", what);
    json_text_member_string(out, "session", session);
    return out;
}

/* Frees it. */
static void
say(struct twin *twin, GString *message)
{
    json_text_end_object(message);
    twin->means.send(twin->means.context, message->str, message->len);
    g_string_free(message, TRUE);
}

static void
say_number(struct twin *twin, const char *what, const char *session, guint64 number)
{
    GString *message = begin_message(what, session);
    json_text_member_unsigned(message, "number", number);
    say(twin, message);
}

static void
say_begin(struct twin *twin)
{
    GString *message = begin_message("begin", twin->in.session);
    json_text_member_string(message, "other", twin->out.session);
    say(twin, message);
}

static void
begin_anew(struct twin *twin)
{
    guint8 bytes[SESSION_BYTES];
    chance_bytes(bytes, sizeof bytes);
    g_autofree char *session = base64url_text(bytes, sizeof bytes);
    g_strlcpy(twin->in.session, session, sizeof twin->in.session);
    twin->in.received = 0;
    say_begin(twin);
}

/* ---- giving ---- */

/* What the ledger cannot do now it may do when it is tried again. */
static void
tell_failed(struct twin *twin, const GError *error)
{
    if (!twin->failed)
        log_warning("ACME: the two nodes' accounts are not made alike, trying again: %s",
                    error->message);
    twin->failed = TRUE;
}

/* The next row behind what is there already. FALSE: it has no room, or there is none. */
static gboolean
add_row(struct twin *twin, GString *out, guint *count, GError **error)
{
    struct ledger_change change;
    struct row row;
    g_autoptr(GError) failure = NULL;
    if (!ledger_next_change(twin->ledger, twin->out.place, &change, error))
        return FALSE;
    if (row_of_change(&row, twin->ledger, &change, &failure)) {
        const gsize before = out->len;
        row_write(&row, out);
        row_clear(&row);
        const gboolean fits = out->len < TWIN_MESSAGE_MAX - 256; /* with what is around it */
        if (!fits)
            g_string_truncate(out, before);
        if (!fits && *count > 0)
            return FALSE;
        if (!fits)
            log_warning("ACME: '%s' is too long for the other node: ignoring", change.id);
        *count += fits ? 1 : 0;
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    twin->out.place = change.number;
    return TRUE;
}

/* The first one goes even if it is empty: it says that the giver has heard. */
static gboolean
give(struct twin *twin)
{
    g_autoptr(GError) error = NULL;
    guint count = 0;
    GString *message = begin_message("rows", twin->out.session);
    json_text_member_unsigned(message, "number", twin->out.sent + 1);
    json_text_member_array(message, "rows");
    while (count < TWIN_ROWS_MAX && message->len < TWIN_BATCH &&
           add_row(twin, message, &count, &error))
        ;
    json_text_end_array(message);
    if (error != NULL)
        tell_failed(twin, error);
    if (count == 0 && (twin->out.sent > 0 || error != NULL)) {
        g_string_free(message, TRUE);
        return FALSE;
    }
    twin->out.sent++;
    say(twin, message);
    return TRUE;
}

void
twin_changed(struct twin *twin)
{
    if (twin->met && *twin->out.session != '\0')
        while (twin->out.sent - twin->out.acked < TWIN_UNDER_WAY && give(twin))
            ;
}

static void
hear_begin(struct twin *twin, const struct message *message)
{
    g_autofree char *other = NULL;
    if (!json_member_text(message->json, "other", &other))
        return;
    if (strcmp(message->session, twin->out.session) != 0) {
        memset(&twin->out, 0, sizeof twin->out);
        g_strlcpy(twin->out.session, message->session, sizeof twin->out.session);
    }
    /* it gives under a session that is not ours: it has started anew, or not heard of it */
    if (strcmp(other, twin->in.session) != 0 && twin->in.received == 0)
        say_begin(twin);
    else if (strcmp(other, twin->in.session) != 0)
        begin_anew(twin);
    twin_changed(twin);
}

static void
hear_have(struct twin *twin, const struct message *message)
{
    if (strcmp(message->session, twin->out.session) != 0 || message->number > twin->out.sent)
        return;
    twin->out.acked = MAX(twin->out.acked, message->number);
    twin->out.reminds = FALSE;
    twin_changed(twin);
}

/* ---- taking ---- */

static gboolean
take_rows(struct twin *twin, struct slice rows, GError **error)
{
    struct slice json;
    gsize place = 0;
    guint count = 0;
    gboolean done = TRUE;
    while (done && count++ < TWIN_ROWS_MAX && json_next_element(rows, &place, &json)) {
        g_autoptr(GError) strange = NULL;
        struct row row;
        if (!row_read(&row, json, &strange)) {
            log_warning("ACME: ignoring what the other node says: %s", strange->message);
            continue;
        }
        done = unite_row(twin->ledger, &row, error);
        row_clear(&row);
    }
    return done;
}

static gboolean
keep_rows(struct twin *twin, struct slice rows, GError **error)
{
    if (!ledger_begin(twin->ledger, error))
        return FALSE;
    const gboolean done = take_rows(twin, rows, error);
    return ledger_end(twin->ledger, done, done ? error : NULL);
}

/* What cannot be kept is not acknowledged: the giver asks in a while, and it is begun anew. */
static void
hear_rows(struct twin *twin, const struct message *message)
{
    struct slice rows;
    g_autoptr(GError) error = NULL;
    if (!json_member(message->json, "rows", &rows) || json_type(rows) != JSON_ARRAY)
        return;
    if (message->number > twin->in.received + 1) {
        begin_anew(twin);
    } else if (message->number == twin->in.received + 1) {
        if (!keep_rows(twin, rows, &error)) {
            tell_failed(twin, error);
            return;
        }
        twin->failed = FALSE;
        twin->in.received = message->number;
        say_number(twin, "have", twin->in.session, message->number);
    }
}

static void
hear_sent(struct twin *twin, const struct message *message)
{
    if (message->number == twin->in.received)
        say_number(twin, "have", twin->in.session, message->number);
    else
        begin_anew(twin);
}

void
twin_take(struct twin *twin, const void *data, gsize size)
{
    struct message message = {.json = {data, size}};
    struct slice what;
    if (!twin->met || !json_check(message.json, NULL) || !json_member(message.json, "say", &what) ||
        !json_member_text(message.json, "session", &message.session))
        return;
    const gboolean ours = strcmp(message.session, twin->in.session) == 0;
    const gboolean numbered = json_member_unsigned(message.json, "number", &message.number);
    if (slice_is(what, "\"begin\"") && strlen(message.session) == SESSION_TEXT - 1)
        hear_begin(twin, &message);
    else if (slice_is(what, "\"have\"") && numbered)
        hear_have(twin, &message);
    else if (slice_is(what, "\"rows\"") && numbered && ours)
        hear_rows(twin, &message);
    else if (slice_is(what, "\"sent\"") && numbered && ours)
        hear_sent(twin, &message);
    g_free(message.session);
}

/* ---- the role, and time ---- */

void
twin_role(struct twin *twin, const struct task_state *state)
{
    const gboolean met = twin->met;
    twin->met = state->peer != 0;
    if (met == twin->met)
        return;
    memset(&twin->out, 0, sizeof twin->out);
    memset(&twin->in, 0, sizeof twin->in);
    if (twin->met)
        begin_anew(twin);
}

/* Another process of this node, which ends, may have changed something, too. */
void
twin_remind(struct twin *twin)
{
    if (!twin->met)
        return;
    if (twin->in.received == 0)
        begin_anew(twin);
    twin_changed(twin);
    const gboolean waits = twin->out.sent > twin->out.acked;
    if (waits && twin->out.reminds)
        say_number(twin, "sent", twin->out.session, twin->out.sent);
    twin->out.reminds = waits;
}

struct twin *
twin_new(struct ledger *ledger, const struct twin_means *means)
{
    struct twin *twin = g_new0(struct twin, 1);
    twin->ledger = ledger;
    twin->means = *means;
    return twin;
}

void
twin_free(struct twin *twin)
{
    g_free(twin);
}
