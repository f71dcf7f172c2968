#include "netsvc/cert/pair/pair.h"

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

struct pair {
    struct site *site;
    struct pair_means means;
    struct task_state role;
    struct stand own, other; /* other.digest NULL: not known */
    struct {
        struct stand stand;
        GByteArray *bytes;
    } incoming;
    gboolean waits; /* to put it in force */
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
measure(struct pair *pair)
{
    const struct state *state = pair->site->state;
    guint8 digest[HASH_SHA256_SIZE];
    const char *root = state->root != NULL ? state->root : "";
    stand_clear(&pair->own);
    hash_sha256(root, strlen(root), digest);
    pair->own =
        (struct stand){.term = state->term,
                       .generation = state->generation,
                       .digest = state_digest(state),
                       .root = *root != '\0' ? hash_hex(digest, sizeof digest) : g_strdup("")};
}

static gboolean
is_active(const struct pair *pair)
{
    return pair->role.role == TASK_ACTIVE || pair->role.role == TASK_ALONE;
}

static gboolean
is_settled(const struct pair *pair)
{
    return pair->role.role == TASK_ACTIVE || pair->role.role == TASK_STANDBY;
}

static gboolean
are_alike(const struct stand *a, const struct stand *b)
{
    return g_strcmp0(a->digest, b->digest) == 0;
}

/* Whether the other one's state is to take the place of ours. */
static gboolean
other_wins(const struct pair *pair, const struct stand *other)
{
    const struct stand *own = &pair->own;
    if (!is_settled(pair) || are_alike(own, other) || other->generation == 0)
        return FALSE;
    if (own->generation == 0)
        return TRUE;
    if (strcmp(own->root, other->root) != 0) {
        const gboolean active_has = *(is_active(pair) ? own : other)->root != '\0';
        return active_has != is_active(pair);
    }
    if (own->term != other->term)
        return other->term > own->term;
    if (own->generation != other->generation)
        return other->generation > own->generation;
    return !is_active(pair);
}

/* ---- saying ---- */

static void
say(struct pair *pair, const char *what, gsize at, const guint8 *bytes, gsize n_bytes, gsize size)
{
    GString *out = g_string_sized_new(n_bytes + 512);
    json_text_begin_object(out);
    json_text_member_string(out, "say", what);
    json_text_member_unsigned(out, "term", pair->own.term);
    json_text_member_unsigned(out, "generation", pair->own.generation);
    json_text_member_string(out, "digest", pair->own.digest);
    json_text_member_string(out, "root", pair->own.root);
    if (bytes != NULL) {
        json_text_member_unsigned(out, "at", at);
        json_text_member_unsigned(out, "size", size);
    }
    json_text_end_object(out);
    g_string_append_c(out, '\n');
    if (bytes != NULL)
        g_string_append_len(out, (const char *)bytes, (gssize)n_bytes);
    pair->means.send(pair->means.context, out->str, out->len);
    state_wipe(out);
}

static void
say_have(struct pair *pair)
{
    if (pair->role.peer != 0)
        say(pair, "have", 0, NULL, 0, 0);
}

static void
send_state(struct pair *pair)
{
    GString *text = state_text(pair->site->state);
    for (gsize at = 0; at < text->len; at += PAIR_PART)
        say(pair, "part", at, (const guint8 *)text->str + at, MIN(PAIR_PART, text->len - at),
            text->len);
    state_wipe(text);
}

/* ---- in force ---- */

static void
apply(struct pair *pair)
{
    pair->waits = FALSE;
    evtimer_del(pair->overdue);
    pair->means.apply(pair->means.context);
    if (is_active(pair) && pair->role.peer != 0 && are_alike(&pair->own, &pair->other))
        say(pair, "swap", 0, NULL, 0, 0);
}

static void
is_overdue(evutil_socket_t fd, short what, void *context)
{
    struct pair *pair = context;
    (void)fd;
    (void)what;
    if (pair->waits)
        apply(pair);
}

static void
wait_for_other(struct pair *pair)
{
    const struct timeval limit = {.tv_sec =
                                      is_active(pair) ? PAIR_ACTIVE_WAITS : PAIR_STANDBY_WAITS};
    pair->waits = TRUE;
    evtimer_add(pair->overdue, &limit);
}

void
pair_changed(struct pair *pair)
{
    measure(pair);
    if (pair->role.peer == 0) {
        apply(pair);
        return;
    }
    wait_for_other(pair);
    send_state(pair);
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
judge(struct pair *pair)
{
    if (pair->other.digest == NULL || !is_settled(pair))
        return;
    if (!are_alike(&pair->own, &pair->other)) {
        if (pair->own.generation > 0 && !other_wins(pair, &pair->other))
            send_state(pair);
    } else if (pair->waits && is_active(pair)) {
        apply(pair); /* it has it too */
    }
}

/* Takes `stand`. */
static void
hear(struct pair *pair, struct stand *stand)
{
    stand_clear(&pair->other);
    pair->other = *stand;
    *stand = (struct stand){0};
    judge(pair);
}

static void
forget_incoming(struct pair *pair)
{
    stand_clear(&pair->incoming.stand);
    if (pair->incoming.bytes != NULL && pair->incoming.bytes->len > 0)
        explicit_bzero(pair->incoming.bytes->data, pair->incoming.bytes->len);
    g_clear_pointer(&pair->incoming.bytes, g_byte_array_unref);
}

/* It is whole: takes it, if it is what it says. Where it cannot be kept nothing is said: the other
 * one would send it again at once, without end. */
static void
adopt(struct pair *pair)
{
    g_autoptr(GError) error = NULL;
    const GByteArray *bytes = pair->incoming.bytes;
    struct state *next = state_parse((struct slice){(const char *)bytes->data, bytes->len}, &error);
    g_autofree char *digest = next != NULL ? state_digest(next) : NULL;
    const gboolean apart =
        *pair->own.root != '\0' && strcmp(pair->own.root, pair->incoming.stand.root) != 0;
    if (next == NULL || g_strcmp0(digest, pair->incoming.stand.digest) != 0 ||
        next->generation != pair->incoming.stand.generation ||
        next->term != pair->incoming.stand.term) {
        log_warning("the other node's certificates make no sense: ignoring (%s)",
                    error != NULL ? error->message : "they are not what it says");
        state_free(next);
    } else if ((apart && !state_put_aside(pair->site->state, pair->site->folder, &error)) ||
               !state_save(next, pair->site->folder, &error)) {
        log_error("the other node's certificates cannot be kept: %s", error->message);
        state_free(next);
    } else {
        state_free(pair->site->state);
        pair->site->state = next;
        measure(pair);
        pair->means.replaced(pair->means.context);
        if (apart)
            pair->means.apart(pair->means.context);
        wait_for_other(pair);
        say_have(pair);
    }
    forget_incoming(pair);
}

static void
take_part(struct pair *pair, struct slice json, struct stand *stand, struct slice bytes)
{
    guint64 at = 0, size = 0;
    if (!json_member_unsigned(json, "at", &at) || !json_member_unsigned(json, "size", &size) ||
        size == 0 || size > STATE_MAX || bytes.size == 0 || !other_wins(pair, stand))
        return;
    if (at == 0) {
        forget_incoming(pair);
        pair->incoming.stand = *stand;
        *stand = (struct stand){0};
        pair->incoming.bytes = g_byte_array_new();
    } else if (pair->incoming.bytes == NULL || !are_alike(&pair->incoming.stand, stand) ||
               pair->incoming.bytes->len != at) {
        forget_incoming(pair); /* one was lost: it is sent again when we say what we have */
        return;
    }
    if (bytes.size > size - at) {
        forget_incoming(pair);
        return;
    }
    g_byte_array_append(pair->incoming.bytes, (const guint8 *)bytes.data, (guint)bytes.size);
    if (pair->incoming.bytes->len == size)
        adopt(pair);
}

void
pair_take(struct pair *pair, const void *data, gsize size)
{
    const char *end = memchr(data, '\n', size);
    const struct slice json = {data, end != NULL ? (gsize)(end - (const char *)data) : 0};
    struct slice what;
    struct stand stand;
    if (end == NULL || !json_check(json, NULL) || !json_member(json, "say", &what) ||
        !read_stand(json, &stand))
        return;
    if (slice_is(what, "\"have\""))
        hear(pair, &stand);
    else if (slice_is(what, "\"part\""))
        take_part(pair, json, &stand, (struct slice){end + 1, size - json.size - 1});
    else if (slice_is(what, "\"swap\"") && pair->waits && are_alike(&pair->own, &stand))
        apply(pair);
    stand_clear(&stand);
}

/* ---- the role ---- */

void
pair_role(struct pair *pair, const struct task_state *role)
{
    const gboolean met = role->peer != 0 && pair->role.peer == 0;
    const gboolean other_role = role->role != pair->role.role;
    pair->role = *role;
    if (role->peer == 0) {
        stand_clear(&pair->other);
        forget_incoming(pair);
        if (pair->waits)
            apply(pair);
    } else if (met || other_role) {
        say_have(pair);
        judge(pair);
    }
}

void
pair_remind(struct pair *pair)
{
    if (!are_alike(&pair->own, &pair->other))
        say_have(pair);
}

const char *
pair_standing(const struct pair *pair)
{
    if (pair->role.peer == 0)
        return "away";
    return are_alike(&pair->own, &pair->other) ? "alike" : "behind";
}

struct pair *
pair_new(struct event_base *events, struct site *site, const struct pair_means *means)
{
    struct pair *pair = g_new0(struct pair, 1);
    pair->site = site;
    pair->means = *means;
    pair->role.role = TASK_WAIT;
    pair->overdue = evtimer_new(events, is_overdue, pair);
    measure(pair);
    return pair;
}

void
pair_free(struct pair *pair)
{
    if (pair == NULL)
        return;
    event_free(pair->overdue);
    stand_clear(&pair->own);
    stand_clear(&pair->other);
    forget_incoming(pair);
    g_free(pair);
}
