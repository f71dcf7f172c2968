/*
 * roles: each child reads what the configuration names (zone files, keys), as at a start, and says
 * what it refuses. In a process of its own: it frees nothing, and may end as it likes.
 */
#include "netsvc/check/check.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "netsvc/child/child.h"
#include "netsvc/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

#define REFUSAL_MAX 4096 /* bytes of a message */

/* Keys are made where there are none: not now. */
static void
leave_unsigned(struct config *config)
{
    for (guint i = 0; i < config->dns.zones->len; i++) {
        struct config_zone *zone = config->dns.zones->pdata[i];
        g_autoptr(GDir) keys = zone->sign ? g_dir_open(zone->keys, 0, NULL) : NULL;
        zone->sign = keys != NULL && g_dir_read_name(keys) != NULL;
    }
}

/* In the process that ends after it. `scratch`: a state folder that nobody will miss. */
static void
try(const struct child_role *role, struct config *config, const char *scratch, int out)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(scratch, role->name, NULL);
    config->state = g_strdup(scratch);
    leave_unsigned(config);
    log_limit(LOG_LEVEL_ERROR);
    if (g_mkdir(folder, 0700) != 0 || !child_try(role, config, &error)) {
        const char *message = error != NULL ? error->message : "";
        gsize size = MIN(strlen(message), REFUSAL_MAX);
        _exit(write(out, message, size) == (ssize_t)size && size > 0 ? FAIL_USAGE : FAIL_FAILED);
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

/* What it refuses, "" nothing; FALSE: it could not say. */
static gboolean
hear(const struct check *check, const struct child_role *role, const char *scratch, char **refusal)
{
    int pair[2], status = 0;
    if (pipe2(pair, O_CLOEXEC) != 0)
        return FALSE;
    pid_t pid = fork();
    if (pid == 0)
        try(role, (struct config *)check_config(check), scratch, pair[1]);
    close(pair[1]);
    AUTO_FD int in = pair[0];
    *refusal = read_all(in);
    return pid > 0 && waitpid(pid, &status, 0) == pid && (status == 0) == (**refusal == '\0');
}

static void
check_role(struct check *check, const struct child_role *role)
{
    g_autofree char *refusal = NULL, *scratch = g_dir_make_tmp("lifeboat-check-XXXXXX", NULL);
    gboolean heard = scratch != NULL && hear(check, role, scratch, &refusal);
    if (scratch != NULL)
        file_remove_tree(AT_FDCWD, scratch, NULL);
    g_autofree char *message = heard ? fail_message(refusal) : NULL;
    if (!heard)
        check_found(check, CHECK_MACHINE, NULL, NULL,
                    "run `lifeboat-netsvc run` by hand to see more", "'%s' cannot begin",
                    role->name);
    else if (*refusal != '\0')
        check_found(check, CHECK_WRONG, NULL, NULL, fail_hint(refusal), "%s", message);
}

void
check_roles(struct check *check)
{
    const struct config *config = check_config(check);
    /* it tells one mistake, and not in which line: those that are known come first */
    for (gsize i = 0; i < G_N_ELEMENTS(roles) && !check_is_wrong(check); i++)
        if (roles[i]->wanted(config))
            check_role(check, roles[i]);
}
