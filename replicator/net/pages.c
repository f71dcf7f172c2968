#include "replicator/net/pages.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"

#include <stdio.h>

#define PAGES_MAX 100000 /* more is a list that does not end */

static void
free_text(gpointer text)
{
    g_string_free(text, TRUE);
}

static struct slice
page_at(const GPtrArray *pages, guint i)
{
    const GString *text = pages->pdata[i];
    return (struct slice){text->str, text->len};
}

struct slice
pages_first(const GPtrArray *pages)
{
    return page_at(pages, 0);
}

void
pages_append_lines(const GPtrArray *pages, const char *member,
                   char *(*line)(struct slice entry, gboolean *bad), GString *out)
{
    struct slice entries, each;
    if (!json_member(pages_first(pages), member, &entries) || json_type(entries) != JSON_ARRAY)
        return;
    gsize at = 0;
    for (gboolean first = TRUE, bad; json_next_element(entries, &at, &each); first = FALSE) {
        g_autofree char *text = line(each, &bad);
        g_string_append_printf(out, "%s%s\n", first ? "\n" : "", text);
    }
}

static char *
request_for(const struct pages_list *list, const char *after)
{
    GString *request = g_string_new(NULL);
    json_text_begin_object(request);
    json_text_member_string(request, "ask", list->ask);
    if (after != NULL)
        json_text_member_string(request, "after", after);
    json_text_end_object(request);
    return g_string_free(request, FALSE);
}

/* Of the last entry; NULL: there is none. */
static char *
last_key(struct slice page, const struct pages_list *list)
{
    struct slice entries, each, last = {0};
    char *key = NULL;
    if (!json_member(page, list->ask, &entries) || json_type(entries) != JSON_ARRAY)
        return NULL;
    for (gsize place = 0; json_next_element(entries, &place, &each);)
        last = each;
    if (last.size > 0)
        json_member_text(last, list->key, &key);
    return key;
}

GPtrArray *
pages_ask(const char *socket, const struct pages_list *list, GError **error)
{
    g_autoptr(GPtrArray) pages = g_ptr_array_new_with_free_func(free_text);
    g_autofree char *after = NULL;
    while (pages->len < PAGES_MAX) {
        g_autofree char *request = request_for(list, after);
        GString *text = ask_daemon(ASK_NETSVC, socket, request, ASK_SECONDS, error);
        if (text == NULL)
            return NULL;
        g_ptr_array_add(pages, text);
        struct slice page = page_at(pages, pages->len - 1);
        g_autofree char *next = last_key(page, list);
        if (!json_member_true(page, "more"))
            return g_steal_pointer(&pages);
        if (next == NULL || g_strcmp0(next, after) == 0)
            break;
        g_free(after);
        after = g_steal_pointer(&next);
    }
    fail_set(error, FAIL_FAILED, ASK_NETSVC " gives a list of '%s' that does not go on", list->ask);
    return NULL;
}

gboolean
pages_next(const GPtrArray *pages, const char *ask, struct pages_place *place, struct slice *entry)
{
    for (; place->page < pages->len; place->page++, place->at = 0) {
        struct slice entries;
        if (json_member(page_at(pages, place->page), ask, &entries) &&
            json_type(entries) == JSON_ARRAY && json_next_element(entries, &place->at, entry))
            return TRUE;
    }
    return FALSE;
}

/* ---- as JSON ---- */

static void
append_members(GString *out, struct slice object, const char *but, const char *nor)
{
    struct slice key, value;
    if (json_type(object) != JSON_OBJECT)
        return;
    for (gsize place = 0; json_next_member(object, &place, &key, &value);) {
        if (json_key_is(key, but) || json_key_is(key, nor))
            continue;
        g_autofree char *name = slice_dup(key);
        json_text_name(out, name);
        json_text_raw(out, value);
    }
}

static void
print_line(GString *out)
{
    json_text_end_object(out);
    g_string_append_c(out, '\n');
    fwrite(out->str, 1, out->len, stdout);
    g_string_truncate(out, 0);
}

void
pages_print_json(const GPtrArray *pages, const char *ask, const char *kind)
{
    g_autoptr(GString) out = g_string_new(NULL);
    struct pages_place place = {0};
    struct slice entry;
    guint64 entries = 0;
    for (; pages_next(pages, ask, &place, &entry); entries++) {
        json_text_begin_object(out);
        json_text_member_string(out, "event", kind);
        append_members(out, entry, "event", "event");
        print_line(out);
    }
    json_text_begin_object(out);
    json_text_member_string(out, "event", "summary");
    json_text_member_unsigned(out, ask, entries);
    append_members(out, pages_first(pages), ask, "more");
    print_line(out);
}
