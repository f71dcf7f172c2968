/*
 * keys-sheet: the recovery sheet as a page of text. It is written for somebody who has lost the
 * server, has never heard of Lifeboat and has a drive and this paper in hand.
 *
 * QR codes are drawn with half blocks, two rows of modules a line, dark modules as ink: right on
 * paper. On a terminal with light letters they come out inverted, which scanners of today read as
 * well.
 */
#include "lib/crypt/keys.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <qrencode.h>

#define QUIET 4 /* modules of white around a code (ISO/IEC 18004, 6.3.8) */

static gboolean
dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width &&
           (code->data[y * code->width + x] & 1) != 0;
}

static gboolean
append_code(GString *page, const char *text, GError **error)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (code == NULL)
        return fail_errno(error, errno, "cannot draw a QR code");
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        for (int x = -QUIET; x < code->width + QUIET; x++) {
            static const char *const blocks[] = {" ", "▄", "▀", "█"};
            g_string_append(page, blocks[dark(code, x, y) * 2 + dark(code, x, y + 1)]);
        }
        g_string_append_c(page, '\n');
    }
    OPENSSL_cleanse(code->data, (gsize)code->width * (gsize)code->width);
    QRcode_free(code);
    return TRUE;
}

char *
keys_sheet_text(const struct keys_sheet *sheet, GError **error)
{
    /* Large enough from the start, so that growing leaves no copies of the secret behind. */
    GString *page = g_string_sized_new(32 * 1024);
    g_string_append_printf(
        page,
        "LIFEBOAT RECOVERY SHEET\n"
        "=======================\n"
        "\n"
        "Site:  %s\n"
        "\n"
        "This sheet opens every backup of this site. Print it, twice if you can, and keep it in\n"
        "a safe: on paper, never on the server, never beside the drives. Whoever has it and a\n"
        "drive can read all patient records. Without it, when the server is lost, nobody can.\n"
        "It is shown only this once and cannot be made again.\n"
        "\n"
        "To rebuild the server, you need this sheet and any one of the drives:\n"
        "\n"
        "  1. Install Lifeboat and an empty CouchDB on the new machine, and plug in the drive.\n"
        "  2. Type the secret key below into a file, say recovery.key (or scan its QR code), and\n"
        "     the CouchDB administrator's name and password into another, say couchdb.login, as\n"
        "     one line NAME:PASSWORD. Keep both to yourself: chmod 600 recovery.key couchdb.login\n"
        "  3. Run this, with STORE the folder on the drive that holds 'lifeboat', and URL the\n"
        "     CouchDB, for instance http://127.0.0.1:5984 :\n"
        "\n"
        "     lifeboat-restore run STORE --target URL --credentials couchdb.login \\\n"
        "         --key recovery.key \\\n"
        "         --signer %s\n"
        "\n"
        "  4. Delete both files. README.txt on the drive tells how to do it without Lifeboat.\n"
        "\n"
        "SECRET KEY (age identity; capital letters, digits and '-'; the digit 1 stands only\n"
        "before the long part)\n"
        "\n"
        "  %s\n"
        "\n",
        sheet->site, sheet->signer, sheet->secret);
    gboolean done = append_code(page, sheet->secret, error);
    g_string_append_printf(page,
                           "\n"
                           "SIGNER (public key that proves a backup is yours; small and capital\n"
                           "letters differ)\n"
                           "\n"
                           "  %s\n"
                           "\n",
                           sheet->signer);
    done = done && append_code(page, sheet->signer, error);
    g_string_append_printf(page,
                           "\n"
                           "RECIPIENT (public half of the secret key, to compare)\n"
                           "\n"
                           "  %s\n",
                           sheet->recipient);
    if (done)
        return g_string_free(page, FALSE);
    OPENSSL_cleanse(page->str, page->len);
    g_string_free(page, TRUE);
    return NULL;
}
