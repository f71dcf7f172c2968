/* reset: the segment that has a client say what it expects. */
#include "netsvc/address/kernel/reset.h"

#include "netsvc/bytes.h"

#include <netinet/tcp.h>

/* RFC 1071: with the sum itself in it, all is ones. */
static guint
sum_of(const guint8 *data, gsize size, guint32 sum)
{
    for (gsize i = 0; i < size; i += 2)
        sum += bytes_get16(data + i);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void
test_segment(void)
{
    guint8 segment[RESET_SEGMENT];
    for (guint32 number = 0; number < 0xffff0000; number += 0x01234567) {
        reset_write(segment, 0x0a42000a, 443, 0x0a420107, 50000, number);
        g_assert_cmphex(sum_of(segment, 20, 0), ==, 0xffff);
        g_assert_cmphex(sum_of(segment + 20, 20, sum_of(segment + 12, 8, 6 + 20)), ==, 0xffff);
    }
    g_assert_cmphex(bytes_get32(segment + 12), ==, 0x0a42000a);
    g_assert_cmphex(bytes_get32(segment + 16), ==, 0x0a420107);
    g_assert_cmpuint(bytes_get16(segment + 20), ==, 443);
    g_assert_cmpuint(bytes_get16(segment + 22), ==, 50000);
    g_assert_cmphex(segment[33], ==, TH_ACK); /* a reset with a wrong number would be passed over */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reset/a segment is sound", test_segment);
    return g_test_run();
}
