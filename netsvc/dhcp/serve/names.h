/*
 * names: the hostnames of clients, cleaned and each one's alone in its domain. What the
 * configuration names ([dns] names, reservations) is nobody else's.
 */
#pragma once

#include "netsvc/dhcp/lease/lease.h"

struct names;

struct names *names_new(const struct config *config);
void names_free(struct names *names);
AUTO_DEFINE(names)

/* What a client calls itself, as a label: small letters, digits and hyphens; the first part of a
 * name with dots. "": nothing is left of it, or it is one that only confuses (localhost, wpad). */
void names_clean(const guint8 *bytes, gsize size, char label[LEASE_NAME_MAX]);

/* The label that the client of that address gets for the one that it wishes, which may have a
 * number behind it; `had`, the one that it has, if that will do. "": none. */
void names_take(struct names *names, const char *domain, const char *wish, const char *had,
                guint32 address, char label[LEASE_NAME_MAX]);
/* Whose a label is; 0: nobody's. */
guint32 names_owner(const struct names *names, const char *domain, const char *label);
void names_drop(struct names *names, const char *domain, const char *label, guint32 address);
