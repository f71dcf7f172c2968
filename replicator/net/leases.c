#include "replicator/net/leases.h"

#include "lib/json/json.h"
#include "replicator/net/pages.h"
#include "replicator/table.h"
#include "replicator/tell.h"

#define NEARLY_FULL 90 /* % */

enum { COLUMN_ADDRESS, COLUMN_NAME, COLUMN_MAC, COLUMN_STATE, COLUMN_REST, COLUMNS };

static const char *const titles[COLUMNS] = {"ADDRESS", "NAME", "MAC", "STATE", "FOR"};

/* `11 h 20 min`: the largest two units. */
static char *
tell_rest(guint64 seconds)
{
    static const struct {
        guint64 seconds;
        const char *name;
    } units[] = {{24 * 3600, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    gsize unit = 0;
    while (unit + 1 < G_N_ELEMENTS(units) && seconds < units[unit].seconds)
        unit++;
    const guint64 whole = seconds / units[unit].seconds;
    const guint64 left = seconds % units[unit].seconds;
    if (unit + 1 == G_N_ELEMENTS(units) || left / units[unit + 1].seconds == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " %s", whole, units[unit].name);
    return g_strdup_printf("%" G_GUINT64_FORMAT " %s %" G_GUINT64_FORMAT " %s", whole,
                           units[unit].name, left / units[unit + 1].seconds, units[unit + 1].name);
}

static void
add_lease(struct table *table, struct slice lease)
{
    guint64 seconds = 0;
    g_autofree char *state = tell_text(lease, "state");
    gboolean ends = json_member_unsigned(lease, "seconds", &seconds) && seconds > 0;
    char *mac = tell_text(lease, "mac");
    char *cells[COLUMNS] = {
        [COLUMN_ADDRESS] = tell_text(lease, "address"),
        [COLUMN_NAME] = tell_text(lease, "name"),
        [COLUMN_MAC] = mac != NULL ? mac : tell_text(lease, "client"),
        [COLUMN_STATE] = g_strconcat(state != NULL ? state : "?",
                                     json_member_true(lease, "reserved") ? ", reserved" : "", NULL),
        [COLUMN_REST] = ends ? tell_rest(seconds) : NULL,
    };
    table_add(table, cells);
}

char *
leases_pool_text(struct slice pool, gboolean *nearly_full)
{
    g_autofree char *subnet = tell_text(pool, "subnet");
    g_autofree char *first = tell_text(pool, "first"), *last = tell_text(pool, "last");
    guint64 size = 0, leased = 0, offered = 0, resting = 0;
    json_member_unsigned(pool, "size", &size);
    json_member_unsigned(pool, "leased", &leased);
    json_member_unsigned(pool, "offered", &offered);
    json_member_unsigned(pool, "resting", &resting);
    const guint64 used = leased + offered + resting;
    *nearly_full = size > 0 && used * 100 >= size * NEARLY_FULL;
    GString *out = g_string_new(NULL);
    g_string_append_printf(
        out, "pool %s-%s of [subnet %s]: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " in use",
        first != NULL ? first : "?", last != NULL ? last : "?", subnet != NULL ? subnet : "?", used,
        size);
    if (resting > 0)
        g_string_append_printf(out, ", %" G_GUINT64_FORMAT " of them by somebody else (declined)",
                               resting);
    if (*nearly_full)
        g_string_append(out, used >= size ? "  FULL" : "  NEARLY FULL");
    return g_string_free(out, FALSE);
}

static char *
tell_lag(struct slice peer)
{
    guint64 behind = 0;
    json_member_unsigned(peer, "behind", &behind);
    if (!json_member_true(peer, "in_step"))
        return g_strdup("not in step with the other node");
    return behind == 0 ? g_strdup("in step with the other node")
                       : g_strdup_printf("the other node is behind by %" G_GUINT64_FORMAT, behind);
}

char *
leases_peer_text(struct slice answer, gboolean *bad)
{
    struct slice peer;
    guint64 seconds = 0;
    *bad = FALSE;
    if (!json_member(answer, "peer", &peer) || json_type(peer) != JSON_OBJECT)
        return NULL;
    g_autofree char *role = tell_text(peer, "role"), *lag = tell_lag(peer);
    if (g_strcmp0(role, "alone") == 0)
        return NULL;
    if (json_member_true(peer, "copy"))
        return g_strdup_printf("this node is %s and answers no client; its leases are a copy, %s",
                               role, lag);
    if (!json_member_unsigned(peer, "short_for", &seconds))
        return g_strdup_printf("leases: %s", lag);
    *bad = TRUE;
    g_autofree char *since = tell_rest(MAX(seconds, 1));
    return g_strdup_printf("leases: %s; for %s they have been short (10 min), and new clients get "
                           "addresses of this node's half",
                           lag, since);
}

char *
leases_text(const GPtrArray *pages)
{
    GString *out = g_string_new(NULL);
    AUTO(table) *table = table_new(titles, COLUMNS);
    struct pages_place place = {0};
    struct slice each;
    while (pages_next(pages, "leases", &place, &each))
        add_lease(table, each);
    if (table_rows(table) > 0)
        table_append(table, out);
    else
        g_string_append(out, "no client has an address\n");
    pages_append_lines(pages, "pools", leases_pool_text, out);
    gboolean bad;
    g_autofree char *peer = leases_peer_text(pages_first(pages), &bad);
    if (peer != NULL)
        g_string_append_printf(out, "%s\n", peer);
    return g_string_free(out, FALSE);
}
