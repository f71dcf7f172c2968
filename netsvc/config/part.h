/* part: what config.c puts together. Each reads its sections into what is zeroed. */
#pragma once

#include "netsvc/config/config.h"

/* Behind the reading of a part: where all mistakes are collected its error is put to them, and the
 * next part is read. */
gboolean config_part(struct config *config, gboolean done, GError **error);

/* A mistake in an option's value: FALSE, with where it stands. */
gboolean config_wrong(const struct command_line *view, const char *option, GError **error,
                      const char *format, ...) G_GNUC_PRINTF(4, 5);

gboolean config_dns_read(struct config *config, const struct command_line *line, GError **error);
void config_dns_clear(struct config_dns *dns);

gboolean config_dhcp_read(struct config *config, const struct command_line *line, GError **error);
void config_dhcp_clear(struct config_dhcp *dhcp);

gboolean config_failover_read(struct config *config, const struct command_line *line,
                              GError **error);
void config_failover_clear(struct config *config);

gboolean config_cert_read(struct config *config, const struct command_line *line, GError **error);
void config_cert_clear(struct config *config);

/* The file of `[dns] tsig` into `keys` (struct config_tsig). */
gboolean config_tsig_read(GPtrArray *keys, const char *path, GError **error);

/* Calls `add` with each element of a list; a mistake is told with where it stands. */
typedef gboolean (*config_add)(gpointer list, const char *text, GError **error);
gboolean config_each(const struct command_line *line, const char *option, config_add add,
                     gpointer list, GError **error);

/* The usual elements, for config_each: the list is an array of them. */
gboolean config_add_address(gpointer list, const char *text, GError **error);
gboolean config_add_network(gpointer list, const char *text, GError **error);
gboolean config_add_dns_peer(gpointer list, const char *text, GError **error);
gboolean config_add_domain(gpointer list, const char *text, GError **error);
