/*
 * text: values of the configuration that are more than a text: addresses, networks, ranges. What
 * is wrong with one is told without where it stood (options_blame tells that).
 */
#pragma once

#include "netsvc/config/config.h"

/* "10.0.0.7", into the host's byte order. */
gboolean text_address(const char *text, guint32 *address, GError **error);

/* "10.0.0.0/16", "fd00::/8"; without a prefix it is one address. No bit behind the prefix is set.
 */
gboolean text_network(const char *text, struct config_network *network, GError **error);

/* "10.0.0.7", "fe80::1", "10.0.0.7:5353", "[fe80::1]:5353". */
gboolean text_peer(const char *text, guint16 port, struct config_peer *peer, GError **error);

/* "10.0.1.0-10.0.1.255", or one address; with "=SECONDS" behind it, its lease time. */
gboolean text_range(const char *text, struct config_range *range, GError **error);

/* A domain name of letters, digits, hyphens and underscores, without the dot at its end, in small
 * letters; caller frees. With `wildcard` it may begin with "*.". */
char *text_name(const char *text, gboolean wildcard, GError **error);

/* "NAME=ADDRESS" of either family. */
struct config_name *text_name_address(const char *text, GError **error);

/* Bytes in hex, with or without : or - between them. */
GBytes *text_hex(const char *text, gsize max, GError **error);
