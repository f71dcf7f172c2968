/*
 * lifeboat: the operator's one command. What reads a store is lifeboat-restore's, which it runs.
 */
#include "lib/base/tool.h"
#include "replicator/cert_entries.h"
#include "replicator/drive_entries.h"
#include "replicator/key.h"
#include "replicator/failover_entries.h"
#include "replicator/net_entries.h"
#include "replicator/offsite_entries.h"
#include "replicator/peer_entries.h"
#include "replicator/prune_entry.h"
#include "replicator/reload.h"
#include "replicator/snapshot_ask.h"
#include "replicator/snapshot_entry.h"
#include "replicator/standby_entries.h"
#include "replicator/status.h"

#include <errno.h>
#include <unistd.h>

/* Becomes the other program. */
static int
become(const struct command_line *line, GError **error)
{
    const char *name = command_of(line)->pass_to, *first = command_of(line)->pass_as;
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    g_ptr_array_add(arguments, (gpointer)name);
    if (first != NULL)
        g_ptr_array_add(arguments, (gpointer)first);
    for (char *const *rest = command_rest(line); *rest != NULL; rest++)
        g_ptr_array_add(arguments, *rest);
    g_ptr_array_add(arguments, NULL);

    g_autofree char *path = tool_ours(name);
    execv(path, (char *const *)arguments->pdata);
    fail_errno(error, errno, "cannot run '%s'", path);
    return FAIL_FAILED;
}

static const struct command commands[] = {
    {
        .name = "key init",
        .summary = "Make this node's keys and show the recovery sheet, once",
        .text =
            "Makes the node's age identity, its signing key and the site's recovery key, and shows "
            "the recovery sheet on standard output: the recovery secret, the signer's public key "
            "and "
            "the site's name, as text and as QR codes.\n\n"
            "The sheet is shown this one time. Of the recovery key only the public half stays on "
            "the "
            "server. Print it and keep it in a safe: when the server is lost, the sheet and a "
            "drive "
            "are all that a restore needs, and without the sheet no drive can be read. Keys that "
            "are there already are never overwritten.",
        .takes = FOR_KEY_INIT,
        .exits = {FAIL_FAILED, FAIL_USAGE},
        .run = key_init_command,
    },
    {
        .name = "key show",
        .summary = "Show the public halves of this node's keys",
        .text =
            "Shows site and node, whom snapshots are encrypted for, and the public key that they "
            "are signed with, which --signer of `lifeboat-restore` takes. No secrets.",
        .takes = FOR_KEY_SHOW,
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_KEY},
        .run = key_show_command,
    },
    {
        .name = "key accept",
        .summary = "Accept the other node's snapshots, and let it read ours",
        .text =
            "NODE is the other node's name, RECIPIENT and SIGNER are the first recipient and "
            "the signer that `lifeboat key show` shows there. From now on snapshots are "
            "encrypted for that node, too, and what it signs is trusted: so each of the two "
            "can be brought up to date from a drive that the other one wrote. Do it on both. "
            "Where there are snapshots already, the next one is full: what was encrypted before "
            "stays closed to that node.",
        .takes = FOR_KEY_ACCEPT,
        .arguments = {{"NODE", FALSE}, {"RECIPIENT", FALSE}, {"SIGNER", FALSE}},
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_KEY},
        .run = key_accept_command,
    },
    SNAPSHOT_ENTRY(snapshot_or_ask),
    PRUNE_ENTRY,
    DRIVE_ENTRIES,
    OFFSITE_PUSH_ENTRY,
    OFFSITE_FETCH_ENTRY,
    OFFSITE_LIST_ENTRY,
    FOLLOW_ENTRY("standby follow"),
    STANDBY_CHECK_ENTRY,
    {
        .name = "standby import",
        .summary = "Bring this standby up to date from a drive",
        .text = "`lifeboat standby import STORE ...` is `lifeboat-restore import STORE ...`.",
        .pass_to = "lifeboat-restore",
        .pass_as = "import",
        .run = become,
    },
    FAILOVER_ENTRIES,
    PEER_ENTRIES,
    CERT_ENTRIES,
    NET_ENTRIES,
    {
        .name = "status",
        .summary = "Show how the backups stand: overall, per store and per drive",
        .text =
            "Asks `lifeboat-replicator run` when a snapshot last ended well, what became of "
            "the last run, what is being done now, when the next one is due, and which drives "
            "may be pulled out. The exit code is 1 when a last run or drill failed or a last "
            "good one is too long ago (`overdue`), or the configuration that was read last "
            "has a mistake, and 3 when it was incomplete. What --json "
            "shows stands in /run/lifeboat/status.json, too.\n\n"
            "Where `lifeboat-netsvc run` serves the LAN, that is shown as well: since when, what "
            "is not there, how full the pools are. The exit code is 1 with an alert, with a "
            "mistake in its configuration, and where one of its services does not serve.",
        .takes = FOR_STATUS,
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE},
        .forgives = TRUE,
        .run = status_command,
    },
    {
        .name = "reload",
        .summary = "Have the daemon read the configuration again",
        .text = "What `lifeboat-replicator run` does at SIGHUP, too; this waits for it, and tells "
                "what came of it. A run that is under way goes on as it was begun; what begins "
                "next uses what was read. Where there is a mistake in the configuration nothing "
                "changes: what was read before stays in force, for the daemon and all that it "
                "runs, and `lifeboat status` tells of it until it is mended and read again. Some "
                "settings take effect at a restart only, which is told. `lifeboat-netsvc run` "
                "reads it again, too, where it runs, and no query is lost.",
        .takes = FOR_RELOAD,
        .exits = {FAIL_FAILED, FAIL_USAGE},
        .forgives = TRUE,
        .run = reload_command,
    },
    {
        .name = "restore",
        .summary = "Run lifeboat-restore: list, verify, run, extract, drill",
        .text = "`lifeboat restore run STORE ...` is `lifeboat-restore run STORE ...`.",
        .pass_to = "lifeboat-restore",
        .run = become,
    },
    {
        .name = "verify",
        .summary = "Check a store: run lifeboat-restore verify",
        .text = "`lifeboat verify STORE ...` is `lifeboat-restore verify STORE ...`.",
        .pass_to = "lifeboat-restore",
        .pass_as = "verify",
        .run = become,
    },
};

static const struct program program = {
    .name = "lifeboat",
    .manual = "1",
    .summary = "keep a CouchDB server's data through disaster",
    .text =
        "Lifeboat takes encrypted, signed snapshots of a CouchDB server to a drive or folder, and "
        "rebuilds a server from them, with no Internet.\n\n"
        "First make keys with `lifeboat key init` and put the recovery sheet in a safe. Then "
        "`lifeboat snapshot` takes a snapshot, and `lifeboat restore run` brings it back.",
    .example = "lifeboat key init\n"
               "lifeboat snapshot --source http://127.0.0.1:5984 --credentials "
               "/etc/lifeboat/couchdb-credentials --to "
               "/media/blue\n"
               "lifeboat verify /media/blue\n"
               "lifeboat restore run /media/blue --target http://127.0.0.1:5984 --credentials "
               "/etc/lifeboat/couchdb-credentials",
    .commands = commands,
    .n_commands = G_N_ELEMENTS(commands),
    .options = &settings,
};

int
main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
