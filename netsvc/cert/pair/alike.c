#include "netsvc/cert/pair/alike.h"

#include "lib/base/hash.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"

#include <string.h>

/* What one of them has. */
struct stand {
    guint64 term, generation;
    char *digest;
    char *root; /* "": none */
};

struct alike {
    struct site *site;
    struct alike_means means;
    struct task_state role;
    struct stand own, other; /* other.digest NULL: not known */
    struct {
        struct stand stand;
        GByteArray *bytes;
    } incoming;
    gboolean waits;  /* to put it in force */
    guint reminders; /* in vain */
    struct event *overdue;
};

static void
stand_clear(struct stand *stand)
{
    g_free(stand->digest);
    g_free(stand->root);
    *stand = (struct stand){0};
}

static void
measure(struct alike *alike)
{
    const struct state *state = alike->site->state;
    guint8 digest[HASH_SHA256_SIZE];
    const char *root = state->root != NULL ? state->root : "";
    stand_clear(&alike->own);
    hash_sha256(root, strlen(root), digest);
    alike->own =
        (struct stand){.term = state->term,
                       .generation = state->generation,
                       .digest = state_digest(state),
                       .root = *root != '\0' ? hash_hex(digest, sizeof digest) : g_strdup("")};
}

static gboolean
is_active(const struct alike *alike)
{
    return alike->role.role == TASK_ACTIVE || alike->role.role == TASK_ALONE;
}

static gboolean
is_settled(const struct alike *alike)
{
    return alike->role.role == TASK_ACTIVE || alike->role.role == TASK_STANDBY;
}

static gboolean
are_alike(const struct stand *a, const struct stand *b)
{
    return g_strcmp0(a->digest, b->digest) == 0;
}

/* Whether the other one's state is to take the place of ours. */
static gboolean
other_wins(const struct alike *alike, const struct stand *other)
{
    const struct stand *own = &alike->own;
    if (!is_settled(alike) || are_alike(own, other) || other->generation == 0)
        return FALSE;
    if (own->generation == 0)
        return TRUE;
    if (strcmp(own->root, other->root) != 0) {
        const gboolean active_has = *(is_active(alike) ? own : other)->root != '\0';
        return active_has != is_active(alike);
    }
    if (own->term != other->term)
        return other->term > own->term;
    if (own->generation != other->generation)
        return other->generation > own->generation;
    return !is_active(alike);
}

/* ---- saying ---- */

static void
say(struct alike *alike, const char *what, gsize at, const guint8 *bytes, gsize n_bytes, gsize size)
{
    GString *out = g_string_sized_new(n_bytes + 512);
    json_text_begin_object(out);
    json_text_member_string(out, "say", what);
    json_text_member_unsigned(out, "term", alike->own.term);
    json_text_member_unsigned(out, "generation", alike->own.generation);
    json_text_member_string(out, "digest", alike->own.digest);
    json_text_member_string(out, "root", alike->own.root);
    if (bytes != NULL) {
        json_text_member_unsigned(out, "at", at);
        json_text_member_unsigned(out, "size", size);
    }
    json_text_end_object(out);
    g_string_append_c(out, '\n');
    if (bytes != NULL)
        g_string_append_len(out, (const char *)bytes, (gssize)n_bytes);
    alike->means.send(alike->means.context, out->str, out->len);
    state_wipe(out);
}

static void
say_have(struct alike *alike)
{
    if (alike->role.peer != 0)
        say(alike, "have", 0, NULL, 0, 0);
}

static void
send_state(struct alike *alike, const char *what)
{
    GString *text = state_text(alike->site->state);
    for (gsize at = 0; at < text->len; at += ALIKE_PART)
        say(alike, what, at, (const guint8 *)text->str + at, MIN(ALIKE_PART, text->len - at),
            text->len);
    state_wipe(text);
}

gboolean
alike_hand_over(struct alike *alike, struct slice body)
{
    if (alike->role.role != TASK_STANDBY || alike->role.peer == 0 || body.size > ALIKE_IMPORT_MAX)
        return FALSE;
    say(alike, "import", 0, (const guint8 *)body.data, body.size, body.size);
    return TRUE;
}

/* ---- in force ---- */

static void
apply(struct alike *alike)
{
    alike->waits = FALSE;
    evtimer_del(alike->overdue);
    alike->means.apply(alike->means.context);
    if (is_active(alike) && alike->role.peer != 0 && are_alike(&alike->own, &alike->other))
        say(alike, "swap", 0, NULL, 0, 0);
}

static void
is_overdue(evutil_socket_t fd, short what, void *context)
{
    struct alike *alike = context;
    (void)fd;
    (void)what;
    if (alike->waits)
        apply(alike);
}

static void
wait_for_other(struct alike *alike)
{
    const struct timeval limit = {.tv_sec =
                                      is_active(alike) ? ALIKE_ACTIVE_WAITS : ALIKE_STANDBY_WAITS};
    alike->waits = TRUE;
    evtimer_add(alike->overdue, &limit);
}

void
alike_changed(struct alike *alike)
{
    measure(alike);
    if (alike->role.peer == 0) {
        apply(alike);
        return;
    }
    wait_for_other(alike);
    send_state(alike, "part");
}

/* ---- from the other node ---- */

static gboolean
read_stand(struct slice json, struct stand *stand)
{
    *stand = (struct stand){0};
    if (json_member_unsigned(json, "term", &stand->term) &&
        json_member_unsigned(json, "generation", &stand->generation) &&
        json_member_text(json, "digest", &stand->digest) &&
        json_member_text(json, "root", &stand->root) && strlen(stand->digest) == STATE_DIGEST)
        return TRUE;
    stand_clear(stand);
    return FALSE;
}

/* By what the other one has. */
static void
judge(struct alike *alike)
{
    if (alike->other.digest == NULL || !is_settled(alike))
        return;
    if (!are_alike(&alike->own, &alike->other)) {
        if (alike->own.generation > 0 && !other_wins(alike, &alike->other))
            send_state(alike, "part");
    } else if (alike->waits && is_active(alike)) {
        apply(alike); /* it has it too */
    }
}

/* All that is said begins with what the sender has now. A standby that was given the state would
 * not know otherwise that it has the same: nobody says so again. */
static void
note_other(struct alike *alike, const struct stand *stand)
{
    stand_clear(&alike->other);
    alike->other = (struct stand){.term = stand->term,
                                  .generation = stand->generation,
                                  .digest = g_strdup(stand->digest),
                                  .root = g_strdup(stand->root)};
}

static void
forget_incoming(struct alike *alike)
{
    stand_clear(&alike->incoming.stand);
    if (alike->incoming.bytes != NULL && alike->incoming.bytes->len > 0)
        explicit_bzero(alike->incoming.bytes->data, alike->incoming.bytes->len);
    g_clear_pointer(&alike->incoming.bytes, g_byte_array_unref);
}

/* NULL: it is not what it says. Caller frees. */
static struct state *
read_incoming(const struct alike *alike)
{
    g_autoptr(GError) error = NULL;
    const GByteArray *bytes = alike->incoming.bytes;
    const struct stand *stand = &alike->incoming.stand;
    struct state *read = state_parse((struct slice){(const char *)bytes->data, bytes->len}, &error);
    g_autofree char *digest = read != NULL ? state_digest(read) : NULL;
    if (read != NULL && g_strcmp0(digest, stand->digest) == 0 &&
        read->generation == stand->generation && read->term == stand->term)
        return read;
    log_warning("the other node's certificates make no sense: ignoring (%s)",
                error != NULL ? error->message : "they are not what it says");
    state_free(read);
    return NULL;
}

/* Of two roots, which have nothing to do with one another. */
static gboolean
are_apart(const struct stand *a, const struct stand *b)
{
    return *a->root != '\0' && *b->root != '\0' && strcmp(a->root, b->root) != 0;
}

/* Only the active one makes a new state of both: within a term one is after another. */
static void
unite(struct alike *alike, const struct state *theirs, gboolean they_win)
{
    g_autoptr(GError) error = NULL;
    gboolean dropped = FALSE;
    const gint64 now = alike->means.now(alike->means.context);
    if (!site_unite(alike->site, theirs, they_win, now, &dropped, &error)) {
        log_error("what both nodes' certificates have become cannot be kept: %s", error->message);
        return;
    }
    alike->means.united(alike->means.context, dropped);
    alike_changed(alike);
}

/* In place of ours. Where it cannot be kept nothing is said: the other one would send it again at
 * once, without end. */
static void
adopt(struct alike *alike, struct state *next, gboolean apart)
{
    g_autoptr(GError) error = NULL;
    if ((apart && !state_put_aside(alike->site->state, alike->site->folder, &error)) ||
        !state_save(next, alike->site->folder, &error)) {
        log_error("the other node's certificates cannot be kept: %s", error->message);
        state_free(next);
        return;
    }
    state_free(alike->site->state);
    alike->site->state = next;
    measure(alike);
    alike->means.replaced(alike->means.context);
    if (apart)
        alike->means.apart(alike->means.context);
    wait_for_other(alike);
    say_have(alike);
}

/* The other one's is whole, and wins. A standby that has what is not in it keeps that until the
 * active one, who is given it, has united the two. */
static void
take_winner(struct alike *alike)
{
    struct state *theirs = read_incoming(alike);
    const gboolean apart = are_apart(&alike->own, &alike->incoming.stand);
    if (theirs == NULL)
        return;
    if (apart || state_comes_of(theirs, alike->site->state)) {
        adopt(alike, theirs, apart);
        return;
    }
    if (is_active(alike))
        unite(alike, theirs, TRUE);
    else
        send_state(alike, "unite");
    state_free(theirs);
}

/* … and loses. */
static void
take_loser(struct alike *alike)
{
    struct state *theirs = read_incoming(alike);
    if (theirs != NULL && !state_comes_of(alike->site->state, theirs))
        unite(alike, theirs, FALSE);
    state_free(theirs);
}

/* TRUE: it is whole. Takes `stand`. */
static gboolean
collect_part(struct alike *alike, struct slice json, struct stand *stand, struct slice bytes)
{
    guint64 at = 0, size = 0;
    if (!json_member_unsigned(json, "at", &at) || !json_member_unsigned(json, "size", &size) ||
        size == 0 || size > STATE_MAX || bytes.size == 0)
        return FALSE;
    if (at == 0) {
        forget_incoming(alike);
        alike->incoming.stand = *stand;
        *stand = (struct stand){0};
        alike->incoming.bytes = g_byte_array_new();
    } else if (alike->incoming.bytes == NULL || !are_alike(&alike->incoming.stand, stand) ||
               alike->incoming.bytes->len != at) {
        forget_incoming(alike); /* one was lost: it is sent again when we say what we have */
        return FALSE;
    }
    if (bytes.size > size - at) {
        forget_incoming(alike);
        return FALSE;
    }
    g_byte_array_append(alike->incoming.bytes, (const guint8 *)bytes.data, (guint)bytes.size);
    return alike->incoming.bytes->len == size;
}

static void
take_part(struct alike *alike, struct slice json, struct stand *stand, struct slice bytes)
{
    if (!other_wins(alike, stand) || !collect_part(alike, json, stand, bytes))
        return;
    take_winner(alike);
    forget_incoming(alike);
}

static void
take_to_unite(struct alike *alike, struct slice json, struct stand *stand, struct slice bytes)
{
    if (!is_active(alike) || are_apart(&alike->own, stand) || are_alike(&alike->own, stand) ||
        other_wins(alike, stand) || !collect_part(alike, json, stand, bytes))
        return;
    take_loser(alike);
    forget_incoming(alike);
}

void
alike_take(struct alike *alike, const void *data, gsize size)
{
    const char *end = memchr(data, '\n', size);
    const struct slice json = {data, end != NULL ? (gsize)(end - (const char *)data) : 0};
    struct slice what;
    struct stand stand;
    if (end == NULL || !json_check(json, NULL) || !json_member(json, "say", &what) ||
        !read_stand(json, &stand))
        return;
    note_other(alike, &stand);
    if (slice_is(what, "\"have\""))
        judge(alike);
    else if (slice_is(what, "\"part\""))
        take_part(alike, json, &stand, (struct slice){end + 1, size - json.size - 1});
    else if (slice_is(what, "\"unite\""))
        take_to_unite(alike, json, &stand, (struct slice){end + 1, size - json.size - 1});
    else if (slice_is(what, "\"import\"") && is_active(alike))
        alike->means.import(alike->means.context, (struct slice){end + 1, size - json.size - 1});
    else if (slice_is(what, "\"swap\"") && alike->waits && are_alike(&alike->own, &stand))
        apply(alike);
    stand_clear(&stand);
}

/* ---- the role ---- */

void
alike_role(struct alike *alike, const struct task_state *role)
{
    const gboolean met = role->peer != 0 && alike->role.peer == 0;
    const gboolean other_role = role->role != alike->role.role;
    alike->role = *role;
    if (role->peer == 0) {
        stand_clear(&alike->other);
        forget_incoming(alike);
        if (alike->waits)
            apply(alike);
    } else if (met || other_role) {
        say_have(alike);
        judge(alike);
    }
}

void
alike_remind(struct alike *alike)
{
    if (alike->role.peer == 0 || are_alike(&alike->own, &alike->other)) {
        alike->reminders = 0;
        return;
    }
    alike->reminders++;
    say_have(alike);
}

gboolean
alike_lags(const struct alike *alike)
{
    return alike->reminders > ALIKE_REMINDERS && is_active(alike) && alike->own.generation > 0 &&
           !are_alike(&alike->own, &alike->other);
}

const char *
alike_standing(const struct alike *alike)
{
    if (alike->role.peer == 0)
        return "away";
    return are_alike(&alike->own, &alike->other) ? "alike" : "behind";
}

struct alike *
alike_new(struct event_base *events, struct site *site, const struct alike_means *means)
{
    struct alike *alike = g_new0(struct alike, 1);
    alike->site = site;
    alike->means = *means;
    alike->role.role = TASK_WAIT;
    alike->overdue = evtimer_new(events, is_overdue, alike);
    measure(alike);
    return alike;
}

void
alike_free(struct alike *alike)
{
    if (alike == NULL)
        return;
    event_free(alike->overdue);
    stand_clear(&alike->own);
    stand_clear(&alike->other);
    forget_incoming(alike);
    g_free(alike);
}
