#include "netsvc/parent/task/allowed.h"

#include <string.h>

static const struct {
    const char *who;
    const char *const *names;
} allowed[] = {
    {"failover", (const char *const[]){"address/probe",
                                       "address/check",
                                       "address/take",
                                       "address/open",
                                       "address/keep",
                                       "address/announce",
                                       "address/fence",
                                       "address/look",
                                       "address/cable",
                                       "cert/check",
                                       "cert/peer",
                                       "dhcp/peer",
                                       "dns/peer",
                                       "hook/start",
                                       "hook/stop",
                                       "hook/fence",
                                       "hook/cancel",
                                       "replicator/role",
                                       "replicator/check",
                                       "replicator/pull",
                                       "replicator/adopt",
                                       "replicator/fresh",
                                       "replicator/merge",
                                       "web/peer",
                                       NULL}},
    {"dns", (const char *const[]){"failover/send", NULL}},
    {"dhcp", (const char *const[]){"address/clients", "failover/send", NULL}},
    {"address", (const char *const[]){"dhcp/clients", NULL}},
    {"cert", (const char *const[]){"failover/send", "hook/certificate", "install/files",
                                   "web/certificate", NULL}},
    {"web", (const char *const[]){"cert/issue", "cert/key", "cert/public", "cert/revoke",
                                  "failover/send", NULL}},
};

/* What tells how things stand, and what people decide. Neither the server's private key, nor what
 * the parts of this node tell one another, nor the address without the switch's rules. */
static const char *const operators[] = {"failover/status",
                                        "failover/look",
                                        "failover/switch",
                                        "failover/steps",
                                        "failover/cancel",
                                        "failover/restored",
                                        "failover/pair",
                                        "failover/replace",
                                        "failover/forget",
                                        "cert/public",
                                        "cert/show",
                                        "cert/check",
                                        "cert/init",
                                        "cert/request",
                                        "cert/waiting",
                                        "cert/import",
                                        "cert/roll-back",
                                        "address/look",
                                        NULL};

/* NAME\0…: the other node takes it for that child's word. */
static gboolean
is_signed_by(const char *who, const char *body, gsize size)
{
    const gsize length = strlen(who) + 1;
    return size >= length && memcmp(body, who, length) == 0;
}

gboolean
allowed_ask(const char *who, const char *name, const char *body, gsize size)
{
    for (gsize i = 0; i < G_N_ELEMENTS(allowed); i++)
        if (strcmp(allowed[i].who, who) == 0)
            return g_strv_contains(allowed[i].names, name) &&
                   (strcmp(name, "failover/send") != 0 || is_signed_by(who, body, size));
    return FALSE;
}

gboolean
allowed_operator(const char *name)
{
    return g_strv_contains(operators, name);
}
