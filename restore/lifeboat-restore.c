/*
 * lifeboat-restore: reads stores. It works with no daemon, no configuration and no network: on the
 * day it is needed there may be nothing but a new machine, a drive and the recovery sheet.
 */
#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "restore/commands.h"

static const struct command commands[] = {
    {
        .name = "list",
        .summary = "Show the snapshots of a store",
        .text =
            "Shows chains and snapshots: when, full or increment, complete or not, size, whether "
            "the signature is good. An incomplete one was interrupted, or lacks what could not be "
            "read: `verify` names it. Needs no key.",
        .takes = FOR_LIST,
        .arguments = {{"STORE", FALSE}},
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED},
        .run = restore_list,
    },
    {
        .name = "verify",
        .summary = "Check that a store is whole and unaltered",
        .text = "Checks signatures and hashes of all snapshots, or of the one that is named; with "
                "a key it "
                "also decrypts them and checks all that is in them. Whatever is wrong is named. A "
                "store in which nothing can be restored counts as damaged.",
        .takes = FOR_VERIFY,
        .arguments = {{"STORE", FALSE}, {"SNAPSHOT", TRUE}},
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY},
        .run = restore_verify,
    },
    {
        .name = "run",
        .summary = "Restore databases into a CouchDB server",
        .text =
            "Writes the state at a snapshot, the newest by default, into an empty server or "
            "beside what is there, and then checks that all of it arrived. A snapshot that is "
            "newer "
            "and cannot be used is named, and the exit code is 3. Newer data in the "
            "target is not overwritten: CouchDB merges revisions. After an interruption, run it "
            "again: it goes on.\n\n"
            "What the snapshot could not read, or left out, comes back as an older snapshot of the "
            "chain has it; that, and what no snapshot has, is named, and the exit code is 3.\n\n"
            "--dry-run says what would be written. --doc brings back single documents. On a "
            "bare machine give --key and --signer from the recovery sheet.",
        .takes = FOR_RUN,
        .arguments = {{"STORE", FALSE}},
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},
        .run = restore_run,
    },
    {
        .name = "extract",
        .summary = "Write databases to files, without a server",
        .text =
            "Writes the state at a snapshot, the newest by default, into a new folder. For each "
            "database there is a folder with docs.jsonl (every leaf revision, one a line, in the "
            "bytes that CouchDB gave), db.json, local.json, and the attachments as files below "
            "attachments/ID/REVISION/, all names percent-encoded; _server/ has the server's "
            "settings and the extra files.\n\n"
            "By hand they go back so, in the order of docs.jsonl: lines without attachments many "
            "at a time, as {\"new_edits\":false,\"docs\":[LINE,LINE]}, by POST to "
            "/DATABASE/_bulk_docs; a line with attachments alone, by PUT to "
            "/DATABASE/ID?new_edits=false as multipart/related: the line with \"follows\":true "
            "in place of each \"stub\":true, then the files in the order of its _attachments, "
            "each as it is (a file that ends in .gz stays compressed).\n\n"
            "With --doc it writes the whole history of a document instead: every revision that any "
            "snapshot has, deleted or not, and tells how to bring one back.",
        .takes = FOR_EXTRACT,
        .arguments = {{"STORE", FALSE}},
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY},
        .run = restore_extract,
    },
    {
        .name = "import",
        .summary = "Bring this standby up to date from a drive",
        .text = "Writes what this node's CouchDB lacks of the newest complete snapshot that the "
                "other node took, its set-up and settings too, checks that all of it is there, and "
                "marks it as applied. A drive with nothing newer is left at that; one that is "
                "damaged, or whose snapshots no trusted key signed, is refused. Nothing that is "
                "newer here is lost: CouchDB merges revisions. Then the drive is told how old this "
                "node is, for the other one to learn.\n\n"
                "The same as `lifeboat standby import`.",
        .takes = FOR_IMPORT,
        .arguments = {{"STORE", FALSE}},
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},
        .run = restore_import,
    },
    {
        .name = "drill",
        .summary = "Prove that a store restores: into scratch databases, compared, removed",
        .text = "Restores the newest state into scratch databases on the target, compares "
                "everything with the store, removes them and reports. The databases that are there "
                "are not "
                "touched.",
        .takes = FOR_DRILL,
        .arguments = {{"STORE", FALSE}},
        .exits = {FAIL_FAILED, FAIL_USAGE, FAIL_INCOMPLETE, FAIL_DAMAGED, FAIL_KEY, FAIL_LATER},
        .run = restore_drill,
    },
};

static const struct program program = {
    .name = "lifeboat-restore",
    .manual = "1",
    .summary = "list, verify and restore Lifeboat's snapshots",
    .text = "STORE is the folder that holds lifeboat/, such as the drive's. Keys are this node's "
            "(--keys), or on a bare machine the two on the recovery sheet: --key FILE with the "
            "secret and --signer PUBLICKEY.\n\n"
            "README.txt in the store tells how to restore without this program.",
    .example = "lifeboat-restore list /media/blue\n"
               "lifeboat-restore run /media/blue --target http://127.0.0.1:5984 --credentials "
               "/etc/lifeboat/couchdb-credentials\n"
               "lifeboat-restore run /media/blue --target http://127.0.0.1:5984 --db "
               "medic=medic-last-week --at "
               "2026-11-15T00:00:00Z\n"
               "lifeboat-restore run /media/blue --target URL --key recovery.key --signer RWQ...",
    .commands = commands,
    .n_commands = G_N_ELEMENTS(commands),
    .options = &settings,
};

int
main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
