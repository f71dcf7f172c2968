/*
 * check: `lifeboat-netsvc check-config`: what is wrong with the configuration, and what on this
 * machine stands in its way. Nothing is changed, and nothing sent unless that is asked for.
 *
 *     check.c       findings, and how they are shown
 *     subnets.c     of the configuration: what clients are told by DHCP
 *     names.c       of the configuration: names, zones, forwarders
 *     roles.c       what a child refuses, as at a start: zone files, keys
 *     place.c       of the machine: the user, the state folder, the clock
 *     hooks.c       of the machine: programs that are run at a switch
 *     interfaces.c  interfaces and their addresses
 *     pair.c        what a node of two needs: fencing rules, a place for the service address
 *     ports.c       other programs on our ports
 *     routes.c      other networks that overlap ours, Docker's first of all
 *     firewall/     rules that keep clients away
 *     lan.c         addresses of ours that somebody else has; only with --ask-lan
 */
#pragma once

#include "netsvc/config/config.h"

enum check_level {
    CHECK_NOTE,    /* may be meant so */
    CHECK_MACHINE, /* stands in the way here and now */
    CHECK_WRONG,   /* the configuration cannot be meant so */
    CHECK_LEVELS,
};

struct check;

/* Where a finding stands: an option's value, or with NULL the section that `view` is. A `view` of
 * NULL: nowhere in the configuration. `hint` is the mend; it may be NULL. */
void check_found(struct check *check, enum check_level level, const struct command_line *view,
                 const char *option, const char *hint, const char *format, ...) G_GNUC_PRINTF(6, 7);

/* Whether a mistake of the configuration has been found already. */
gboolean check_is_wrong(const struct check *check);

const struct config *check_config(const struct check *check);
const struct command_line *check_line(const struct check *check);

/* The sections of a subnet or zone: those at the same place in the configuration. */
const struct command_line *check_view(const struct check *check, const char *section, guint i);

/* Does the whole of it and prints what was found; the exit code: FAIL_USAGE where the configuration
 * is wrong, FAIL_FAILED where this machine stands in its way. */
int check_command(const struct command_line *line);

/* ---- each kind ---- */

void check_subnets(struct check *check);
void check_names(struct check *check);
void check_roles(struct check *check);
void check_place(struct check *check);
void check_hooks(struct check *check);
void check_interfaces(struct check *check);
void check_pair(struct check *check);
void check_ports(struct check *check);
void check_routes(struct check *check);
void check_firewall(struct check *check);
void check_lan(struct check *check);
