/*
 * front: the page that helps people install the site's root. It is text and two links: no script,
 * nothing that is fetched, readable by the oldest WebView and aloud.
 *
 * front.html, none.html and front.css are built in; words between '@' are replaced here, escaped.
 */
#pragma once

#include "netsvc/web/trust.h"

struct front {
    const char *address;       /* of the service, which needs no DNS; NULL: the name does */
    const char *name;          /* of the service */
    const char *device;        /* front_device: whose section is open at first */
    const struct trust *trust; /* NULL: there is no certificate yet */
    guint16 http, https;       /* ports; 0: not served */
};

char *front_text(const struct front *front);

/* Which of a few an User-Agent is. */
const char *front_device(const char *agent);

/* Content-Security-Policy for both: its own style, and nothing else. */
char *front_policy(void);
