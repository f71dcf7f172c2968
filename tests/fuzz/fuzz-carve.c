/*
 * fuzz-carve: a page of a damaged lease database. What is carved out of it is a lease that could be
 * stored. The first byte says whether it is the file's first page; what is missing is zeros.
 */
#include "netsvc/dhcp/lease/carve.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
must_make_sense(void *context, const struct lease *lease)
{
    (void)context;
    g_assert_true(lease->state > LEASE_OFFERED && lease->state < LEASE_STATES);
    g_assert_cmpuint(lease->key_size, >, 0);
    g_assert_cmpuint(lease->mac_size, <=, sizeof lease->mac);
    g_assert_cmpuint(strnlen(lease->name, sizeof lease->name), <, sizeof lease->name);
    g_assert_true(database_is_time(lease->until) && database_is_time(lease->since));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    g_autofree guint8 *page = g_malloc0(CARVE_PAGE);
    memcpy(page, data + 1, MIN(size - 1, (gsize)CARVE_PAGE));
    carve_page(page, data[0] & 1, must_make_sense, NULL);
    return 0;
}
