#include "lib/control/ask.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/local_address.h"
#include "lib/json/json.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

static void
add_start_hint(const char *program, GError **error)
{
    g_autofree char *hint = g_strdup_printf("is it running? `systemctl start %s`", program);
    fail_add_hint(error, hint);
}

static int
connect_to(const char *program, const char *path, guint seconds, GError **error)
{
    struct sockaddr_un address;
    const struct timeval limit = {.tv_sec = seconds};
    if (!local_address(path, &address, error))
        return -1;
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd_steal(&fd);
    int cause = errno;
    fail_errno(error, cause, "%s does not answer at '%s'", program, path);
    if (cause == ENOENT || cause == ECONNREFUSED)
        add_start_hint(program, error);
    else if (cause == EACCES)
        fail_add_hint(error, "ask as root, or as a member of the group that the socket belongs to");
    return -1;
}

static GString *
read_line(int fd, const char *program, const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char block[4096];
    for (;;) {
        ssize_t got = recv(fd, block, sizeof block, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fail_errno(error, errno, "cannot read the answer of %s at '%s'", program, path);
            return NULL;
        }
        if (got == 0)
            return g_steal_pointer(&text);
        g_string_append_len(text, block, got);
        if (text->len > ASK_ANSWER_MAX) {
            fail_set(error, FAIL_FAILED, "the answer at '%s' is longer than %d bytes", path,
                     ASK_ANSWER_MAX);
            return NULL;
        }
    }
}

int
ask_begin(const char *program, const char *socket_path, const char *request, guint seconds,
          GError **error)
{
    g_autofree char *line = g_strconcat(request, "\n", NULL);
    AUTO_FD int fd = connect_to(program, socket_path, seconds, error);
    if (fd < 0 || !file_write(fd, line, strlen(line), socket_path, error))
        return -1;
    return fd_steal(&fd);
}

GString *
ask_end(int fd, const char *program, const char *socket_path, GError **error)
{
    g_autofree char *refusal = NULL;
    g_autoptr(GString) answer = read_line(fd, program, socket_path, error);
    if (answer == NULL || !json_check((struct slice){answer->str, answer->len}, error)) {
        g_prefix_error(error, "%s at '%s': ", program, socket_path);
        return NULL;
    }
    if (json_member_text((struct slice){answer->str, answer->len}, "error", &refusal)) {
        fail_set(error, FAIL_FAILED, "%s: %s", program, refusal);
        return NULL;
    }
    return g_steal_pointer(&answer);
}

GString *
ask_daemon(const char *program, const char *socket_path, const char *request, guint seconds,
           GError **error)
{
    AUTO_FD int fd = ask_begin(program, socket_path, request, seconds, error);
    return fd >= 0 ? ask_end(fd, program, socket_path, error) : NULL;
}

GString *
ask_status(const char *socket_path, GError **error)
{
    return ask_daemon(ASK_REPLICATOR, socket_path, "{\"ask\":\"status\"}", ASK_SECONDS, error);
}

gboolean
ask_is_absent(const GError *error)
{
    return fail_came_of(error, ENOENT) || fail_came_of(error, ECONNREFUSED);
}
