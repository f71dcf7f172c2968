/*
 * roles: each child reads what the configuration names (zone files, keys), as at a start, and says
 * what it refuses. In a process of its own: it frees nothing, and may end as it likes.
 */
#include "netsvc/check/check.h"

#include "lib/base/fail.h"
#include "netsvc/child/child.h"
#include "netsvc/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#define REFUSAL_MAX 4096 /* bytes of a message */

static void
try(const struct child_role *role, struct config *config, int out)
{
    g_autoptr(GError) error = NULL;
    if (!child_try(role, config, &error)) {
        gsize size = MIN(strlen(error->message), REFUSAL_MAX);
        _exit(write(out, error->message, size) == (ssize_t)size ? FAIL_USAGE : FAIL_FAILED);
    }
    _exit(0);
}

static char *
read_all(int fd)
{
    g_autofree char *text = g_malloc0(REFUSAL_MAX + 1);
    gsize size = 0;
    ssize_t got;
    while (size < REFUSAL_MAX &&
           ((got = read(fd, text + size, REFUSAL_MAX - size)) > 0 || (got < 0 && errno == EINTR)))
        size += got > 0 ? (gsize)got : 0;
    return g_steal_pointer(&text);
}

static void
check_role(struct check *check, const struct child_role *role)
{
    int pair[2], status = 0;
    if (pipe2(pair, O_CLOEXEC) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        try(role, (struct config *)check_config(check), pair[1]);
    close(pair[1]);
    AUTO_FD int in = pair[0];
    g_autofree char *refusal = read_all(in);
    if (pid > 0)
        waitpid(pid, &status, 0);
    g_autofree char *message = fail_message(refusal);
    if (*refusal != '\0')
        check_found(check, CHECK_WRONG, NULL, NULL, fail_hint(refusal), "%s", message);
    else if (pid < 0 || status != 0)
        check_found(check, CHECK_MACHINE, NULL, NULL,
                    "run `lifeboat-netsvc run` by hand to see more", "'%s' cannot begin",
                    role->name);
}

void
check_roles(struct check *check)
{
    const struct config *config = check_config(check);
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
        if (strcmp(roles[i]->name, "dns") == 0 ? config->dns.enabled : config->dhcp.enabled)
            check_role(check, roles[i]);
}
