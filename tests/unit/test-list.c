/* list: the drives as a table, aligned, with what a person has to know. */
#include "replicator/drive/list.h"

#include "lib/json/json.h"

#include <stdlib.h>

static void
assert_table(const char *answer, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(json_check(slice_of(answer), &error));
    g_autofree char *table = list_drives(slice_of(answer));
    g_assert_cmpstr(table, ==, wanted);
}

static void
test_states(void)
{
    assert_table("{\"drives\":["
                 "{\"id\":\"11111111\",\"label\":\"m\\u00f6nday\",\"attached\":true,\"doing\":null,"
                 "\"safe\":true},"
                 "{\"id\":\"22222222\",\"label\":\"tue\",\"attached\":true,\"doing\":\"snapshot\","
                 "\"safe\":false,"
                 "\"progress\":{\"documents\":250,\"total\":1000}},"
                 "{\"id\":\"33333333\",\"label\":\"wed\",\"attached\":true,\"doing\":\"snapshot\"},"
                 "{\"id\":\"44444444\",\"label\":\"thu\",\"attached\":true,\"doing\":\"mounting\"},"
                 "{\"id\":\"55555555\",\"label\":\"fri\",\"attached\":true,\"overdue\":true},"
                 "{\"id\":\"66666666\",\"label\":\"s\\u001b[2Jt\",\"attached\":false,\"exit\":1,"
                 "\"message\":\"no\\nroom\"}"
                 "],\"unknown\":[]}",
                 "ID        LABEL      STATE                    LAST GOOD BACKUP\n"
                 "11111111  m\xc3\xb6nday     safe to remove           never\n"
                 "22222222  tue        taking a snapshot, 25 %  never\n"
                 "33333333  wed        taking a snapshot        never\n"
                 "44444444  thu        mounting                 never\n"
                 "55555555  fri        attached                 never  OVERDUE\n"
                 "66666666  s\\x1b[2Jt  away                     never\n"
                 "          FAILED: no\\nroom\n");
}

static void
test_times(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autoptr(GDateTime) then = g_date_time_add_days(now, -25);
    g_autofree char *time = g_date_time_format(then, "%Y-%m-%dT%H:%M:%SZ");
    g_autofree char *shown = g_date_time_format(then, "%Y-%m-%d %H:%M");
    g_autofree char *answer = g_strdup_printf(
        "{\"drives\":[{\"id\":\"1\",\"label\":\"a\",\"last_good\":\"%s\",\"overdue\":true}]}",
        time);
    g_autofree char *wanted = g_strdup_printf("ID  LABEL  STATE  LAST GOOD BACKUP\n"
                                              "1   a      away   %s, 25 days ago  OVERDUE\n",
                                              shown);
    assert_table(answer, wanted);
}

static void
test_unknown(void)
{
    assert_table(
        "{\"drives\":[],\"unknown\":["
        "{\"device\":\"/dev/sdc1\",\"label\":\"PHOTOS\",\"type\":\"exfat\",\"size\":32000000000,"
        "\"model\":\"SanDisk Ultra\"},"
        "{\"device\":\"/dev/sdd\",\"label\":null,\"type\":null,\"size\":null,\"model\":null}]}",
        "no drives yet: plug one in and add it with `lifeboat drive add`\n\n"
        "attached, and no drives of this site:\n"
        "  /dev/sdc1  exfat 'PHOTOS', 32.0\u00a0GB, SanDisk Ultra\n"
        "             lifeboat drive add /dev/sdc1\n"
        "  /dev/sdd  unknown\n"
        "            lifeboat drive add /dev/sdd\n");
    assert_table("{}", "no drives yet: plug one in and add it with `lifeboat drive add`\n");
}

int
main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/list/each state has its words", test_states);
    g_test_add_func("/list/the last good backup is told, and that it is overdue", test_times);
    g_test_add_func("/list/what is no drive comes with the line to type", test_unknown);
    return g_test_run();
}
