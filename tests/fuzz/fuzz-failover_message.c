/*
 * fuzz-failover_message: what comes from whoever says that he is the other node. What is accepted
 * comes out of writing and reading as it was.
 */
#include "netsvc/failover/protocol/message.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a copy, so that reading beyond its end shows */
    g_autofree guint8 *copy = g_memdup2(data, size);
    struct protocol_message message, again;
    if (!protocol_message_read((struct slice){(const char *)copy, size}, &message, NULL))
        return 0;
    g_assert_cmpuint(size, <=, PROTOCOL_MESSAGE_MAX);
    g_assert_cmpuint(strlen(message.why), <, PROTOCOL_WHY_MAX);
    g_autoptr(GString) text = g_string_new(NULL);
    protocol_message_write(&message, text);
    g_assert_true(protocol_message_read((struct slice){text->str, text->len}, &again, NULL));
    g_assert_cmpmem(&message, sizeof message, &again, sizeof again);
    return 0;
}
