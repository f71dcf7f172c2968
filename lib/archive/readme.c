#include "lib/archive/readme.h"

#include "lib/base/file.h"

#define README_MAX 65536 /* bytes */

/* @SITE@, @FILE@ and @SIGNER@ are replaced. A test runs the commands below as they stand. */
static const char text[] =
    "LIFEBOAT SNAPSHOTS OF SITE \"@SITE@\"\n"
    "\n"
    "This folder holds encrypted backups of a clinic's CouchDB server. They are of no use without "
    "the\n"
    "site's recovery sheet (a sheet of paper) or the server's own keys. If you found this drive, "
    "please\n"
    "return it to the clinic.\n"
    "\n"
    "1. RESTORING WITH LIFEBOAT\n"
    "\n"
    "On the rebuilt server, with the recovery sheet's secret typed into a file KEY:\n"
    "\n"
    "    lifeboat-restore list   STORE\n"
    "    lifeboat-restore verify STORE --key KEY --signer @SIGNER@\n"
    "    lifeboat-restore run    STORE --target http://127.0.0.1:5984 --credentials FILE \\\n"
    "                            --key KEY --signer @SIGNER@\n"
    "\n"
    "STORE is the folder that this `lifeboat` folder lies in. Compare the signer's key above with "
    "the one on the\n"
    "recovery sheet: only the sheet can be trusted.\n"
    "\n"
    "2. RESTORING WITHOUT LIFEBOAT\n"
    "\n"
    "You need the tools sha256sum, minisign, age, zstd, tar and curl, and room for the unpacked "
    "data.\n"
    "Each folder in `snapshots` is one snapshot. `snapshot.json` in it names its `id`, and its "
    "`parent`, the\n"
    "snapshot that it builds upon; one with \"parent\":null is a full one. Go back from the newest "
    "by parents\n"
    "to a full one: that is the chain. Unpack and load all of the chain, the full one first.\n"
    "\n"
    "Set these once. WORK is an empty folder on the server's own disk, not on this drive:\n"
    "\n"
    "    export URL=http://admin:password@127.0.0.1:5984\n"
    "    export KEY=/root/recovery.key\n"
    "    export WORK=/root/restore\n"
    "\n"
    "For each snapshot of the chain, in its folder, check it and unpack it. (If minisign says that "
    "the\n"
    "key ids differ, another of the site's servers made it: its key is the other file in "
    "signers.)\n"
    "\n"
    "#check\n"
    "    minisign -Vm snapshot.json -p ../../signers/@FILE@\n"
    "    grep -q \"$(sha256sum < SHA256SUMS | cut -c 1-64)\" snapshot.json\n"
    "    sha256sum -c SHA256SUMS\n"
    "#unpack\n"
    "    rm -rf \"$WORK\"; mkdir -p \"$WORK\"\n"
    "    cat data.* | age -d -i \"$KEY\" | zstd -d | tar -x -C \"$WORK\"\n"
    "\n"
    "and load it (databases that exist answer `file_exists`; that is all right):\n"
    "\n"
    "#load\n"
    "    for db in \"$WORK\"/db/*/; do\n"
    "      name=$(basename \"$db\")\n"
    "      curl -sS -X PUT \"$URL/$name\"\n"
    "      for f in \"$db\"docs-*.json; do\n"
    "        [ -e \"$f\" ] || continue\n"
    "        curl -sS -X POST -H 'Content-Type: application/json' --data-binary @\"$f\" "
    "\"$URL/$name/_bulk_docs\"\n"
    "      done\n"
    "      for leaf in \"$db\"leaf/*/; do\n"
    "        [ -e \"${leaf}doc.json\" ] || continue\n"
    "        id=$(sed -n 's/^{\"_id\":\"\\([^\"]*\\)\".*/\\1/p' \"${leaf}doc.json\" | tr -d '\\n' "
    "| od -An -v -tx1 | tr -d '\\n' | tr ' ' '%')\n"
    "        { printf -- '--lifeboat\\r\\nContent-Type: application/json\\r\\n\\r\\n'; cat "
    "\"${leaf}doc.json\"\n"
    "          n=1; while [ -e \"$leaf$n\" ]; do printf '\\r\\n--lifeboat\\r\\n\\r\\n'; cat "
    "\"$leaf$n\"; n=$((n + 1)); done\n"
    "          printf '\\r\\n--lifeboat--'; } > \"$WORK/body\"\n"
    "        curl -sS -X PUT -H 'Content-Type: multipart/related; boundary=\"lifeboat\"' \\\n"
    "             --data-binary @\"$WORK/body\" \"$URL/$name/$id?new_edits=false\"\n"
    "      done\n"
    "    done\n"
    "#end\n"
    "\n"
    "Then set for each database what its `db.json` says: `security` goes to /NAME/_security, "
    "`revs_limit` to\n"
    "/NAME/_revs_limit (before loading, if it is not 1000). `local.json` holds its _local "
    "documents. Ids listed in\n"
    "`gone-*.json` had left the database by then. server/config.json holds the server's secret, "
    "its uuid and the hashed\n"
    "passwords of its admins; server/files/ what else the site wanted to keep. Documents whose id "
    "holds a quote or a\n"
    "backslash need their id typed by hand in the last command.\n"
    "\n"
    "3. WHAT IS WHAT\n"
    "\n"
    "    store.json        this store's number and the site's name\n"
    "    signers/          public keys of the servers that write here, for a first check\n"
    "    snapshots/        one folder each; without snapshot.json.minisig it was interrupted and "
    "does not count\n";

gboolean
readme_write(struct store *store, const struct keys *keys, GError **error)
{
    struct minisign_public public;
    minisign_secret_public(keys->signing, &public);
    g_autofree char *signer = minisign_public_text(&public);
    g_autoptr(GString) out = g_string_new(text);
    g_string_replace(out, "@SITE@", keys->site, 0);
    g_string_replace(out, "@FILE@", store->signer, 0);
    g_string_replace(out, "@SIGNER@", signer, 0);
    g_autofree char *present = file_read(store->fd, "README.txt", README_MAX, NULL, NULL);
    if (present != NULL && g_str_equal(present, out->str))
        return TRUE;
    return file_replace(store->fd, "README.txt", out->str, out->len, 0644, error);
}
