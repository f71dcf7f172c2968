#include "netsvc/failover/link/pair/code.h"

#include "lib/base/chance.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
code_random(char code[CODE_SIZE])
{
    guint8 bytes[CODE_LENGTH];
    chance_bytes(bytes, sizeof bytes);
    for (gsize i = 0; i < CODE_LENGTH; i++)
        code[i] = alphabet[bytes[i] % 32];
    code[CODE_LENGTH] = '\0';
}

void
code_text(const char code[CODE_SIZE], char text[CODE_TEXT_SIZE])
{
    gsize at = 0;
    for (gsize i = 0; i < CODE_LENGTH; i++) {
        if (i > 0 && i % 4 == 0)
            text[at++] = '-';
        text[at++] = code[i];
    }
    text[at] = '\0';
}

static char
meant(char typed)
{
    char c = g_ascii_toupper(typed);
    return c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
}

gboolean
code_read(const char *typed, char code[CODE_SIZE])
{
    gsize size = 0;
    for (; *typed != '\0'; typed++) {
        if (*typed == '-' || *typed == ' ')
            continue;
        const char c = meant(*typed);
        if (size == CODE_LENGTH || strchr(alphabet, c) == NULL)
            return FALSE;
        code[size++] = c;
    }
    code[size] = '\0';
    return size == CODE_LENGTH;
}

static void
add_party(GByteArray *text, const struct code_party *party)
{
    g_byte_array_append(text, (const guint8 *)party->id, IDENTITY_ID_SIZE);
    g_byte_array_append(text, party->pin, IDENTITY_PIN_SIZE);
}

gboolean
code_prove(const char code[CODE_SIZE], struct session *session, const struct code_party *joiner,
           const struct code_party *shower, const struct wire_welcome *welcome,
           guint8 proof[WIRE_PROOF_SIZE])
{
    static const char joins[] = "lifeboat pairing 1: joins", shows[] = "lifeboat pairing 1: shows";
    guint8 exported[TLS_EXPORT_SIZE], said[WIRE_WELCOME_SIZE];
    guint size = 0;
    g_autoptr(GByteArray) text = g_byte_array_new();
    if (!session_export(session, exported))
        return FALSE;
    g_byte_array_append(text, (const guint8 *)(welcome == NULL ? joins : shows), sizeof joins);
    g_byte_array_append(text, exported, sizeof exported);
    add_party(text, joiner);
    add_party(text, shower);
    if (welcome != NULL) {
        wire_write_welcome(welcome, said);
        g_byte_array_append(text, said + WIRE_PROOF_SIZE, sizeof said - WIRE_PROOF_SIZE);
    }
    return HMAC(EVP_sha256(), code, CODE_LENGTH, text->data, text->len, proof, &size) != NULL &&
           size == WIRE_PROOF_SIZE;
}

gboolean
code_is_same(const guint8 a[WIRE_PROOF_SIZE], const guint8 b[WIRE_PROOF_SIZE])
{
    return CRYPTO_memcmp(a, b, WIRE_PROOF_SIZE) == 0;
}
