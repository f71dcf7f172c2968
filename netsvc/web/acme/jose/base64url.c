#include "netsvc/web/acme/jose/base64url.h"

#include "lib/crypt/base64.h"

void
base64url_append(GString *out, const void *data, gsize size)
{
    const gsize begin = out->len;
    base64_append(out, data, size, FALSE);
    for (char *at = out->str + begin; *at != '\0'; at++)
        *at = (char)(*at == '+' ? '-' : *at == '/' ? '_' : *at);
}

char *
base64url_text(const void *data, gsize size)
{
    GString *text = g_string_new(NULL);
    base64url_append(text, data, size);
    return g_string_free(text, FALSE);
}

GString *
base64url_decode(struct slice text, gsize max)
{
    if (text.size / 4 > max / 3 + 1 || memchr(text.data, '+', text.size) != NULL ||
        memchr(text.data, '/', text.size) != NULL)
        return NULL;
    g_autofree char *plain = slice_dup(text);
    for (gsize i = 0; i < text.size; i++)
        plain[i] = (char)(plain[i] == '-' ? '+' : plain[i] == '_' ? '/' : plain[i]);
    GString *out = g_string_new(NULL);
    g_string_set_size(out, max);
    gssize size = base64_take((struct slice){plain, text.size}, FALSE, (guint8 *)out->str, max);
    if (size < 0) {
        g_string_free(out, TRUE);
        return NULL;
    }
    return g_string_truncate(out, (gsize)size);
}
