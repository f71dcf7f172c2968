/*
 * service: one process or two, whatever they do; what was served before serves on.
 *
 * Its children are this program once more, which do what the user's name in their configuration
 * says: see `child`.
 */
#include "netsvc/parent/service.h"

#include "net_line.h"

#include <signal.h>
#include <sys/socket.h>

#define PATIENCE_SECONDS 30

/* ---- a child ---- */

static void
say(enum message_kind kind, const char *text)
{
    char packet[1024];
    const struct message head = {.kind = kind, .size = (guint32)strlen(text)};
    memcpy(packet, &head, sizeof head);
    memcpy(packet + sizeof head, text, head.size);
    if (send(CHILD_CHANNEL, packet, sizeof head + head.size, MSG_NOSIGNAL) < 0)
        _exit(0);
}

static void
hang(void)
{
    for (;;)
        pause();
}

/* A packet's text; ends with the parent's hanging up. */
static enum message_kind
hear(char text[1024], gboolean lingers)
{
    struct {
        struct message head;
        char text[1024];
    } packet;
    ssize_t size = recv(CHILD_CHANNEL, &packet, sizeof packet, 0);
    if (size <= 0 && lingers)
        hang();
    if (size <= 0)
        _exit(0);
    memcpy(text, packet.text, packet.head.size);
    text[packet.head.size] = '\0';
    return packet.head.kind;
}

/* What its configuration says: "user = WAY". */
static char *
find_way(void)
{
    char text[4096] = {0};
    g_assert_cmpint(pread(CHILD_CHANNEL + 1, text, sizeof text - 1, 0), >, 0);
    char *way = strstr(text, "user = ");
    g_assert_nonnull(way);
    return g_strndup(way + 7, strcspn(way + 7, "\n"));
}

static int
child(void)
{
    g_autofree char *way = find_way();
    char text[1024];
    struct task_state role = {.role = TASK_ROLES}, first = role;
    if (strcmp(way, "refuses") == 0)
        say(MESSAGE_REFUSED, "I will not");
    if (strcmp(way, "refuses") == 0 || strcmp(way, "dies-at-open") == 0)
        return 2;
    if (strcmp(way, "hangs-at-open") == 0)
        hang();
    say(MESSAGE_PREPARED, "");
    for (;;) {
        enum message_kind kind = hear(text, strcmp(way, "lingers") == 0);
        if (kind == MESSAGE_SERVE && strcmp(way, "refuses-late") == 0)
            say(MESSAGE_REFUSED, "I cannot");
        if (kind == MESSAGE_SERVE &&
            (strcmp(way, "refuses-late") == 0 || strcmp(way, "dies-at-begin") == 0))
            return 1;
        if (kind == MESSAGE_ROLE)
            memcpy(&role, text, sizeof role);
        if (kind == MESSAGE_SERVE) {
            first = role;
            say(MESSAGE_READY, "");
        }
        if (kind == MESSAGE_PING)
            say(MESSAGE_PING, "");
        if (kind == MESSAGE_QUESTION && strcmp(text, "die") == 0)
            abort();
        if (kind == MESSAGE_QUESTION && strcmp(text, "hang") == 0)
            hang();
        if (kind == MESSAGE_QUESTION && strcmp(text, "role") == 0)
            say(MESSAGE_ANSWER, first.role < TASK_ROLES ? task_role_name(first.role) : "none");
        else if (kind == MESSAGE_QUESTION && strcmp(text, "silence") != 0)
            say(MESSAGE_ANSWER, way);
    }
}

/* ---- the world around a service ---- */

struct around {
    struct scratch *scratch;
    struct event_base *events;
    struct service *service;
    struct sockets *sockets;
    struct task_state state;
    struct child_role role;
    GString *told;
    GPtrArray *lines; /* struct command_line */
};

static void
prepared(void *context, struct service *service)
{
    (void)service;
    g_string_append(((struct around *)context)->told, "prepared ");
}

static void
refused(void *context, struct service *service, const char *refusal, gboolean was_prepared)
{
    struct around *around = context;
    g_string_append_printf(around->told, "refused(%s%s) ", refusal != NULL ? refusal : "-",
                           was_prepared ? ", late" : "");
    service_abandon(service); /* as the parent does */
}

static void
serves(void *context, struct service *service)
{
    (void)service;
    g_string_append(((struct around *)context)->told, "serves ");
}

static void
take(void *context, struct service *service, enum message_kind kind, const void *data, gsize size)
{
    (void)service;
    if (kind == MESSAGE_ANSWER)
        g_string_append_printf(((struct around *)context)->told, "answer(%.*s) ", (int)size,
                               (const char *)data);
}

static void
lost(void *context, struct service *service)
{
    (void)service;
    g_string_append(((struct around *)context)->told, "lost ");
}

static const struct sockets *
sockets_now(void *context)
{
    return ((struct around *)context)->sockets;
}

static const struct task_state *
role_now(void *context)
{
    return &((struct around *)context)->state;
}

static struct around *
around_new(gboolean alone)
{
    struct around *around = g_new0(struct around, 1);
    const struct service_ears ears = {prepared, refused,     serves,   take,
                                      lost,     sockets_now, role_now, around};
    around->scratch = scratch_new();
    around->events = event_base_new();
    event_base_priority_init(around->events, 3);
    around->role = (struct child_role){.name = "test", .alone = alone};
    around->sockets = g_new0(struct sockets, 1);
    around->sockets->held = g_array_new(FALSE, TRUE, sizeof(struct sockets_held));
    around->sockets->absent = g_ptr_array_new();
    around->told = g_string_new(NULL);
    around->lines = g_ptr_array_new_with_free_func((GDestroyNotify)command_line_free);
    around->service = service_new(around->events, &around->role, &ears);
    return around;
}

static void
around_free(struct around *around)
{
    service_free(around->service);
    sockets_free(around->sockets);
    event_base_free(around->events);
    scratch_free(around->scratch);
    g_string_free(around->told, TRUE);
    g_ptr_array_unref(around->lines);
    g_free(around);
}
AUTO_DEFINE(around)

/* A configuration by which its children go that way. */
static struct generation *
generation_of(struct around *around, const char *way)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf("[net]\nuser = %s\n", way);
    struct command_line *line = net_line(around->scratch, text);
    g_ptr_array_add(around->lines, line);
    struct generation *generation = generation_read(line, &error);
    g_assert_no_error(error);
    return generation;
}

/* Goes on until that was told, and forgets what was told. */
static void
wait_for(struct around *around, const char *wanted)
{
    const gint64 until = g_get_monotonic_time() + PATIENCE_SECONDS * G_USEC_PER_SEC;
    const struct timeval turn = {.tv_usec = 20 * 1000};
    while (strcmp(around->told->str, wanted) != 0) {
        if (g_get_monotonic_time() > until || strlen(around->told->str) > 1000) {
            g_test_message("told '%s' instead of '%s'", around->told->str, wanted);
            g_assert_not_reached();
        }
        event_base_loopexit(around->events, &turn);
        event_base_dispatch(around->events);
    }
    g_string_truncate(around->told, 0);
}

static void
prepare(struct around *around, const char *way)
{
    g_autoptr(GError) error = NULL;
    AUTO(generation) *generation = generation_of(around, way);
    g_assert_true(service_prepare(around->service, generation, &error));
    g_assert_no_error(error);
}

static void
begin(struct around *around, const char *way)
{
    prepare(around, way);
    wait_for(around, "prepared ");
    service_switch(around->service);
    wait_for(around, "serves ");
}

static void
ask(struct around *around, const char *question)
{
    g_assert_true(service_send(around->service, MESSAGE_QUESTION, question, strlen(question)));
}

static void
stop(struct around *around)
{
    const gint64 until = g_get_monotonic_time() + PATIENCE_SECONDS * G_USEC_PER_SEC;
    service_stop(around->service);
    while (!service_has_ended(around->service)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        event_base_loop(around->events, EVLOOP_ONCE);
    }
}

/* ---- tests ---- */

static void
test_serves(void)
{
    AUTO(around) *around = around_new(FALSE);
    begin(around, "first");
    ask(around, "who");
    wait_for(around, "answer(first) ");
    stop(around);
    g_assert_cmpstr(around->told->str, ==, "lost ");
    g_assert_cmpuint(service_restarts(around->service), ==, 0);
}

/* Before it serves: from then on it may hear from others. */
static void
test_role(void)
{
    AUTO(around) *around = around_new(TRUE);
    begin(around, "one");
    around->state.role = TASK_ACTIVE;
    prepare(around, "two");
    wait_for(around, "prepared ");
    service_switch(around->service);
    wait_for(around, "lost serves ");
    ask(around, "role");
    wait_for(around, "answer(active) ");
}

static void
test_dies(void)
{
    AUTO(around) *around = around_new(FALSE);
    begin(around, "first");
    for (guint i = 1; i <= 3; i++) {
        ask(around, "die");
        wait_for(around, "lost serves ");
        g_assert_cmpuint(service_restarts(around->service), ==, i);
    }
    ask(around, "who");
    wait_for(around, "answer(first) ");
}

static void
test_reload(void)
{
    AUTO(around) *around = around_new(FALSE);
    begin(around, "first");
    prepare(around, "second");
    wait_for(around, "prepared ");
    ask(around, "who"); /* the first one serves until the second does */
    wait_for(around, "answer(first) ");
    ask(around, "silence"); /* its answer will not come */
    service_switch(around->service);
    wait_for(around, "lost serves ");
    ask(around, "who");
    wait_for(around, "answer(second) ");
    g_assert_cmpuint(service_restarts(around->service), ==, 0);
}

/* What a configuration that cannot be served does to what serves: nothing. */
static void
test_refused(void)
{
    static const char *const ways[][2] = {
        {"refuses", "refused(I will not) "},
        {"dies-at-open", "refused(-) "},
    };
    AUTO(around) *around = around_new(FALSE);
    begin(around, "first");
    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        const struct process *before = service_process(around->service);
        prepare(around, ways[i][0]);
        wait_for(around, ways[i][1]);
        g_assert_true(service_process(around->service) == before);
        ask(around, "who");
        wait_for(around, "answer(first) ");
    }
}

static void
test_refused_late(void)
{
    static const char *const ways[][2] = {
        {"refuses-late", "refused(I cannot, late) "},
        {"dies-at-begin", "refused(-, late) "},
    };
    AUTO(around) *around = around_new(FALSE);
    begin(around, "first");
    for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
        prepare(around, ways[i][0]);
        wait_for(around, "prepared ");
        service_switch(around->service);
        wait_for(around, ways[i][1]);
        ask(around, "who");
        wait_for(around, "answer(first) ");
    }
}

/* Two cannot run at once: it has made room already when the next one fails, and comes back. */
static void
test_alone(void)
{
    AUTO(around) *around = around_new(TRUE);
    begin(around, "first");
    prepare(around, "second");
    wait_for(around, "prepared ");
    service_switch(around->service);
    wait_for(around, "lost serves ");
    prepare(around, "refuses-late");
    wait_for(around, "prepared ");
    service_switch(around->service);
    wait_for(around, "lost refused(I cannot, late) serves ");
    ask(around, "who");
    wait_for(around, "answer(second) ");
}

static void
test_dies_meanwhile(void)
{
    AUTO(around) *around = around_new(FALSE);
    begin(around, "first");
    prepare(around, "hangs-at-open");
    ask(around, "die");
    wait_for(around, "lost "); /* the next one may be about to take over */
    service_abandon(around->service);
    wait_for(around, "serves ");
    ask(around, "who");
    wait_for(around, "answer(first) ");
}

/* One that has taken over already, of a change that failed elsewhere. */
static void
test_return(void)
{
    AUTO(around) *around = around_new(FALSE);
    AUTO(generation) *first = generation_of(around, "first");
    g_assert_true(service_prepare(around->service, first, NULL));
    wait_for(around, "prepared ");
    service_switch(around->service);
    wait_for(around, "serves ");
    prepare(around, "second");
    wait_for(around, "prepared ");
    service_switch(around->service);
    wait_for(around, "lost serves ");
    service_return(around->service, first);
    wait_for(around, "lost serves ");
    ask(around, "who");
    wait_for(around, "answer(first) ");
    service_return(around->service, first); /* it is so */
    g_assert_true(service_process(around->service) != NULL &&
                  !service_is_prepared(around->service));
}

static void
test_hangs(void)
{
    AUTO(around) *around = around_new(FALSE);
    process_times.ping = 50;
    begin(around, "first");
    ask(around, "hang");
    wait_for(around, "lost serves ");
    ask(around, "who");
    wait_for(around, "answer(first) ");
    process_times.begin = 200;
    prepare(around, "hangs-at-open");
    wait_for(around, "refused(-) ");
    ask(around, "who");
    wait_for(around, "answer(first) ");
}

static void
test_lingers(void)
{
    AUTO(around) *around = around_new(FALSE);
    process_times.end = 100;
    begin(around, "lingers");
    stop(around);
    g_assert_null(service_process(around->service));
}

/* Who cannot begin at all is tried again and again, ever less often. */
static void
test_cannot_begin(void)
{
    AUTO(around) *around = around_new(FALSE);
    AUTO(generation) *never = generation_of(around, "dies-at-begin");
    const gint64 began = g_get_monotonic_time();
    service_return(around->service, never);
    wait_for(around, "refused(-, late) refused(-, late) refused(-, late) refused(-, late) ");
    /* 0, 50, 100, 200 ms */
    g_assert_cmpint(g_get_monotonic_time() - began, >=, 350 * 1000);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/service/one serves, and ends when told", test_serves);
    g_test_add_func("/service/one that begins was told the role as it is then", test_role);
    g_test_add_func("/service/one that dies is started again", test_dies);
    g_test_add_func(
        "/service/the next one takes over, and questions to the one before are given up",
        test_reload);
    g_test_add_func("/service/one that refuses changes nothing", test_refused);
    g_test_add_func("/service/nor one that cannot begin", test_refused_late);
    g_test_add_func("/service/one that had made room comes back", test_alone);
    g_test_add_func("/service/one that died while the next was prepared comes back",
                    test_dies_meanwhile);
    g_test_add_func("/service/it returns to what it served", test_return);
    g_test_add_func("/service/one that cannot begin is tried less and less often",
                    test_cannot_begin);
    g_test_add_func("/service/one that hangs is killed", test_hangs);
    g_test_add_func("/service/one that does not end is killed", test_lingers);
    return g_test_run();
}
