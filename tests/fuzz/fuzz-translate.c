/*
 * fuzz-translate: a client's checkpoint, whatever it left there. What comes out is JSON again, of
 * the same kind, and a pull names no sequence but the one that it was given.
 */
#include "lib/json/json.h"
#include "replicator/switch/clients/translate.h"
#include "tests/fuzz/fuzz.h"

#define SEQUENCE "\"9-b\""

static void
check_pull(struct slice out)
{
    struct slice history, entry, last;
    gsize place = 0;
    gboolean one =
        json_member(out, "history", &history) && json_next_element(history, &place, &entry);
    g_assert(one && json_member(entry, "last_seq", &last) && slice_is(last, SEQUENCE));
    one = json_next_element(history, &place, &entry);
    g_assert(!one);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice json = {(const char *)data, size}, sequence;
    if (!json_check(json, NULL))
        return 0;
    enum translate_kind kind = translate_kind_of(json, &sequence);
    g_assert(kind == TRANSLATE_OTHER || translate_is_checkpoint(json));
    if (kind == TRANSLATE_OTHER)
        return 0;
    g_autoptr(GString) out = g_string_new(NULL);
    translate_append(out, json, SEQUENCE, "\"0-1\"");
    struct slice text = {out->str, out->len};
    gboolean good = json_check(text, NULL);
    g_assert(good && translate_kind_of(text, &sequence) == kind);
    if (kind == TRANSLATE_PULL) {
        g_assert(slice_is(sequence, SEQUENCE));
        check_pull(text);
    }
    return 0;
}
