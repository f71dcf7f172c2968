#include "replicator/daemon/command.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/tool.h"
#include "replicator/daemon/daemon.h"

/* ---- the commands that it runs ---- */

static GPtrArray *
begin_command(const char *program, const char *name)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(arguments, g_strdup(program));
    g_ptr_array_add(arguments, g_strdup(name));
    return arguments;
}

/* What was typed for them, and the folder that is ours for as long as we run; the rest they read in
 * the configuration that is in force. */
static const char *const *
end_command(GPtrArray *arguments, const struct command_line *line, const char *const *passed)
{
    g_autofree char *run_folder = g_path_get_dirname(options_string(line, "control"));
    g_ptr_array_add(arguments, g_strdup_printf("--config=%s", options_string(line, "config")));
    g_ptr_array_add(arguments, g_strdup_printf("--in-force=%s/" CONFIGURED_COPY, run_folder));
    for (gsize i = 0; passed[i] != NULL; i++)
        if (options_typed(line, passed[i]) || g_str_equal(passed[i], "state"))
            g_ptr_array_add(arguments,
                            g_strdup_printf("--%s=%s", passed[i], options_text(line, passed[i])));
    g_ptr_array_add(arguments, g_strdup("--json"));
    g_ptr_array_add(arguments, NULL);
    return (const char *const *)arguments->pdata;
}

/* What lifeboat-netsvc has to do with a drive; it is found by what is in force. */
static GPtrArray *
begin_certificates(const char *program, const char *run_folder)
{
    GPtrArray *arguments = begin_command(program, "cert");
    g_ptr_array_add(arguments, g_strdup("import"));
    g_ptr_array_add(arguments, g_strdup("--drive"));
    g_ptr_array_add(arguments, g_strdup_printf("--config=%s/" CONFIGURED_COPY, run_folder));
    g_ptr_array_add(arguments, NULL);
    return arguments;
}

/* ---- who it is ---- */

/* What root started becomes the user, to whom what he must write is handed over. */
static gboolean
choose_account(const struct command_line *line, struct account *account, gboolean *becomes,
               GError **error)
{
    const char *name = options_string(line, "user");
    *account = (struct account){geteuid(), getegid()};
    *becomes = FALSE;
    if (geteuid() != 0)
        return TRUE;
    *becomes = account_find(name, account);
    if (*becomes)
        return TRUE;
    if (options_given(line, "user"))
        return fail_set(error, FAIL_USAGE, "there is no user '%s'", name);
    log_warning("there is no user '%s': what handles data runs as root; `systemd-sysusers` makes "
                "that user",
                name);
    return TRUE;
}

static gboolean
become(const struct command_line *line, const struct account *account, GError **error)
{
    const char *control = options_string(line, "control");
    g_autofree char *run = g_path_get_dirname(control), *socket = g_path_get_basename(control);
    const char *const ours[] = {
        socket,   "status.json", "status.json.partial", CONFIGURED_COPY, CONFIGURED_PARTIAL,
        "drives", NULL};
    return account_own(account, "control", run, 0755, ours, error) &&
           account_own_state(account, options_string(line, "state"), error) &&
           account_become(account, options_list(line, "file")[0] != NULL, error);
}

/* ---- the command ---- */

static gboolean
run(const struct command_line *line, const struct account *account, gboolean becomes,
    struct daemon_options *options, GError **error)
{
    const struct mounter_options mounter_options = {
        .base = options->base,
        .hooks = options_string(line, "hooks"),
        .devices = options->devices,
        .account = *account,
    };
    AUTO(mounter) *mounter = mounter_start(&mounter_options, error);
    options->mounter = mounter;
    return mounter != NULL && (!becomes || become(line, account, error)) &&
           daemon_run(options, error);
}

int
daemon_command(const struct command_line *line, GError **error)
{
    static const char *const for_snapshot[] = {"source", "credentials", "keys", "state", NULL};
    static const char *const for_import[] = {"source", "credentials", "keys", NULL};
    static const char *const for_keys[] = {"keys", NULL};
    static const char *const for_follow[] = {"source",  "credentials",  "from", "from-credentials",
                                             "from-ca", "keep-dropped", "rate", "state",
                                             NULL};
    static const char *const for_step[] = {"source",  "credentials",  "from", "from-credentials",
                                           "from-ca", "keep-dropped", "rate", "state",
                                           NULL};
    static const char *const for_offsite[] = {"bucket", "store", "keys", "state", NULL};
    struct account account;
    gboolean becomes;
    AUTO(configured) *configured = configured_new(line, error);
    if (configured == NULL || !choose_account(line, &account, &becomes, error))
        return FAIL_USAGE;
    g_autofree char *own = g_file_read_link("/proc/self/exe", error);
    if (own == NULL)
        return FAIL_FAILED;
    g_autofree char *restore = tool_ours("lifeboat-restore"), *operator= tool_ours("lifeboat");
    g_autofree char *run_folder = g_path_get_dirname(options_string(line, "control"));
    g_autofree char *base = g_build_filename(run_folder, "drives", NULL);
    g_autoptr(GPtrArray) snapshot = begin_command(own, "snapshot");
    g_autoptr(GPtrArray) enrol = begin_command(own, "enrol");
    g_autoptr(GPtrArray) import = begin_command(restore, "import");
    g_autoptr(GPtrArray) drill = begin_command(restore, "drill");
    g_autoptr(GPtrArray) certificates = begin_certificates(operator, run_folder);
    g_autoptr(GPtrArray) follow = begin_command(own, "follow");
    g_autoptr(GPtrArray) keeping = begin_command(own, "follow");
    g_ptr_array_add(keeping, g_strdup("--keep-all"));
    g_autoptr(GPtrArray) step = begin_command(own, "switch");
    g_autoptr(GPtrArray) offsite = begin_command(own, "offsite");
    g_ptr_array_add(offsite, g_strdup("push"));
    struct daemon_options options = {
        .base = base,
        .snapshot = end_command(snapshot, line, for_snapshot),
        .enrol = end_command(enrol, line, for_keys),
        .import = end_command(import, line, for_import),
        .drill = end_command(drill, line, for_keys),
        .certificates = (const char *const *)certificates->pdata,
        .follow = end_command(follow, line, for_follow),
        .follow_keeping = end_command(keeping, line, for_follow),
        .step = end_command(step, line, for_step),
        .offsite = end_command(offsite, line, for_offsite),
        .state = options_string(line, "state"),
        .control = options_string(line, "control"),
        .devices = options_list(line, "device"),
        .configured = configured,
    };
    return run(line, &account, becomes, &options, error) ? 0 : FAIL_FAILED;
}
