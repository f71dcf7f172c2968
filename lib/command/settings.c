/* settings: see the header. An option's order here is its order in --help, the man pages and
 * lifeboat.conf. */
#include "lib/command/settings.h"

#include "config.h"

static const struct option_section sections[] = {
    {"node", "This server. The only section that differs between the two nodes of a site."},
    {"keys",
     "The keys that snapshots are encrypted and signed with; `lifeboat key init` makes them."},
    {"source", "The CouchDB that snapshots are taken of."},
    {"store", "Where snapshots go."},
    {"snapshot", "What a snapshot holds."},
    {"restore", "Where restores and drills go, unless the command line says otherwise."},
};

static const struct option options[] = {
    /* ---- who we are ---- */
    {
        .name = "site",
        .placeholder = "NAME",
        .type = OPTION_STRING,
        .commands = FOR_KEY_INIT,
        .section = "node",
        .key = "site",
        .example = "clinic-north",
        .help = "Name of the site, the same on both nodes; the host's name by default.",
        .text = "It stands on the recovery sheet and in the store, to tell one clinic's drives "
                "from another's.",
    },
    {
        .name = "node",
        .placeholder = "NAME",
        .type = OPTION_STRING,
        .commands = FOR_KEY_INIT,
        .fallback = "a",
        .section = "node",
        .key = "name",
        .help = "Name of this node: a, or b for a second server.",
    },
    /* ---- taking a snapshot ---- */
    {
        .name = "source",
        .placeholder = "URL",
        .type = OPTION_STRING,
        .commands = FOR_SNAPSHOT,
        .required = FOR_SNAPSHOT,
        .section = "source",
        .key = "url",
        .example = "http://127.0.0.1:5984",
        .help = "CouchDB server to read.",
        .text = "A user and password may stand in the URL, but a file (--credentials) is the "
                "better place. An "
                "administrator sees all that a snapshot should hold; what the user may not read is "
                "named as missing.",
    },
    {
        .name = "credentials",
        .placeholder = "FILE",
        .type = OPTION_PATH,
        .commands = FOR_SNAPSHOT,
        .section = "source",
        .key = "credentials",
        .example = "/etc/lifeboat/couchdb-credentials",
        .help = "File with USER:PASSWORD for the source, readable by its owner only.",
    },
    {
        .name = "to",
        .placeholder = "DIR",
        .type = OPTION_PATH,
        .commands = FOR_SNAPSHOT,
        .required = FOR_SNAPSHOT,
        .section = "store",
        .key = "path",
        .example = "/srv/backup",
        .help = "Folder that holds the store: lifeboat/ is made in it.",
    },
    {
        .name = "full",
        .type = OPTION_FLAG,
        .commands = FOR_SNAPSHOT,
        .help = "Take a full snapshot, not an increment on the last one.",
        .text = "Also seals a snapshot when nothing has changed.",
    },
    {
        .name = "link-size",
        .placeholder = "MB",
        .type = OPTION_INTEGER,
        .commands = FOR_SNAPSHOT,
        .fallback = "2048",
        .minimum = 1,
        .maximum = 1048576,
        .unit = "MB",
        .section = "snapshot",
        .key = "link_size",
        .help = "Seal a long run in links of so much data.",
        .text = "Each link counts as soon as it is sealed, so an interrupted run goes on from the "
                "last one.",
    },
    {
        .name = "link-time",
        .placeholder = "SECONDS",
        .type = OPTION_INTEGER,
        .commands = FOR_SNAPSHOT,
        .fallback = "600",
        .minimum = 1,
        .maximum = 86400,
        .unit = "seconds",
        .section = "snapshot",
        .key = "link_time",
        .help = "Seal a link after so long, however small it is.",
        .text = "A slow source then loses little when the power fails.",
    },
    {
        .name = "scrub",
        .placeholder = "MB",
        .type = OPTION_INTEGER,
        .commands = FOR_SNAPSHOT,
        .fallback = "256",
        .minimum = 0,
        .maximum = 1048576,
        .unit = "MB",
        .section = "snapshot",
        .key = "scrub",
        .help = "Read so much of the older snapshots back before a run, in turn.",
        .text =
            "What has rotted on the drive is found while the server can still make it good; the "
            "run then does. 0 reads none.",
    },
    {
        .name = "include",
        .placeholder = "GLOB",
        .type = OPTION_LIST,
        .commands = FOR_SNAPSHOT,
        .section = "snapshot",
        .key = "include",
        .example = "medic*;_users",
        .help = "Databases to take; all by default.",
        .text = "A shell pattern matched with the database's name.",
    },
    {
        .name = "exclude",
        .placeholder = "GLOB",
        .type = OPTION_LIST,
        .commands = FOR_SNAPSHOT,
        .section = "snapshot",
        .key = "exclude",
        .example = "medic-logs;test-*",
        .help = "Databases to leave out; wins over --include.",
        .text = "Always left out are _global_changes, which CouchDB makes anew, and scratch "
                "databases of ours: lifeboat-drill-* and lifeboat-trial-*. Of a database its "
                "indexes are, and replication checkpoints and our own marks among its _local "
                "documents. What is left out of a chain that has it already is restored as it was "
                "then, and named as older; --full begins a chain without it.",
    },
    {
        .name = "file",
        .placeholder = "PATH",
        .type = OPTION_LIST,
        .commands = FOR_SNAPSHOT,
        .section = "snapshot",
        .key = "files",
        .example = "/srv/cht/.env;/srv/cht/compose",
        .help = "File or folder to take along, such as CHT's .env and certificates.",
        .text = "With mode and owner.",
    },
    /* ---- restoring ---- */
    {
        .name = "target",
        .placeholder = "URL",
        .type = OPTION_STRING,
        .commands = FOR_RUN | FOR_DRILL,
        .required = FOR_RUN | FOR_DRILL,
        .section = "restore",
        .key = "target",
        .example = "http://127.0.0.1:5984",
        .help = "CouchDB server to restore into.",
        .text = "A user and password may stand in the URL, but a file (--credentials) is the "
                "better place. It must "
                "be an administrator.",
    },
    {
        .name = "credentials",
        .placeholder = "FILE",
        .type = OPTION_PATH,
        .commands = FOR_RUN | FOR_DRILL,
        .section = "restore",
        .key = "credentials",
        .example = "/etc/lifeboat/couchdb-credentials",
        .help = "File with USER:PASSWORD for the target, readable by its owner only.",
    },
    {
        .name = "to",
        .placeholder = "DIR",
        .type = OPTION_PATH,
        .commands = FOR_EXTRACT,
        .required = FOR_EXTRACT,
        .help = "Folder to write the databases into, as files.",
    },
    {
        .name = "at",
        .placeholder = "TIME",
        .type = OPTION_TIME,
        .commands = FOR_RUN | FOR_EXTRACT,
        .help = "State at this time: the last complete snapshot that began before it.",
        .text = "As in 2026-11-22T08:15:00Z or 2026-11-22T11:15:00+03:00.",
    },
    {
        .name = "snapshot",
        .placeholder = "ID",
        .type = OPTION_STRING,
        .commands = FOR_RUN | FOR_EXTRACT,
        .help =
            "State at this snapshot, as `lifeboat-restore list` names it; the newest by default.",
    },
    {
        .name = "db",
        .placeholder = "NAME[=NEW]",
        .type = OPTION_LIST,
        .commands = FOR_RUN,
        .help = "Database to restore, under another name if one is given; all by default.",
    },
    {
        .name = "db",
        .placeholder = "NAME",
        .type = OPTION_LIST,
        .commands = FOR_EXTRACT,
        .help = "Database to extract; all by default.",
    },
    {
        .name = "doc",
        .placeholder = "DB/ID",
        .type = OPTION_LIST,
        .commands = FOR_RUN,
        .help = "Bring back this document only.",
        .text = "As it is at the snapshot; `lifeboat-restore extract --doc` tells which snapshots "
                "have which version of it. One that was deleted in the target since comes back as "
                "a new revision; one that was edited there stays, and --db NAME=NEW brings the old "
                "one back beside it. When a database's name holds a slash and another one fits "
                "too, the "
                "longer name is meant, or the one that --db names.",
    },
    {
        .name = "doc",
        .placeholder = "DB/ID",
        .type = OPTION_LIST,
        .commands = FOR_EXTRACT,
        .help =
            "Write every version that the store has of this document, and tell when it changed.",
        .text =
            "Of all snapshots, not of one. In DIR/DB/ID/ each revision is a file REVISION.json, "
            "its attachments lie in the folder REVISION, and versions.jsonl tells since which "
            "snapshot it was current, in conflict, deleted, purged or absent. `run --snapshot "
            "--doc` brings one back.",
    },
    {
        .name = "files",
        .placeholder = "DIR",
        .type = OPTION_PATH,
        .commands = FOR_RUN,
        .help = "Write the extra files of the snapshot below this folder.",
    },
    {
        .name = "server-config",
        .type = OPTION_FLAG,
        .commands = FOR_RUN,
        .help = "Set the server's settings too: secret, administrators, sessions.",
    },
    {
        .name = "partial",
        .type = OPTION_FLAG,
        .commands = FOR_RUN,
        .help = "Restore from an unfinished snapshot too; exits with 3 and names what is missing.",
    },
    {
        .name = "dry-run",
        .type = OPTION_FLAG,
        .commands = FOR_RUN,
        .help = "Say what would be written, and write nothing.",
    },
    /* ---- keys ---- */
    {
        .name = "keys",
        .placeholder = "DIR",
        .type = OPTION_PATH,
        .commands = FOR_ALL,
        .fallback = LIFEBOAT_STATEDIR "/keys",
        .section = "keys",
        .key = "folder",
        .help = "Folder with the node's keys.",
    },
    {
        .name = "key",
        .placeholder = "FILE",
        .type = OPTION_PATH,
        .commands = FOR_STORE,
        .help = "On a bare machine: the recovery secret (an age identity); - reads standard input.",
        .text = "Instead of --keys. The file may be the whole recovery sheet, saved as text, which "
                "names the signer too.",
    },
    {
        .name = "signer",
        .placeholder = "PUBLICKEY",
        .type = OPTION_LIST,
        .commands = FOR_STORE,
        .help = "On a bare machine: the signer's public key from the recovery sheet.",
        .text = "Snapshots signed by another key are not used. Where two servers write to the "
                "store, give both keys.",
    },
    /* ---- all ---- */
    {
        .name = "patience",
        .placeholder = "SECONDS",
        .type = OPTION_INTEGER,
        .commands = FOR_SNAPSHOT | FOR_RUN | FOR_DRILL,
        .fallback = "300",
        .minimum = 0,
        .maximum = 86400,
        .unit = "seconds",
        .section = "node",
        .key = "patience",
        .help = "Go on so long with a server that fails for now, before giving up.",
        .text =
            "Waits grow from half a second to half a minute. A refused login is never tried again.",
    },
    {
        .name = "stall",
        .placeholder = "SECONDS",
        .type = OPTION_INTEGER,
        .commands = FOR_SNAPSHOT | FOR_RUN | FOR_DRILL,
        .fallback = "120",
        .minimum = 1,
        .maximum = 86400,
        .unit = "seconds",
        .section = "node",
        .key = "stall",
        .help = "Hang up when nothing comes for so long, and ask again as --patience says.",
    },
    {
        .name = "state",
        .placeholder = "DIR",
        .type = OPTION_PATH,
        .commands = FOR_SNAPSHOT,
        .fallback = LIFEBOAT_STATEDIR,
        .section = "node",
        .key = "state",
        .help = "Folder for caches, which can be rebuilt from the store at any time.",
    },
    {
        .name = "json",
        .type = OPTION_FLAG,
        .commands = FOR_SNAPSHOT | FOR_STORE,
        .help = "Report in JSON on standard output, one object a line, the last one a summary.",
    },
    {
        .name = "quiet",
        .type = OPTION_FLAG,
        .commands = FOR_SNAPSHOT | FOR_STORE,
        .help = "Show no progress and no results, only warnings and errors.",
    },
    {
        .name = "config",
        .placeholder = "FILE",
        .type = OPTION_PATH,
        .commands = FOR_ALL,
        .fallback = LIFEBOAT_SYSCONFDIR "/lifeboat.conf",
        .help = "Configuration file; the default one need not exist.",
        .text =
            "--config /dev/null runs without one. What is given on the command line wins over it.",
    },
};

const struct option_table settings = {options, G_N_ELEMENTS(options), sections,
                                      G_N_ELEMENTS(sections)};
