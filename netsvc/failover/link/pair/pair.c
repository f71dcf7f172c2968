#include "netsvc/failover/link/pair/pair_inside.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

#define TYPED_SHOWN 40 /* characters of what is no code */

/* ---- answers ---- */

void
pair_answer(const struct pair *pair, guint32 number, const GString *json)
{
    if (number != 0)
        child_task_done(pair->link->child, number, TRUE, json->str, json->len);
}

void
pair_refuse(const struct pair *pair, guint32 number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (number != 0)
        child_task_done(pair->link->child, number, FALSE, text, strlen(text));
}

static void
answer_nothing(const struct pair *pair, guint32 number)
{
    g_autoptr(GString) out = g_string_new("{}");
    pair_answer(pair, number, out);
}

void
pair_reach_clear(struct pair_reach *reach)
{
    for (guint i = 0; i < WIRE_PATHS; i++)
        g_clear_pointer(&reach->why[i], g_free);
}

void
pair_reach_set(struct pair_reach *reach, const struct reach_result *result)
{
    pair_reach_clear(reach);
    for (guint i = 0; i < result->n; i++) {
        reach->reached[i] = result->reached[i];
        reach->why[i] = g_strdup(result->why[i]);
    }
}

void
pair_reach_read(struct pair_reach *reach, const gboolean reached[WIRE_PATHS])
{
    memcpy(reach->reached, reached, sizeof reach->reached);
}

static void
append_unreached(GString *out, const struct config_node *from, const struct config_node *to,
                 const struct pair_reach *reach)
{
    for (guint i = 0; i < MIN(to->addresses->len, WIRE_PATHS); i++) {
        if (reach->reached[i])
            continue;
        g_autoptr(GString) address = g_string_new(NULL);
        link_append_address(address, &g_array_index(to->addresses, struct config_peer, i));
        json_text_begin_object(out);
        json_text_member_string(out, "from", from->name);
        json_text_member_string(out, "to", address->str);
        json_text_member_string(out, "why", reach->why[i]);
        json_text_end_object(out);
    }
}

void
pair_report(const struct pair *pair, const struct pair_reach *here, const struct pair_reach *there,
            GString *out)
{
    const struct config *config = pair->link->config;
    json_text_begin_object(out);
    json_text_member_string(out, "peer", pair->link->pairing.peer);
    json_text_member_string(out, "name", config->other->name);
    json_text_member_array(out, "unreached");
    append_unreached(out, config->own, config->other, here);
    append_unreached(out, config->other, config->own, there);
    json_text_end_array(out);
    json_text_end_object(out);
}

/* ---- tasks ---- */

static gboolean
is_settled(const struct pairing *pairing)
{
    return *pairing->peer != '\0' && pairing->met;
}

static void
show_anew(struct pair *pair, const struct child_task *task, struct slice body)
{
    guint64 seconds = PAIR_SECONDS;
    char text[CODE_TEXT_SIZE];
    g_autoptr(GString) out = g_string_new(NULL);
    json_member_unsigned(body, "seconds", &seconds);
    seconds = CLAMP(seconds, 1, PAIR_SECONDS);
    show_free(g_steal_pointer(&pair->show));
    pair->show = show_new(pair, (guint)seconds);
    code_text(show_code(pair->show), text);
    json_text_begin_object(out);
    json_text_member_string(out, "code", text);
    json_text_member_unsigned(out, "seconds", seconds);
    json_text_member_unsigned(out, "tries", PAIR_TRIES);
    json_text_member_string(out, "node", pair->link->config->own->name);
    json_text_member_string(out, "other", pair->link->config->other->name);
    json_text_end_object(out);
    pair_answer(pair, task->number, out);
}

static void
begin_to_show(struct pair *pair, const struct child_task *task, struct slice body, gboolean active)
{
    const struct pairing *pairing = &pair->link->pairing;
    const char *other = pair->link->config->other->name;
    const gboolean replaces = strcmp(task->what, "replace") == 0;
    if (!active)
        pair_refuse(pair, task->number,
                    "this node is not the active one, and only that introduces\nhint: ask on the "
                    "other one; a new node becomes the active one by itself, if no other is (see "
                    "`lifeboat status`); where the other one is dead, first `lifeboat failover "
                    "--force` here");
    else if (replaces && *pairing->peer == '\0')
        pair_refuse(pair, task->number,
                    "there is no node to be replaced\nhint: lifeboat peer pair");
    else if (!replaces && is_settled(pairing))
        pair_refuse(pair, task->number,
                    "this node is paired with '%s' already\nhint: for a new machine in its place: "
                    "lifeboat peer replace",
                    other);
    else
        show_anew(pair, task, body);
}

static void
begin_to_join(struct pair *pair, const struct child_task *task, struct slice body,
              const char *typed, gboolean active)
{
    const gboolean discards = json_member_true(body, "discard");
    char code[CODE_SIZE];
    const struct pairing *pairing = &pair->link->pairing;
    if (!code_read(typed, code))
        pair_refuse(pair, task->number,
                    "'%.*s' is no code: one has %d letters and digits, as "
                    "XXXX-XXXX-XXXX-XXXX-XXXX",
                    TYPED_SHOWN, typed, CODE_LENGTH);
    else if (active && !discards)
        pair_refuse(pair, task->number,
                    "this node serves clients, and what it has would be given up\nhint: if it is "
                    "the one to go on, show the code here, and type it on the other node; else add "
                    "--discard");
    else if ((is_settled(pairing) || pairing->replaced) && !discards)
        pair_refuse(pair, task->number,
                    "this node was paired before: what it has would be given up\nhint: if that is "
                    "meant, add --discard");
    else {
        join_free(g_steal_pointer(&pair->join));
        pair->join = join_new(pair, code, task->number);
    }
    explicit_bzero(code, sizeof code);
}

static void
wait(struct pair *pair, const struct child_task *task)
{
    if (pair->show != NULL)
        show_wait(pair->show, task->number);
    else
        pair_refuse(pair, task->number, "no code is shown\nhint: lifeboat peer pair");
}

static void
take_pair(struct pair *pair, const struct child_task *task, struct slice body, gboolean active)
{
    g_autofree char *typed = NULL;
    if (json_member_true(body, "cancel")) {
        show_free(g_steal_pointer(&pair->show));
        answer_nothing(pair, task->number);
    } else if (json_member_true(body, "wait")) {
        wait(pair, task);
    } else if (json_member_text(body, "code", &typed)) {
        begin_to_join(pair, task, body, typed, active);
    } else {
        begin_to_show(pair, task, body, active);
    }
}

static void
forget(struct pair *pair, const struct child_task *task, gboolean active)
{
    g_autoptr(GError) error = NULL;
    struct pairing pairing = pair->link->pairing;
    if (*pairing.peer == '\0') {
        pair_refuse(pair, task->number, "this node is alone already");
    } else if (!active) {
        pair_refuse(pair, task->number,
                    "this node is not the active one: both would serve\nhint: ask on the other "
                    "one; or, where that is dead, first `lifeboat failover --force` here");
    } else {
        pairing_revoke(&pairing);
        if (link_pair_with(pair->link, &pairing, &error))
            answer_nothing(pair, task->number);
        else
            pair_refuse(pair, task->number, "%s", error->message);
    }
}

gboolean
pair_task(struct pair *pair, const struct child_task *task, gboolean active)
{
    const struct slice body = {task->body, task->size};
    const gboolean pairs = strcmp(task->what, "pair") == 0 || strcmp(task->what, "replace") == 0;
    if (!pairs && strcmp(task->what, "forget") != 0)
        return FALSE;
    if (!json_check(body, NULL) || json_type(body) != JSON_OBJECT)
        pair_refuse(pair, task->number, "the request makes no sense");
    else if (pairs)
        take_pair(pair, task, body, active);
    else
        forget(pair, task, active);
    return TRUE;
}

/* ---- who comes in ---- */

gboolean
pair_is_open(const struct pair *pair)
{
    return pair->show != NULL || pair->join != NULL;
}

void
pair_take(struct pair *pair, struct session *session)
{
    const enum wire_purpose purpose = session_hello(session)->purpose;
    if (purpose == WIRE_PAIR && pair->show != NULL) {
        show_take(pair->show, session);
    } else if (purpose == WIRE_PROBE && pair->join != NULL &&
               join_expects(pair->join, session_pin(session))) {
        session_greet(session, WIRE_PROBE);
        link_let_leave(pair->link, session);
    } else {
        session_free(session);
    }
}

/* ---- the whole ---- */

struct pair *
pair_new(struct link *link)
{
    struct pair *pair = g_new0(struct pair, 1);
    pair->link = link;
    return pair;
}

void
pair_free(struct pair *pair)
{
    if (pair == NULL)
        return;
    show_free(pair->show);
    join_free(pair->join);
    g_free(pair);
}
