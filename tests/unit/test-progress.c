/* progress: a line for people, lines for programs, and neither more often than promised. */
#include "lib/base/progress.h"

#include "lib/base/log.h"

#include <stdlib.h>
#include <string.h>

struct screen {
    gint64 now; /* microseconds */
    char *json, *terminal;
    gsize json_size, terminal_size;
    FILE *json_stream, *terminal_stream;
    struct progress *progress;
};

static gint64
screen_clock(void *context)
{
    return ((struct screen *)context)->now;
}

static void
screen_make(struct screen *screen, gconstpointer data)
{
    (void)data;
    *screen = (struct screen){.now = 1000};
    screen->json_stream = open_memstream(&screen->json, &screen->json_size);
    screen->terminal_stream = open_memstream(&screen->terminal, &screen->terminal_size);
    screen->progress = progress_new_to(&(struct progress_output){
        .json = screen->json_stream,
        .terminal = screen->terminal_stream,
        .columns = 80,
        .clock = screen_clock,
        .context = screen,
    });
}

static void
screen_remove(struct screen *screen, gconstpointer data)
{
    (void)data;
    progress_free(screen->progress);
    fclose(screen->json_stream);
    fclose(screen->terminal_stream);
    free(screen->json);
    free(screen->terminal);
}

static guint
count(const char *text, const char *what)
{
    guint n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* The terminal's line as it stands now. */
static const char *
last_line(const struct screen *screen)
{
    const char *line = strrchr(screen->terminal, '\r');
    return line != NULL ? line + 1 : screen->terminal;
}

static void
the_line_tells_share_speed_and_time_left(struct screen *screen, gconstpointer data)
{
    (void)data;
    progress_begin(screen->progress, "reading", "medic", 40000);
    g_assert_cmpstr(last_line(screen), ==, "reading 'medic': 0 of 40000 documents, 0 %\033[K");
    screen->now += 10 * G_USEC_PER_SEC;
    progress_add(screen->progress, 10000, 25000000);
    g_assert_cmpstr(last_line(screen), ==,
                    "reading 'medic': 10000 of 40000 documents, 25 %, 2.5 MB/s, 0:30 left\033[K");
    screen->now += (gint64)7190 * G_USEC_PER_SEC;
    progress_add(screen->progress, 10000, 0);
    g_assert_nonnull(strstr(last_line(screen), ", 2:00:00 left\033[K"));
    screen->now += G_USEC_PER_SEC;
    progress_add(screen->progress, 30000, 0); /* more than was announced */
    g_assert_nonnull(
        strstr(last_line(screen), ": 50000 of 40000 documents, 100 %, 0.0 MB/s\033[K"));
}

static void
without_a_total_nothing_is_guessed(struct screen *screen, gconstpointer data)
{
    (void)data;
    progress_begin(screen->progress, "checking", NULL, 0);
    screen->now += G_USEC_PER_SEC;
    progress_add(screen->progress, 7, 1000000);
    g_assert_cmpstr(last_line(screen), ==, "checking: 7 documents, 1.0 MB/s\033[K");
    progress_total(screen->progress, 14);
    screen->now += G_USEC_PER_SEC;
    progress_add(screen->progress, 0, 1000000);
    g_assert_cmpstr(last_line(screen), ==,
                    "checking: 7 of 14 documents, 50 %, 1.0 MB/s, 0:02 left\033[K");
}

static void
it_is_redrawn_five_times_a_second_and_written_once(struct screen *screen, gconstpointer data)
{
    (void)data;
    progress_begin(screen->progress, "reading", "medic", 0);
    for (int millisecond = 0; millisecond < 10000; millisecond++) {
        screen->now += 1000;
        progress_add(screen->progress, 1, 10);
        if (millisecond % 1000 == 0)
            progress_begin(screen->progress, "reading", "another",
                           0); /* many databases are no excuse */
    }
    g_assert_cmpuint(count(screen->terminal, "documents"), ==, 51);
    g_assert_cmpuint(count(screen->json, "\n"), ==, 11);
}

static void
programs_get_one_object_a_line(struct screen *screen, gconstpointer data)
{
    (void)data;
    progress_begin(screen->progress, "reading", "a\"b\n", 40000);
    screen->now += 5400000;
    GString *building = progress_event_begin(screen->progress, "summary");
    progress_add(screen->progress, 12345, 98765432); /* does not disturb it */
    json_text_member_boolean(building, "complete", TRUE);
    progress_event_end(screen->progress);
    progress_event(screen->progress, "missing", "database", "medic", "id", "x", NULL);
    g_assert_cmpstr(
        screen->json, ==,
        "{\"event\":\"progress\",\"doing\":\"reading\",\"database\":\"a\\\"b\\n\",\"documents\":0,"
        "\"total\":40000,\"bytes\":0,\"seconds\":0.000}\n"
        "{\"event\":\"progress\",\"doing\":\"reading\",\"database\":\"a\\\"b\\n\",\"documents\":"
        "12345,"
        "\"total\":40000,\"bytes\":98765432,\"seconds\":5.400}\n"
        "{\"event\":\"summary\",\"complete\":true}\n"
        "{\"event\":\"missing\",\"database\":\"medic\",\"id\":\"x\"}\n");
}

static void
the_line_never_wraps_and_cannot_steer_the_terminal(struct screen *screen, gconstpointer data)
{
    (void)data;
    g_autoptr(GString) name = g_string_new("\x1b[2J\xff");
    for (int i = 0; i < 50; i++)
        g_string_append(name, "日"); /* two columns each */
    progress_begin(screen->progress, "reading", name->str, 10);
    const char *line = last_line(screen);
    g_assert_true(g_utf8_validate(line, -1, NULL));
    g_assert_true(g_str_has_prefix(line, "reading '\\x1b[2J\\xff日"));
    /* 79 columns: 20 before, 29 wide ones; the 30th would be the 80th column's */
    g_assert_cmpuint(count(line, "日"), ==, 29);
    g_assert_cmpuint(count(line, "\033"), ==, 1);
}

static void
other_output_finds_the_line_cleared(struct screen *screen, gconstpointer data)
{
    (void)data;
    progress_begin(screen->progress, "reading", "medic", 0);
    g_assert_false(g_str_has_suffix(screen->terminal, "\r\033[K"));
    progress_clear(screen->progress);
    g_assert_true(g_str_has_suffix(screen->terminal, "\r\033[K"));
    gsize cleared = screen->terminal_size;
    progress_clear(screen->progress); /* once is enough */
    g_assert_cmpuint(screen->terminal_size, ==, cleared);

    screen->now += G_USEC_PER_SEC;
    progress_add(screen->progress, 1, 1);
    log_limit(LOG_LEVEL_ERROR);
    log_warning("dropped");
    g_assert_false(g_str_has_suffix(screen->terminal, "\r\033[K"));
    log_error("shown by test-progress");
    g_assert_true(g_str_has_suffix(screen->terminal, "\r\033[K"));
}

static void
nobody_needs_to_watch(void)
{
    progress_begin(NULL, "reading", NULL, 0);
    progress_add(NULL, 1, 1);
    progress_event(NULL, "summary", "a", "b", NULL);
    progress_free(NULL);
    struct progress *blind = progress_new_to(&(struct progress_output){.json = NULL});
    progress_begin(blind, "reading", NULL, 0);
    progress_add(blind, 1, 1);
    json_text_member_null(progress_event_begin(blind, "summary"), "x");
    progress_event_end(blind);
    progress_free(blind);
}

#define ADD(path, function)                                                                        \
    g_test_add(path, struct screen, NULL, screen_make, function, screen_remove)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/progress/the-line-tells-share-speed-and-time-left",
        the_line_tells_share_speed_and_time_left);
    ADD("/progress/without-a-total-nothing-is-guessed", without_a_total_nothing_is_guessed);
    ADD("/progress/it-is-redrawn-five-times-a-second-and-written-once",
        it_is_redrawn_five_times_a_second_and_written_once);
    ADD("/progress/programs-get-one-object-a-line", programs_get_one_object_a_line);
    ADD("/progress/the-line-never-wraps-and-cannot-steer-the-terminal",
        the_line_never_wraps_and_cannot_steer_the_terminal);
    ADD("/progress/other-output-finds-the-line-cleared", other_output_finds_the_line_cleared);
    g_test_add_func("/progress/nobody-needs-to-watch", nobody_needs_to_watch);
    return g_test_run();
}
