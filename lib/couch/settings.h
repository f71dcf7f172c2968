/*
 * settings: those of a CouchDB that another one must share, so that people stay logged in and CHT
 * can read its vault: the secret, how sessions and passwords are checked, the hashed
 * administrators, and a few limits. Where a server listens and keeps its files is never among them.
 *
 * They are set through the configuration API, on every node of a cluster. Our own account comes
 * last, on the node that answers us last of all: with its line, the password that we use may
 * change.
 */
#pragma once

#include "lib/couch/write/traits.h"

/* When a setting is written: before documents, after them, or never. */
enum settings_phase { SETTINGS_LIMITS, SETTINGS_REST, SETTINGS_NEVER };

struct setting {
    char *section, *key, *value;
};

/* Of a configuration {"section":{"key":"value"}}, in its order, the line of the administrator
 * `account` last: struct setting. */
GPtrArray *settings_of(const GString *config, const char *account);

enum settings_phase settings_phase_of(const char *section, const char *key);

/* Whether an administrator's value is a hash; a password in clear text would be hashed with a salt
 * of its own, which ends all sessions. */
gboolean setting_is_hashed(const char *value);

/* ---- the nodes of a server ---- */

struct settings_node {
    char *name;
    GString *config; /* as it was when it was asked */
};

/* All that answer: struct settings_node, the one that answers us last. `problem` is told of others.
 */
typedef void (*settings_problem)(void *context, const char *message);
GPtrArray *settings_nodes(struct http *http, const struct traits *traits, settings_problem problem,
                          void *context, GError **error);

/* Whether it is another one at the node, or at any of them. */
gboolean setting_differs_at(const struct settings_node *node, const struct setting *setting);
gboolean setting_differs(const GPtrArray *nodes, const struct setting *setting);

gboolean setting_put(struct http *http, const char *node, const struct setting *setting,
                     GError **error);

/* Whether a failure ends the work; others concern one setting or one node. */
gboolean settings_is_end(const GError *failure);
