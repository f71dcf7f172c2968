/*
 * lifeboat-netsvc: the daemon that gives the LAN its names and addresses, with an uplink or
 * without.
 */
#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "lib/control/ask.h"
#include "netsvc/check/check.h"
#include "netsvc/parent/pair.h"
#include "netsvc/parent/parent.h"
#include "netsvc/roles.h"

#include <string.h>
#include <unistd.h>

static int
run_command(const struct command_line *line, GError **error)
{
    return parent_run(line, error) ? 0 : FAIL_FAILED;
}

static int
child_command(const struct command_line *line, GError **error)
{
    const char *role = command_argument(line, "ROLE");
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
        if (strcmp(roles[i]->name, role) == 0)
            return child_serve(roles[i], line, error);
    return fail_set(error, FAIL_USAGE, "'%s' is not served", role), FAIL_USAGE;
}

static int
check_config_command(const struct command_line *line, GError **error)
{
    (void)error; /* findings are its output */
    return check_command(line);
}

/* What answers at the control socket holds the service address, or knows better. */
static gboolean
check_ended(const struct config *config, GError **error)
{
    int fd = ask_begin(ASK_NETSVC, config->control, "{\"ask\":\"status\"}", ASK_SECONDS, NULL);
    if (fd < 0)
        return TRUE;
    close(fd);
    return fail_set(
        error, FAIL_LATER,
        "lifeboat-netsvc runs, and fences by itself\nhint: `lifeboat failover` hands over "
        "to the other node");
}

static int
fence_command(const struct command_line *line, GError **error)
{
    AUTO(config) *config = config_read(line, error);
    return config != NULL && check_ended(config, error) && pair_fence(config, error) ? 0
                                                                                     : FAIL_FAILED;
}

static const struct command commands[] = {
    {
        .name = "run",
        .summary = "Serve names and addresses to the LAN",
        .text =
            "Runs in the foreground, for systemd or any other supervisor.\n\n"
            "Names are answered where the configuration has any of them, addresses given where it "
            "has a [subnet]. Started by root, it opens the sockets and hands them to a process for "
            "each service, which has no rights beyond answering; one that dies is started again. "
            "SIGHUP has it read the configuration again: no query is lost, and where there is a "
            "mistake what served before serves on. So it does when the machine was started anew, "
            "as after a power cut, and the file has a mistake: what was served last is served, a "
            "zone that cannot be read is left out, and `lifeboat status` tells. SIGTERM ends it.",
        .takes = FOR_NET_RUN,
        .rereads = TRUE,
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_LATER},
        .run = run_command,
    },
    {
        .name = "check-config",
        .summary = "Check the configuration, and what stands in its way on this machine",
        .text =
            "Tells each mistake with its file and line, and how to mend it; then what stands in "
            "its way here: another program on one of its ports, an interface that is not there, a "
            "network of Docker's or a route that overlaps the LAN, a firewall, a folder that "
            "cannot be written to. Root sees more of it. Nothing is changed, and nothing sent "
            "unless --ask-lan is given.\n\n"
            "The exit code is 2 when the configuration is wrong, and 1 when this machine stands in "
            "its way. What may be meant so is only noted.",
        .takes = FOR_NET_CHECK,
        .exits = {FAIL_FAILED, FAIL_USAGE},
        .run = check_config_command,
    },
    {
        .name = "fence",
        .summary = "Keep clients off this node, whose daemon has ended",
        .text =
            "For systemd, which runs it whenever the daemon has ended, however that came. Where "
            "two "
            "nodes share a service address it is removed from this one, and who was connected to "
            "it is reset rather than left waiting. The rules that do so stay (`nft list table ip "
            "lifeboat`) until the daemon takes the address again. Where there is no pair nothing "
            "is done.",
        .takes = FOR_NET_RUN,
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_LATER},
        .run = fence_command,
    },
    {
        .name = "child",
        .summary = "Serve one of them: what `run` starts",
        .text = "Needs what `run` hands over, and is of no use by itself.",
        .takes = FOR_NET_CHILD,
        .arguments = {{"ROLE", FALSE}},
        .exits = {FAIL_FAILED, FAIL_USAGE},
        .run = child_command,
    },
};

static const struct program program = {
    .name = "lifeboat-netsvc",
    .manual = "8",
    .summary = "give a LAN its names and addresses",
    .text = "The part of Lifeboat that serves the network of a clinic: DNS and DHCP, from one "
            "configuration file, with an uplink or without.",
    .commands = commands,
    .n_commands = G_N_ELEMENTS(commands),
    .options = &settings,
};

int
main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
