#include "netsvc/web/page/qr.h"

#include <qrencode.h>

#define QUIET 4 /* modules of white around a code (ISO/IEC 18004, 6.3.8) */

static int
run_of(const QRcode *code, int x, int y)
{
    int end = x;
    while (end < code->width && (code->data[y * code->width + end] & 1) != 0)
        end++;
    return end - x;
}

void
qr_append(GString *page, const char *text, const char *label)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (code == NULL)
        return;
    const int size = code->width + 2 * QUIET;
    g_autofree char *title = g_markup_escape_text(label, -1);
    g_string_append_printf(page,
                           "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"180\" "
                           "height=\"180\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
                           "<title>%s</title><rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>"
                           "<path fill=\"#000\" d=\"",
                           size, size, title, size, size);
    for (int y = 0; y < code->width; y++)
        for (int x = 0; x < code->width; x++) {
            const int run = run_of(code, x, y);
            if (run > 0)
                g_string_append_printf(page, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, run, run);
            x += run;
        }
    g_string_append(page, "\"/></svg>");
    QRcode_free(code);
}
