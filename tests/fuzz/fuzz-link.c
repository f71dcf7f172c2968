/*
 * fuzz-link: what comes over a connection between the nodes (wire/wire.h), and a code as it is
 * typed. What is read and written again is the same bytes, and nothing that is read is more than
 * its type allows.
 */
#include "netsvc/failover/link/pair/code.h"
#include "netsvc/failover/link/wire/wire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
check_head(const uint8_t *data, size_t size)
{
    guint8 kind, again[WIRE_HEAD];
    gsize frame;
    if (size < WIRE_HEAD || !wire_read_head(data, WIRE_MAX, &kind, &frame))
        return;
    g_assert(kind < WIRE_KINDS && frame <= WIRE_MAX);
    wire_write_head(again, kind, frame);
    g_assert(memcmp(again, data, sizeof again) == 0);
}

static void
check_hello(const uint8_t *data, size_t size)
{
    struct wire_hello hello;
    guint8 again[WIRE_HELLO_SIZE];
    if (!wire_read_hello(data, size, &hello))
        return;
    g_assert(hello.purpose < WIRE_PURPOSES && identity_is_id(hello.id));
    g_assert(memchr(hello.name, 0, sizeof hello.name) != NULL && hello.name[0] != '\0');
    wire_write_hello(&hello, again);
    g_assert(size == sizeof again && memcmp(again, data, size) == 0);
}

static void
check_beat(const uint8_t *data, size_t size)
{
    guint32 milliseconds;
    guint8 again[WIRE_BEAT_SIZE];
    if (!wire_read_beat(data, size, &milliseconds))
        return;
    wire_write_beat(milliseconds, again);
    g_assert(size == sizeof again && memcmp(again, data, size) == 0);
}

static void
check_welcome(const uint8_t *data, size_t size)
{
    struct wire_welcome welcome;
    guint8 again[WIRE_WELCOME_SIZE];
    if (!wire_read_welcome(data, size, &welcome))
        return;
    g_assert(welcome.parity <= 1 && identity_is_id(welcome.cluster));
    wire_write_welcome(&welcome, again);
    g_assert(size == sizeof again && memcmp(again, data, size - WIRE_PATHS) == 0);
}

static void
check_code(const uint8_t *data, size_t size)
{
    char code[CODE_SIZE], shown[CODE_TEXT_SIZE], again[CODE_SIZE];
    g_autofree char *typed = g_strndup((const char *)data, size);
    if (!code_read(typed, code))
        return;
    g_assert(strlen(code) == CODE_LENGTH);
    code_text(code, shown);
    g_assert(code_read(shown, again) && strcmp(code, again) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_head(data, size);
    check_hello(data, size);
    check_beat(data, size);
    check_welcome(data, size);
    check_code(data, size);
    return 0;
}
