/* qr: a QR code as SVG for a page: one path, no style, no script. */
#pragma once

#include <glib.h>

/* Appends it; nothing where the text is too long for one. */
void qr_append(GString *page, const char *text, const char *label);
