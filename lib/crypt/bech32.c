#include "lib/crypt/bech32.h"

#include <string.h>

#define SUM 6                          /* characters of checksum */
#define DATA (BECH32_CHARACTERS - SUM) /* characters before it, the last with 4 bits of filling */

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static guint32
sum_step(guint32 sum, guint value)
{
    static const guint32 generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    guint32 top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (guint i = 0; i < G_N_ELEMENTS(generator); i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

/* The prefix counts in lower case: each letter's high bits, a zero, each letter's low bits. */
static guint32
sum_prefix(const char *prefix)
{
    guint32 sum = 1;
    for (const char *c = prefix; *c != '\0'; c++)
        sum = sum_step(sum, (guint)g_ascii_tolower(*c) >> 5);
    sum = sum_step(sum, 0);
    for (const char *c = prefix; *c != '\0'; c++)
        sum = sum_step(sum, (guint)g_ascii_tolower(*c) & 31);
    return sum;
}

/* The i-th five bits. */
static guint
five_bits(const guint8 bytes[BECH32_BYTES], guint i)
{
    guint first = i * 5 / 8;
    guint pair = (guint)bytes[first] << 8;
    if (first + 1 < BECH32_BYTES)
        pair |= bytes[first + 1];
    return pair >> (11 - i * 5 % 8) & 31;
}

char *
bech32_encode(const char *prefix, const guint8 bytes[BECH32_BYTES])
{
    gboolean upper = g_ascii_isupper(prefix[0]);
    gsize length = strlen(prefix);
    char *text = g_malloc(length + 1 + BECH32_CHARACTERS + 1);
    guint32 sum = sum_prefix(prefix);
    for (guint i = 0; i < DATA; i++)
        sum = sum_step(sum, five_bits(bytes, i));
    for (guint i = 0; i < SUM; i++)
        sum = sum_step(sum, 0);
    sum ^= 1;
    memcpy(text, prefix, length);
    text[length++] = '1';
    for (guint i = 0; i < BECH32_CHARACTERS; i++) {
        guint value = i < DATA ? five_bits(bytes, i) : sum >> 5 * (BECH32_CHARACTERS - 1 - i) & 31;
        text[length++] = upper ? g_ascii_toupper(alphabet[value]) : alphabet[value];
    }
    text[length] = '\0';
    return text;
}

gboolean
bech32_decode(const char *text, const char *prefix, guint8 bytes[BECH32_BYTES])
{
    gsize length = strlen(prefix);
    gboolean upper = g_ascii_isupper(prefix[0]);
    if (strncmp(text, prefix, length) != 0 || text[length] != '1' ||
        strlen(text + length + 1) != BECH32_CHARACTERS)
        return FALSE;
    guint32 sum = sum_prefix(prefix);
    guint bits = 0;
    guint n_bits = 0;
    gsize size = 0;
    for (guint i = 0; i < BECH32_CHARACTERS; i++) {
        char c = text[length + 1 + i];
        const char *found = strchr(alphabet, g_ascii_tolower(c));
        if (found == NULL || (upper ? g_ascii_islower(c) : g_ascii_isupper(c)))
            return FALSE;
        guint value = (guint)(found - alphabet);
        sum = sum_step(sum, value);
        if (i >= DATA)
            continue;
        bits = (bits << 5 | value) & 0xfff;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[size++] = (guint8)(bits >> n_bits);
        }
    }
    return sum == 1 && (bits & ((1U << n_bits) - 1)) == 0; /* and the filling is zero */
}
