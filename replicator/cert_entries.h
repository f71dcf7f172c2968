/* cert_entries: the commands `cert …` as they stand in the table of lifeboat. */
#pragma once

#include "lib/base/fail.h"
#include "lib/command/settings.h"
#include "replicator/cert/command.h"

#define CERT_ENTRIES                                                                               \
    {                                                                                              \
        .name = "cert init",                                                                       \
        .summary = "Make the site's own root, and the server's certificate",                       \
        .text = "Once, on the active node. The root may certify the clinic's own names and "       \
                "addresses only, and its private key is sealed for the recovery key: keys come "   \
                "first (`lifeboat key init`). What is there already is never overwritten. "        \
                "Certificates are renewed by themselves, on both nodes alike.",                    \
        .takes = FOR_CERT_INIT,                                                                    \
        .forgives = TRUE,                                                                          \
        .exits = {FAIL_FAILED, FAIL_USAGE},                                                        \
        .run = cert_init_command,                                                                  \
    },                                                                                             \
        {                                                                                          \
            .name = "cert show",                                                                   \
            .summary = "Show the certificates, and which one is in force",                         \
            .text = "Fingerprints are of SHA-256, as browsers and phones show them.",              \
            .takes = FOR_CERT_SHOW,                                                                \
            .forgives = TRUE,                                                                      \
            .exits = {FAIL_FAILED, FAIL_USAGE},                                                    \
            .run = cert_show_command,                                                              \
        },                                                                                         \
        {                                                                                          \
            .name = "cert request",                                                                \
            .summary = "Ask for a public certificate, which a drive carries out and back",         \
            .text = "The stock CHT app trusts public authorities alone. Makes a key, which never " \
                    "leaves the server, and a request that any ACME client on a laptop with "      \
                    "Internet has signed: the instructions lie beside it. It goes to DIR, else "   \
                    "to the next Lifeboat drive that is inserted. As long as its certificate has " \
                    "not come it is the same one again.",                                          \
            .takes = FOR_CERT_REQUEST,                                                             \
            .forgives = TRUE,                                                                      \
            .exits = {FAIL_FAILED, FAIL_USAGE},                                                    \
            .run = cert_request_command,                                                           \
        },                                                                                         \
        {                                                                                          \
            .name = "cert import",                                                                 \
            .summary = "Take a public certificate into force, from a file or folder",              \
            .text = "PATH is a file, a folder, or a drive with a folder lifeboat-cert, whose "     \
                    "insertion does the same by itself. Checked first: that its key is here (or "  \
                    "brought along), its chain, its names, its dates, and that it is newer. It "   \
                    "is put in force on both nodes; the one before stays for a way back.",         \
            .takes = FOR_CERT_IMPORT,                                                              \
            .arguments = {{"PATH", FALSE}},                                                        \
            .forgives = TRUE,                                                                      \
            .exits = {FAIL_FAILED, FAIL_USAGE},                                                    \
            .run = cert_import_command,                                                            \
        },                                                                                         \
    {                                                                                              \
        .name = "cert roll-back", .summary = "Go back to the certificate before the last import",  \
        .text = "Without one before it, to the site's own. The same again goes forth again.",      \
        .takes = FOR_CERT_ROLL_BACK, .forgives = TRUE, .exits = {FAIL_FAILED, FAIL_USAGE},         \
        .run = cert_roll_back_command,                                                             \
    }
