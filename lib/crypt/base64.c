#include "lib/crypt/base64.h"

void
base64_append(GString *out, const void *data, gsize size, gboolean padded)
{
    g_autofree char *text = g_base64_encode(data, size);
    gsize length = strlen(text);
    while (!padded && length > 0 && text[length - 1] == '=')
        length--;
    g_string_append_len(out, text, (gssize)length);
}

static int
digit_value(char c)
{
    if (g_ascii_isupper(c))
        return c - 'A';
    if (g_ascii_islower(c))
        return c - 'a' + 26;
    if (g_ascii_isdigit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

gssize
base64_take(struct slice text, gboolean padded, guint8 *out, gsize room)
{
    guint bits = 0;
    guint n_bits = 0;
    gsize size = 0;
    if (padded && text.size % 4 != 0)
        return -1;
    for (guint i = 0; padded && i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++)
        text.size--;
    for (gsize i = 0; i < text.size; i++) {
        int value = digit_value(text.data[i]);
        if (value < 0)
            return -1;
        bits = (bits << 6 | (guint)value) & 0xfff;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        if (size == room)
            return -1;
        n_bits -= 8;
        out[size++] = (guint8)(bits >> n_bits);
    }
    gboolean stray = n_bits >= 6 || (bits & ((1U << n_bits) - 1)) != 0;
    return stray ? -1 : (gssize)size;
}
