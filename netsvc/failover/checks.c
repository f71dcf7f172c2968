#include "netsvc/failover/checks.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

#include <string.h>

struct checks {
    struct child *child;
    gboolean from;
    checks_answered answered;
    gpointer context;
    GString *problems, *notes; /* elements of arrays */
};

static void
checks_free(struct checks *checks)
{
    g_string_free(checks->problems, TRUE);
    g_string_free(checks->notes, TRUE);
    g_free(checks);
}

static void
add_all(GString *to, struct slice answer, const char *name)
{
    struct slice list, each;
    if (json_member(answer, name, &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each);) {
            if (to->len > 0)
                g_string_append_c(to, ',');
            g_string_append_len(to, each.data, (gssize)each.size);
        }
}

static void
add(struct checks *checks, const char *answer, gsize size)
{
    struct slice json = {answer, size};
    if (!json_check(json, NULL))
        return;
    add_all(checks->problems, json, "problems");
    add_all(checks->notes, json, "notes");
}

static void
end(struct checks *checks, gboolean done, const char *answer)
{
    const checks_answered answered = checks->answered;
    gpointer context = checks->context;
    checks_free(checks);
    answered(context, done, answer);
}

static void
end_well(struct checks *checks)
{
    g_autofree char *answer = g_strdup_printf("{\"problems\":[%s],\"notes\":[%s]}",
                                              checks->problems->str, checks->notes->str);
    end(checks, TRUE, answer);
}

/* A child that is being started again says nothing, which is no reason to stay. */
static void
address_answered(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct checks *checks = context;
    if (done)
        add(checks, answer, size);
    end_well(checks);
}

/* The node that hands over may do so for its cable. */
static void
check_address(struct checks *checks)
{
    if (checks->from)
        end_well(checks);
    else
        child_ask(checks->child, "address/check", "{}", 2, address_answered, checks);
}

static void
certificates_answered(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct checks *checks = context;
    if (done)
        add(checks, answer, size);
    check_address(checks);
}

static void
replicator_answered(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct checks *checks = context;
    if (!done) {
        end(checks, FALSE, answer);
        return;
    }
    add(checks, answer, size);
    if (child_config(checks->child)->cert.name == NULL)
        check_address(checks);
    else
        child_ask(checks->child, "cert/check", "{}", 2, certificates_answered, checks);
}

static void
ask_replicator(struct checks *checks, gboolean from)
{
    const char *body = from ? "{\"as\":\"from\"}" : "{\"as\":\"to\"}";
    child_ask(checks->child, "replicator/check", body, strlen(body), replicator_answered, checks);
}

/* The other node would not take an address that somebody has, and nobody would be served. */
static void
probe_answered(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct checks *checks = context;
    struct slice json = {answer, size};
    g_autofree char *mac = NULL;
    if (done && json_check(json, NULL) && json_member_text(json, "mac", &mac)) {
        g_autofree char *problem =
            g_strdup_printf("a machine with the MAC address %s has the service address, too: "
                            "switch that one off or pull its network cable",
                            mac);
        json_text_string(checks->problems, problem);
    }
    ask_replicator(checks, TRUE);
}

struct checks *
checks_run(struct child *child, gboolean from, checks_answered answered, gpointer context)
{
    struct checks *checks = g_new0(struct checks, 1);
    checks->child = child;
    checks->from = from;
    checks->answered = answered;
    checks->context = context;
    checks->problems = g_string_new(NULL);
    checks->notes = g_string_new(NULL);
    if (from)
        child_ask(child, "address/probe", "{}", 2, probe_answered, checks);
    else
        ask_replicator(checks, FALSE);
    return checks;
}

void
checks_forget(struct checks *checks)
{
    child_forget(checks->child, checks);
    checks_free(checks);
}
