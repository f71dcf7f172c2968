#include "netsvc/failover/protocol/message.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

static const char *const kind_names[PROTOCOL_KINDS] = {
    [PROTOCOL_STATE] = "state",     [PROTOCOL_ASK] = "ask",       [PROTOCOL_CATCH_UP] = "catch-up",
    [PROTOCOL_PROMISE] = "promise", [PROTOCOL_REFUSE] = "refuse", [PROTOCOL_YIELD] = "yield",
    [PROTOCOL_YIELDED] = "yielded",
};
static const char *const role_names[] = {
    [PROTOCOL_WAIT] = "wait",
    [PROTOCOL_STANDBY] = "standby",
    [PROTOCOL_ACTIVE] = "active",
};

enum type { KIND, ROLE, ID, NUMBER, FLAG, WHY };

static const struct member {
    const char *name;
    enum type type;
    gsize place; /* in struct protocol_message */
} members[] = {
#define MEMBER(member, type)                                                                       \
    {                                                                                              \
#member, type, G_STRUCT_OFFSET(struct protocol_message, member)                            \
    }
    MEMBER(kind, KIND),  MEMBER(cluster, ID),   MEMBER(id, ID),         MEMBER(about, ID),
    MEMBER(attempt, ID), MEMBER(visit, ID),     MEMBER(term, NUMBER),   MEMBER(held, NUMBER),
    MEMBER(taken, FLAG), MEMBER(granted, FLAG), MEMBER(unmerged, FLAG), MEMBER(open, FLAG),
    MEMBER(role, ROLE),  MEMBER(why, WHY),
#undef MEMBER
};
G_STATIC_ASSERT(G_N_ELEMENTS(members) < 32);

/* ---- writing ---- */

static void
write_why(GString *text, const char *why)
{
    g_autofree char *valid = g_utf8_make_valid(why, -1);
    gsize size = strlen(valid);
    if (size >= PROTOCOL_WHY_MAX)
        size = (gsize)(g_utf8_find_prev_char(valid, valid + PROTOCOL_WHY_MAX) - valid);
    json_text_member_slice(text, "why", (struct slice){valid, size});
}

static void
write_member(GString *text, const struct member *member, const struct protocol_message *message)
{
    const void *place = G_STRUCT_MEMBER_P(message, member->place);
    switch (member->type) {
    case KIND:
        json_text_member_string(text, member->name, kind_names[message->kind]);
        break;
    case ROLE:
        json_text_member_string(text, member->name, role_names[message->role]);
        break;
    case ID:
        json_text_member_string(text, member->name, place);
        break;
    case NUMBER:
        json_text_member_unsigned(text, member->name, *(const guint64 *)place);
        break;
    case FLAG:
        json_text_member_boolean(text, member->name, *(const gboolean *)place);
        break;
    case WHY:
        write_why(text, place);
        break;
    }
}

void
protocol_message_write(const struct protocol_message *message, GString *text)
{
    json_text_begin_object(text);
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        write_member(text, &members[i], message);
    json_text_end_object(text);
}

/* ---- reading ---- */

/* Its place in the list; `count` if it is none of them. */
static gsize
read_name(struct slice value, const char *const *names, gsize count)
{
    gsize i = 0;
    if (json_type(value) != JSON_STRING)
        return count;
    g_autoptr(GString) text = g_string_new(NULL);
    json_unescape(value, text);
    while (i < count && (strlen(names[i]) != text->len || strcmp(names[i], text->str) != 0))
        i++;
    return i;
}

static gboolean
read_id(struct slice value, char *id)
{
    if (json_type(value) != JSON_STRING)
        return FALSE;
    g_autoptr(GString) text = g_string_new(NULL);
    json_unescape(value, text);
    if ((text->len != 0 && text->len != PROTOCOL_ID_SIZE - 1) ||
        strspn(text->str, "0123456789abcdef") != text->len)
        return FALSE;
    g_strlcpy(id, text->str, PROTOCOL_ID_SIZE);
    return TRUE;
}

static gboolean
read_why(struct slice value, char *why)
{
    if (json_type(value) != JSON_STRING)
        return FALSE;
    g_autoptr(GString) text = g_string_new(NULL);
    json_unescape(value, text);
    if (text->len >= PROTOCOL_WHY_MAX || !g_utf8_validate(text->str, (gssize)text->len, NULL))
        return FALSE;
    g_strlcpy(why, text->str, PROTOCOL_WHY_MAX);
    return TRUE;
}

static gboolean
read_value(struct slice value, const struct member *member, struct protocol_message *message)
{
    gpointer place = G_STRUCT_MEMBER_P(message, member->place);
    gsize found;
    switch (member->type) {
    case KIND:
        found = read_name(value, kind_names, PROTOCOL_KINDS);
        message->kind = (enum protocol_kind)found;
        return found < PROTOCOL_KINDS;
    case ROLE:
        found = read_name(value, role_names, G_N_ELEMENTS(role_names));
        message->role = (enum protocol_role)found;
        return found < G_N_ELEMENTS(role_names);
    case ID:
        return read_id(value, place);
    case NUMBER:
        return json_unsigned(value, place) && *(guint64 *)place <= PROTOCOL_TERM_MAX;
    case FLAG:
        *(gboolean *)place = json_type(value) == JSON_TRUE;
        return json_type(value) == JSON_TRUE || json_type(value) == JSON_FALSE;
    case WHY:
        return read_why(value, place);
    }
    return FALSE;
}

static gboolean
read_members(struct slice text, struct protocol_message *message, GError **error)
{
    struct slice key, value;
    guint32 seen = 0;
    for (gsize place = 0; json_next_member(text, &place, &key, &value);)
        for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
            if (!json_key_is(key, members[i].name))
                continue;
            if ((seen & (1u << i)) != 0 || !read_value(value, &members[i], message))
                return fail_set(error, FAIL_FAILED, "the other node's message: wrong '%s'",
                                members[i].name);
            seen |= 1u << i;
        }
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        if ((seen & (1u << i)) == 0)
            return fail_set(error, FAIL_FAILED, "the other node's message: no '%s'",
                            members[i].name);
    return TRUE;
}

gboolean
protocol_message_read(struct slice text, struct protocol_message *message, GError **error)
{
    memset(message, 0, sizeof *message);
    if (text.size > PROTOCOL_MESSAGE_MAX)
        return fail_set(error, FAIL_FAILED, "the other node's message: more than %d bytes",
                        PROTOCOL_MESSAGE_MAX);
    if (!json_check(text, error)) {
        g_prefix_error(error, "the other node's message: ");
        return FALSE;
    }
    if (json_type(text) != JSON_OBJECT)
        return fail_set(error, FAIL_FAILED, "the other node's message: no object");
    return read_members(text, message, error);
}
