/*
 * web: pages, certificates and ACME over HTTP and HTTPS on the LAN.
 *
 *     request.h  what a handler takes and gives
 *     serve/     HTTP, TLS, and the limits of both
 *     pages.c    what is at which path, with trust.c: the certificates as they are handed out
 *     page/      the page for people, the profile for iPhones, the QR code
 *     acme/      the ACME server
 *     web.c      the child: sockets, and the certificates whenever they change
 *
 * It listens as soon as it knows its certificates, or that there are none: at a reload, who comes
 * meanwhile waits for a moment.
 */
#pragma once

#include "netsvc/child/child.h"

extern const struct child_role web_role;
