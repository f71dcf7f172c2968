/* key: see the header. */
#include "replicator/key.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/crypt/keys.h"

#include <stdio.h>
#include <string.h>

/*
 * The sheet is the only copy of the recovery secret: printed without stdio, whose buffer would keep
 * it, and wiped. Keys whose sheet did not come out are of no use, and keys_init will not overwrite.
 */
static gboolean
print_sheet(const struct keys_sheet *sheet, const char *folder, GError **error)
{
    char *text = keys_sheet_text(sheet, error);
    gboolean printed = text != NULL;
    if (text != NULL) {
        printed = file_write(STDOUT_FILENO, text, strlen(text), "standard output", error);
        explicit_bzero(text, strlen(text));
        g_free(text);
    }
    if (printed)
        return TRUE;
    g_autoptr(GError) cause = g_steal_pointer(error);
    g_autofree char *option = keys_option(folder);
    return fail_set(
        error, FAIL_FAILED,
        "the recovery sheet was not shown: %s\n"
        "hint: nobody could ever use the keys in '%s' to recover: remove that folder and "
        "run 'lifeboat key init%s' again",
        cause->message, folder, option);
}

/* The daemon reads them. */
static void
hand_over(const struct command_line *line, const char *folder)
{
    struct account account;
    int error_number = 0;
    if (geteuid() == 0 && account_find(options_string(line, "user"), &account))
        error_number = account_give(&account, folder);
    if (error_number != 0)
        log_warning("'%s' cannot be given to the user '%s': %s", folder,
                    options_string(line, "user"), g_strerror(error_number));
}

int
key_init_command(const struct command_line *line, GError **error)
{
    const char *folder = options_string(line, "keys");
    const char *site = options_string(line, "site");
    AUTO(keys_sheet) *sheet = g_new0(struct keys_sheet, 1);
    if (keys_is_open_to_others("/dev/stdout"))
        log_warning("the sheet goes to a file that others may read: with the recovery secret they "
                    "can read every backup; print it and delete the file");
    if (site == NULL)
        site = g_get_host_name();
    if (!keys_init(folder, site, options_string(line, "node"), sheet, error) ||
        !print_sheet(sheet, folder, error))
        return FAIL_FAILED;
    hand_over(line, folder);
    fprintf(stderr,
            "This recovery sheet will not be shown again: print it or write it down now, and "
            "keep it in a safe.\n");
    return 0;
}

int
key_accept_command(const struct command_line *line, GError **error)
{
    const char *folder = options_string(line, "keys"), *node = command_argument(line, "NODE");
    if (!keys_accept(folder, node, command_argument(line, "RECIPIENT"),
                     command_argument(line, "SIGNER"), error))
        return fail_exit_code(*error);
    hand_over(line, folder);
    printf("what node %s signs is accepted, and it can read what is encrypted from now on\n"
           "where there are snapshots already, the next one is full, so that it can read that\n",
           node);
    return 0;
}

int
key_show_command(const struct command_line *line, GError **error)
{
    static const char *const whose[] = {"this node", "recovery sheet"};
    const char *folder = options_string(line, "keys");
    AUTO(keys) *keys = keys_open(folder, error);
    if (keys == NULL)
        return FAIL_FAILED;
    printf("Keys:       %s\nSite:       %s\nNode:       %s\n", folder, keys->site, keys->node);
    for (guint i = 0; i < keys->n_recipients; i++) {
        g_autofree char *recipient = age_recipient_text(keys->recipients[i]);
        printf("%s %s (%s)\n", i == 0 ? "Recipients:" : "           ", recipient,
               i < G_N_ELEMENTS(whose) ? whose[i] : "further");
    }
    struct minisign_public own;
    minisign_secret_public(keys->signing, &own);
    g_autofree char *signer = minisign_public_text(&own);
    printf("Signer:     %s\n", signer);
    for (guint i = 0; i < keys->n_trusted; i++) {
        g_autofree char *trusted = minisign_public_text(&keys->trusted[i]);
        if (strcmp(trusted, signer) != 0)
            printf("Trusted:    %s\n", trusted);
    }
    return 0;
}
