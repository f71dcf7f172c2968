#include "replicator/net/zones.h"

#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/net/pages.h"
#include "replicator/table.h"
#include "replicator/tell.h"

enum { COLUMN_ZONE, COLUMN_KIND, COLUMN_RECORDS, COLUMN_SERIAL, COLUMN_STATE, COLUMNS };

static const char *const titles[COLUMNS] = {"ZONE", "KIND", "RECORDS", "SERIAL", "STATE"};

static char *
tell_number(struct slice object, const char *name)
{
    guint64 number;
    return json_member_unsigned(object, name, &number)
               ? g_strdup_printf("%" G_GUINT64_FORMAT, number)
               : NULL;
}

static void
add_part(GString *parts, const char *before, const char *part)
{
    if (part != NULL)
        g_string_append_printf(parts, "%s%s%s", parts->len > 0 ? ", " : "", before, part);
}

static char *
tell_state(struct slice zone)
{
    GString *parts = g_string_new(NULL);
    g_autofree char *from = tell_text(zone, "from");
    gint64 expires = json_member_time(zone, "expires");
    g_autofree char *end = expires > 0 ? tell_time(expires) : NULL;
    gboolean over = expires > 0 && expires <= g_get_real_time() / G_USEC_PER_SEC;
    if (json_member_true(zone, "signed"))
        add_part(parts, "", "signed");
    add_part(parts, "from ", from);
    add_part(parts, over ? "EXPIRED " : "expires ", end);
    return g_string_free(parts, FALSE);
}

/* Its problem, and what the parent zone is to have of it. */
static char *
tell_note(struct slice zone)
{
    GString *note = g_string_new(NULL);
    g_autofree char *problem = tell_text(zone, "problem");
    struct slice list, each;
    add_part(note, "PROBLEM: ", problem);
    if (json_member(zone, "ds", &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each);) {
            g_autoptr(GString) text = g_string_new(NULL);
            if (json_type(each) == JSON_STRING)
                json_unescape(each, text);
            g_autofree char *shown = log_escape(text->str);
            add_part(note, "for its parent: ", shown);
        }
    gboolean empty = note->len == 0;
    char *text = g_string_free(note, FALSE);
    if (empty)
        g_clear_pointer(&text, g_free);
    return text;
}

static void
add_zone(struct table *table, struct slice zone)
{
    char *cells[COLUMNS] = {
        [COLUMN_ZONE] = tell_text(zone, "name"),
        [COLUMN_KIND] = tell_text(zone, "kind"),
        [COLUMN_RECORDS] = tell_number(zone, "records"),
        [COLUMN_SERIAL] = tell_number(zone, "serial"),
        [COLUMN_STATE] = tell_state(zone),
    };
    table_add(table, cells);
    table_note(table, tell_note(zone));
}

char *
zones_forwarder_text(struct slice forwarder, gboolean *dead)
{
    g_autofree char *address = tell_text(forwarder, "address");
    g_autofree char *state = tell_text(forwarder, "state");
    g_autofree char *problem = tell_text(forwarder, "problem");
    gint64 since = json_member_time(forwarder, "since");
    guint64 milliseconds;
    GString *out = g_string_new(NULL);
    *dead = g_strcmp0(state, "dead") == 0;
    g_string_append_printf(out, "forwarder %s: %s", address != NULL ? address : "?",
                           *dead           ? "DOES NOT ANSWER"
                           : state != NULL ? state
                                           : "?");
    if (json_member_unsigned(forwarder, "milliseconds", &milliseconds) && !*dead)
        g_string_append_printf(out, ", %" G_GUINT64_FORMAT " ms", milliseconds);
    if (since > 0) {
        g_autofree char *when = tell_time(since);
        g_string_append_printf(out, ", since %s", when);
    }
    if (problem != NULL)
        g_string_append_printf(out, ": %s", problem);
    return g_string_free(out, FALSE);
}

char *
zones_text(const GPtrArray *pages)
{
    GString *out = g_string_new(NULL);
    AUTO(table) *table = table_new(titles, COLUMNS);
    struct pages_place place = {0};
    struct slice each;
    while (pages_next(pages, "zones", &place, &each))
        add_zone(table, each);
    if (table_rows(table) > 0)
        table_append(table, out);
    else
        g_string_append(out, "no zone is served\n");
    pages_append_lines(pages, "forwarders", zones_forwarder_text, out);
    return g_string_free(out, FALSE);
}
