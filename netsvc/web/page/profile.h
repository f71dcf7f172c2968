/*
 * profile: the root as iPhones, iPads and Macs take it: a configuration profile, an XML property
 * list with one com.apple.security.root payload (Apple's "Configuration Profile Reference").
 *
 * Its identifiers come from the root alone, so that installing it again replaces the one before.
 */
#pragma once

#include "netsvc/web/trust.h"

char *profile_text(const struct trust *trust);
