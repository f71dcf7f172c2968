/*
 * dhcp_option: the options that a configuration may name, and their text as bytes.
 *
 *     ntp-servers=10.0.0.1, 10.0.0.2       by name, of the type that its RFC gives it
 *     121=10.1.0.0/16 via 10.0.0.1         by number
 *     domain-search=clinic.example, example
 *     224=hex:0a0b0c                       of a number that no RFC fills: with its type in front,
 *                                          hex: text: u8: u16: u32: addresses: domains:
 *
 * A type in front also counts where the table has another.
 */
#pragma once

#include "netsvc/config/config.h"

#define DHCP_OPTION_MAX 1024 /* bytes; one reply holds it with all that it must */

enum dhcp_option_type {
    DHCP_OPTION_HEX,
    DHCP_OPTION_TEXT,
    DHCP_OPTION_U8,
    DHCP_OPTION_U16,
    DHCP_OPTION_U32,
    DHCP_OPTION_FLAG,      /* yes or no */
    DHCP_OPTION_ADDRESS,   /* one */
    DHCP_OPTION_ADDRESSES, /* at least one */
    DHCP_OPTION_PAIRS,     /* of addresses */
    DHCP_OPTION_DOMAINS,   /* RFC 3397 */
    DHCP_OPTION_ROUTES,    /* RFC 3442 */
    DHCP_OPTION_NONE,      /* the server gives it by itself: not to be configured */
};

struct dhcp_option {
    guint8 code;
    const char *name;
    enum dhcp_option_type type;
};

/* NULL: the table has none; that may be configured by number all the same. */
const struct dhcp_option *dhcp_option_by_name(const char *name, gsize size);
const struct dhcp_option *dhcp_option_by_code(guint8 code);

/* NAME=VALUE as above. The error says what is wrong with which word. */
struct config_option *dhcp_option_parse(const char *text, GError **error);
void dhcp_option_free(struct config_option *option);

/* Adds names as option 119 has them, the later pointing into the earlier (RFC 3397 2). FALSE: one
 * is no domain name, or all are longer than DHCP_OPTION_MAX; `bytes` is as it was. */
gboolean dhcp_option_add_domains(GByteArray *bytes, const char *const *names, GError **error);
