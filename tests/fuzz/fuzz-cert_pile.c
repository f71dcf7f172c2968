/*
 * fuzz-cert_pile: what a drive brings as certificates, split into files at the bytes FE FF, judged
 * as an import would; and what the other node sends as a state. The judge may say what it likes of
 * them, but takes none whose key is not there.
 */
#include "lib/base/fail.h"
#include "netsvc/cert/site/state.h"
#include "netsvc/cert/x509/judge.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define NOW G_GINT64_CONSTANT(1796000000)

static void
judge(const struct pile *pile)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    const struct judge how = {.name = "clinic.example", .keys = keys, .now = NOW, .present = NULL};
    struct judge_found found;
    const gboolean good = judge_pile(&how, pile, &found, &error);
    g_assert(good == (error == NULL));
    if (good) {
        g_assert(found.chain->len >= 2);
        g_assert(EVP_PKEY_eq(X509_get0_pubkey(found.chain->pdata[0]), found.key) == 1);
        judge_found_clear(&found);
    }
}

static void
parse_state(struct slice text)
{
    AUTO(state) *state = state_parse(text, NULL);
    if (state == NULL)
        return;
    GString *again = state_text(state);
    AUTO(state) *same = state_parse((struct slice){again->str, again->len}, NULL);
    g_assert(same != NULL);
    g_autofree char *one = state_digest(state), *two = state_digest(same);
    g_assert(strcmp(one, two) == 0);
    state_wipe(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(pile) *pile = pile_new();
    const char *at = (const char *)data, *end = at + size;
    if (size > 0 && *at == '{')
        parse_state((struct slice){at, size});
    while (at < end) {
        const char *next = memmem(at, (gsize)(end - at), "\xfe\xff", 2);
        const gsize length = (gsize)((next != NULL ? next : end) - at);
        pile_add(pile, (struct slice){at, length});
        at += length + 2;
        if (next == NULL)
            break;
    }
    g_assert(pile->certificates->len <= PILE_CERTIFICATES_MAX && pile->keys->len <= PILE_KEYS_MAX);
    judge(pile);
    return 0;
}
