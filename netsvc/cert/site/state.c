#include "netsvc/cert/site/state.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "netsvc/cert/x509/pem.h"

#include <string.h>

#define STATE_FILE "state.json"
#define REPLACED_FILE "replaced.json"
#define STATE_MODE 0600
#define FORMAT 1

/* The members that are texts: one list for all that is done with each. */
#define TEXTS(TEXT)                                                                                \
    TEXT("root", root)                                                                             \
    TEXT("root_key", root_key)                                                                     \
    TEXT("issuing", issuing)                                                                       \
    TEXT("issuing_key", issuing_key)                                                               \
    TEXT("root_crl", root_crl)                                                                     \
    TEXT("crl", crl)                                                                               \
    TEXT("own_chain", own.chain)                                                                   \
    TEXT("own_key", own.key)                                                                       \
    TEXT("public_chain", public.chain)                                                             \
    TEXT("public_key", public.key)                                                                 \
    TEXT("previous_chain", previous.chain)                                                         \
    TEXT("previous_key", previous.key)                                                             \
    TEXT("request", request.text)                                                                  \
    TEXT("request_key", request.key)                                                               \
    TEXT("spare_key", spare_key)

static void
issued_free(gpointer data)
{
    struct state_issued *issued = data;
    g_free(issued->serial);
    g_free(issued->name);
    g_free(issued);
}

struct state *
state_new(void)
{
    struct state *state = g_new0(struct state, 1);
    state->issued = g_ptr_array_new_with_free_func(issued_free);
    state->past = g_array_new(FALSE, TRUE, sizeof(struct state_past));
    return state;
}

static void
wipe_text(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    g_free(text);
}

void
state_free(struct state *state)
{
    if (state == NULL)
        return;
#define WIPE(name, member) wipe_text(state->member);
    TEXTS(WIPE)
#undef WIPE
    g_ptr_array_unref(state->issued);
    g_array_unref(state->past);
    g_free(state);
}

static void
add_issued(struct state *state, const struct state_issued *what)
{
    struct state_issued *issued = g_new0(struct state_issued, 1);
    *issued = *what;
    issued->serial = g_strdup(what->serial);
    issued->name = g_strdup(what->name);
    g_ptr_array_add(state->issued, issued);
}

struct state *
state_copy(const struct state *state)
{
    struct state *copy = state_new();
#define COPY(name, from) copy->from = g_strdup(state->from);
    TEXTS(COPY)
#undef COPY
    copy->term = state->term;
    copy->generation = state->generation;
    copy->crl_number = state->crl_number;
    copy->request.made = state->request.made;
    for (guint i = 0; i < state->issued->len; i++)
        add_issued(copy, state->issued->pdata[i]);
    g_array_append_vals(copy->past, state->past->data, state->past->len);
    return copy;
}

/* ---- what is in it ---- */

void
state_set_served(struct state_served *served, char *chain, char *key)
{
    g_free(served->chain);
    wipe_text(served->key);
    *served = (struct state_served){chain, key};
}

void
state_set_request(struct state *state, char *text, char *key, gint64 made)
{
    g_free(state->request.text);
    wipe_text(state->request.key);
    state->request.text = text;
    state->request.key = key;
    state->request.made = made;
}

void
state_serve(struct state *state, char *chain, char *key)
{
    if (state->public.chain != NULL)
        state_set_served(&state->previous, g_steal_pointer(&state->public.chain),
                         g_steal_pointer(&state->public.key));
    state_set_served(&state->public, chain, key);
    if (g_strcmp0(state->request.key, key) == 0)
        state_set_request(state, NULL, NULL, 0);
    if (g_strcmp0(state->spare_key, key) == 0)
        g_clear_pointer(&state->spare_key, wipe_text);
}

static gboolean
has_ended(const char *chain, gint64 now)
{
    g_autoptr(GPtrArray) all = pem_read_chain(chain);
    X509 *first = pem_ends_first(all);
    return first == NULL || (now > 0 && pem_not_after(first) < now);
}

const struct state_served *
state_in_force(const struct state *state, gint64 now)
{
    const gboolean has_own = state->own.chain != NULL;
    if (state->public.chain != NULL && !(has_own && has_ended(state->public.chain, now)))
        return &state->public;
    return has_own ? &state->own : NULL;
}

struct state_issued *
state_find(const struct state *state, const char *serial)
{
    for (guint i = 0; i < state->issued->len; i++) {
        struct state_issued *issued = state->issued->pdata[i];
        if (g_ascii_strcasecmp(issued->serial, serial) == 0)
            return issued;
    }
    return NULL;
}

/* Of too many the one that ends first goes; a revoked one stays: its list still has to name it. */
static void
make_room(struct state *state)
{
    guint found = G_MAXUINT;
    gint64 first = G_MAXINT64;
    for (guint i = 0; i < state->issued->len; i++) {
        const struct state_issued *issued = state->issued->pdata[i];
        if (issued->revoked == 0 && issued->not_after < first) {
            found = i;
            first = issued->not_after;
        }
    }
    g_ptr_array_remove_index(state->issued, found != G_MAXUINT ? found : 0);
}

void
state_note_issued(struct state *state, const struct state_issued *what)
{
    while (state->issued->len >= STATE_ISSUED_MAX)
        make_room(state);
    add_issued(state, what);
}

void
state_forget(struct state *state, gint64 now)
{
    for (guint i = state->issued->len; i-- > 0;)
        if (((const struct state_issued *)state->issued->pdata[i])->not_after < now)
            g_ptr_array_remove_index(state->issued, i);
}

/* ---- what it comes of ---- */

static struct state_past *
find_past(const struct state *state, guint64 term)
{
    for (guint i = 0; i < state->past->len; i++) {
        struct state_past *past = &g_array_index(state->past, struct state_past, i);
        if (past->term == term)
            return past;
    }
    return NULL;
}

/* Of too many the earliest term goes. */
static void
forget_past(struct state *state)
{
    guint first = 0;
    for (guint i = 1; i < state->past->len; i++)
        if (g_array_index(state->past, struct state_past, i).term <
            g_array_index(state->past, struct state_past, first).term)
            first = i;
    g_array_remove_index(state->past, first);
}

void
state_note_past(struct state *state, guint64 term, guint64 generation)
{
    const struct state_past what = {term, generation};
    struct state_past *past = find_past(state, term);
    if (generation == 0)
        return;
    if (past != NULL) {
        past->generation = MAX(past->generation, generation);
        return;
    }
    g_array_append_val(state->past, what);
    if (state->past->len > STATE_PAST_MAX)
        forget_past(state);
}

gboolean
state_comes_of(const struct state *state, const struct state *earlier)
{
    const struct state_past *past = find_past(state, earlier->term);
    if (earlier->generation == 0)
        return TRUE;
    if (earlier->term == state->term)
        return earlier->generation < state->generation;
    return past != NULL && earlier->generation <= past->generation;
}

/* ---- as a text ---- */

static void
append_past(const struct state *state, GString *out)
{
    json_text_member_array(out, "past");
    for (guint i = 0; i < state->past->len; i++) {
        const struct state_past *past = &g_array_index(state->past, struct state_past, i);
        json_text_begin_object(out);
        json_text_member_unsigned(out, "term", past->term);
        json_text_member_unsigned(out, "generation", past->generation);
        json_text_end_object(out);
    }
    json_text_end_array(out);
}

static void
append_issued(const struct state *state, GString *out)
{
    json_text_member_array(out, "issued");
    for (guint i = 0; i < state->issued->len; i++) {
        const struct state_issued *issued = state->issued->pdata[i];
        json_text_begin_object(out);
        json_text_member_string(out, "serial", issued->serial);
        json_text_member_string(out, "name", issued->name);
        json_text_member_integer(out, "not_after", issued->not_after);
        json_text_member_integer(out, "revoked", issued->revoked);
        json_text_end_object(out);
    }
    json_text_end_array(out);
}

GString *
state_text(const struct state *state)
{
    GString *out = g_string_sized_new(16384);
    json_text_begin_object(out);
    json_text_member_integer(out, "format", FORMAT);
    json_text_member_unsigned(out, "term", state->term);
    json_text_member_unsigned(out, "generation", state->generation);
    json_text_member_unsigned(out, "crl_number", state->crl_number);
    json_text_member_integer(out, "request_made", state->request.made);
#define WRITE(name, member)                                                                        \
    if (state->member != NULL)                                                                     \
        json_text_member_string(out, name, state->member);
    TEXTS(WRITE)
#undef WRITE
    append_past(state, out);
    append_issued(state, out);
    json_text_end_object(out);
    return out;
}

void
state_wipe(GString *text)
{
    explicit_bzero(text->str, text->len);
    g_string_free(text, TRUE);
}

static void
read_past(struct state *state, struct slice text)
{
    struct slice list, each;
    if (!json_member(text, "past", &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize place = 0;
         json_next_element(list, &place, &each) && state->past->len < STATE_PAST_MAX;) {
        struct state_past past = {0};
        if (json_member_unsigned(each, "term", &past.term) &&
            json_member_unsigned(each, "generation", &past.generation))
            state_note_past(state, past.term, past.generation);
    }
}

static void
read_issued(struct state *state, struct slice text)
{
    struct slice list, each;
    if (!json_member(text, "issued", &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize place = 0;
         json_next_element(list, &place, &each) && state->issued->len < STATE_ISSUED_MAX;) {
        struct state_issued issued = {0};
        guint64 not_after = 0, revoked = 0;
        json_member_unsigned(each, "not_after", &not_after);
        json_member_unsigned(each, "revoked", &revoked);
        issued.not_after = (gint64)not_after;
        issued.revoked = (gint64)revoked;
        if (json_member_text(each, "serial", &issued.serial) &&
            json_member_text(each, "name", &issued.name))
            add_issued(state, &issued);
        g_free(issued.serial);
        g_free(issued.name);
    }
}

/* Half of a pair is none. */
static gboolean
is_whole(const struct state *state)
{
    return (state->root == NULL) == (state->issuing == NULL) &&
           (state->issuing == NULL) == (state->issuing_key == NULL) &&
           (state->own.chain == NULL) == (state->own.key == NULL) &&
           (state->public.chain == NULL) == (state->public.key == NULL) &&
           (state->previous.chain == NULL) == (state->previous.key == NULL) &&
           (state->request.text == NULL) == (state->request.key == NULL);
}

struct state *
state_parse(struct slice text, GError **error)
{
    AUTO(state) *state = state_new();
    guint64 format = 0, made = 0;
    if (text.size > STATE_MAX || !json_check(text, error)) {
        if (error != NULL && *error == NULL)
            fail_set(error, FAIL_DAMAGED, "it is too long");
        return NULL;
    }
    if (!json_member_unsigned(text, "format", &format) || format != FORMAT) {
        fail_set(error, FAIL_DAMAGED, "it was written by another version of Lifeboat");
        return NULL;
    }
    json_member_unsigned(text, "term", &state->term);
    json_member_unsigned(text, "generation", &state->generation);
    json_member_unsigned(text, "crl_number", &state->crl_number);
    if (json_member_unsigned(text, "request_made", &made))
        state->request.made = (gint64)made;
#define READ(name, member) json_member_text(text, name, &state->member);
    TEXTS(READ)
#undef READ
    read_past(state, text);
    read_issued(state, text);
    if (!is_whole(state)) {
        fail_set(error, FAIL_DAMAGED, "a part of it is missing");
        return NULL;
    }
    struct state *whole = state;
    state = NULL;
    return whole;
}

char *
state_digest(const struct state *state)
{
    guint8 digest[HASH_SHA256_SIZE];
    GString *text = state_text(state);
    hash_sha256(text->str, text->len, digest);
    state_wipe(text);
    return hash_hex(digest, sizeof digest);
}

/* ---- as a file ---- */

struct state *
state_load(int folder, GError **error)
{
    gsize size = 0;
    if (file_is_absent(folder, STATE_FILE))
        return state_new();
    char *text = file_read(folder, STATE_FILE, STATE_MAX, &size, error);
    struct state *state = text != NULL ? state_parse((struct slice){text, size}, error) : NULL;
    if (state == NULL)
        g_prefix_error(error, "the certificates' state '" STATE_FILE "': ");
    if (text != NULL)
        explicit_bzero(text, size);
    g_free(text);
    return state;
}

static gboolean
save_as(const struct state *state, int folder, const char *name, GError **error)
{
    GString *text = state_text(state);
    gboolean done = file_replace(folder, name, text->str, text->len, STATE_MODE, error);
    state_wipe(text);
    return done;
}

gboolean
state_save(const struct state *state, int folder, GError **error)
{
    return save_as(state, folder, STATE_FILE, error);
}

gboolean
state_put_aside(const struct state *state, int folder, GError **error)
{
    return save_as(state, folder, REPLACED_FILE, error);
}
