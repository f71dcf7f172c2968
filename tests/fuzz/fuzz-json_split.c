/* json_split: a stream fed in pieces gives the same as fed whole, and never more than it may. */
#include "lib/json/json.h"
#include "tests/fuzz/fuzz.h"

#define CAP 200 /* bytes of an element */

/* Pieces are of 1 to 8 bytes, chosen by `seed`; 0: the whole. */
static GString *
events_of(struct slice text, guint how, guint32 seed)
{
    static const char *const outer[] = {NULL, "results", "results", "r"};
    static const char *const inner[] = {NULL, NULL, "docs", "d"};
    AUTO(json_split) *split = json_split_new(outer[how], inner[how], CAP);
    GString *log = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    enum json_event event = JSON_MORE;
    for (gsize at = 0; at < text.size && event == JSON_MORE;) {
        gsize size = seed == 0 ? text.size : 1 + (seed >> 16) % 8;
        size = MIN(size, text.size - at);
        seed = seed == 0 ? 0 : seed * 1103515245 + 12345;
        g_autofree char *exact = g_memdup2(text.data + at, size);
        struct slice input = {exact, size}, element;
        while ((event = json_split_feed(split, &input, &element, &error)) == JSON_ELEMENT ||
               event == JSON_BREAK) {
            g_assert_true(json_check(element, NULL));
            g_assert_cmpuint(element.size, <=, CAP + 1);
            g_string_append_c(log, event == JSON_BREAK ? 'B' : 'E');
            g_string_append_len(log, element.data, (gssize)element.size);
        }
        at += size;
    }
    g_assert_true((event == JSON_FAILED) == (error != NULL));
    g_string_append_printf(log, "(%d)", (int)event);
    if (event == JSON_END && how != 0) {
        struct slice rest = json_split_rest(split);
        g_assert_true(json_check(rest, NULL));
        g_string_append_len(log, rest.data, (gssize)rest.size);
    }
    return log;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct slice text = {(const char *)data + 2, size - 2};
    g_autoptr(GString) whole = events_of(text, data[0] % 4, 0);
    g_autoptr(GString) pieces = events_of(text, data[0] % 4, (data[1] + 1u) << 16);
    g_assert_true(g_string_equal(whole, pieces));
    return 0;
}
