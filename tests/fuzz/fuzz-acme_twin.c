/*
 * fuzz-acme_twin: messages of the other node about accounts, certificates and orders. Whatever they
 * are, what is taken from them can be sent on, and is read there as what it is here.
 *
 * The input is lines. Before a line that holds "SESSION" is taken, that is made the session that
 * this node asked for, so that it is not thrown away.
 */
#include "lib/json/json.h"
#include "netsvc/web/acme/pair/row.h"
#include "netsvc/web/acme/pair/twin.h"
#include "netsvc/web/acme/rules/quotas.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define ROWS_MAX 64 /* that are looked at */

struct site {
    GString *session;
};

static void
must_be_sound(gpointer context, const void *data, gsize size)
{
    struct site *site = context;
    const struct slice json = {data, size};
    g_autofree char *say = NULL, *session = NULL;
    g_assert(size <= TWIN_MESSAGE_MAX);
    g_assert(json_check(json, NULL));
    g_assert(json_member_text(json, "say", &say));
    g_assert(json_member_text(json, "session", &session));
    if (strcmp(say, "begin") == 0)
        g_string_assign(site->session, session);
}

static void
take_lines(struct twin *twin, struct site *site, const char *data, gsize size)
{
    g_autofree char *text = g_strndup(data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], "SESSION", 2);
        g_autofree char *line = g_strjoinv(site->session->str, parts);
        twin_take(twin, line, strlen(line));
        twin_changed(twin);
    }
}

/* What was kept is written and read back the same. */
static void
check_rows(struct ledger *ledger)
{
    struct ledger_change change = {0};
    for (guint i = 0; i < ROWS_MAX && ledger_next_change(ledger, change.number, &change, NULL);
         i++) {
        struct row row, back;
        g_autoptr(GString) first = g_string_new(NULL), second = g_string_new(NULL);
        g_assert(row_of_change(&row, ledger, &change, NULL));
        row_write(&row, first);
        row_clear(&row);
        g_assert(json_check((struct slice){first->str, first->len}, NULL));
        g_assert(row_read(&back, (struct slice){first->str, first->len}, NULL));
        row_write(&back, second);
        row_clear(&back);
        g_assert(g_string_equal(first, second));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct site site = {g_string_new(NULL)};
    const struct twin_means means = {must_be_sound, &site};
    const struct task_state state = {.role = TASK_STANDBY, .peer = 1, .term = 2};
    {
        AUTO(ledger) *ledger = ledger_open(":memory:", NULL);
        AUTO(twin) *twin = twin_new(ledger, &means);
        twin_role(twin, &state);
        take_lines(twin, &site, (const char *)data, size);
        twin_remind(twin);
        twin_remind(twin);
        check_rows(ledger);
    }
    g_string_free(site.session, TRUE);
    return 0;
}
