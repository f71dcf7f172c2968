/* keys: all or nothing is made, nothing is overwritten, secrets stay closed, and the sheet is
 * enough for a restore. */
#include "lib/base/fail.h"
#include "lib/crypt/keys.h"
#include "tests/unit/scratch.h"

#include <qrencode.h>
#include <sys/stat.h>

struct made {
    struct scratch *scratch;
    char *folder;
    struct keys_sheet *sheet;
};

static void
made_free(struct made *made)
{
    keys_sheet_free(made->sheet);
    scratch_free(made->scratch);
    g_free(made->folder);
    g_free(made);
}
AUTO_DEFINE(made)

static struct made *
make_keys(void)
{
    g_autoptr(GError) error = NULL;
    struct made *made = g_new0(struct made, 1);
    made->scratch = scratch_new();
    made->folder = g_build_filename(made->scratch->path, "state", "keys", NULL);
    made->sheet = g_new0(struct keys_sheet, 1);
    keys_init(made->folder, "Klinik Häuser", "a", made->sheet, &error);
    g_assert_no_error(error);
    return made;
}

static mode_t
mode_of(struct made *made, const char *name)
{
    struct stat status;
    g_autofree char *path = g_build_filename(made->folder, name, NULL);
    g_assert_cmpint(stat(path, &status), ==, 0);
    return status.st_mode & 07777;
}

static void
expect_no_open(struct made *made, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(keys_open(made->folder, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, expected));
}

static void
made_keys_open_and_secrets_are_closed(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    AUTO(keys) *keys = keys_open(made->folder, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(keys->site, ==, "Klinik Häuser");
    g_assert_cmpstr(keys->node, ==, "a");
    g_assert_cmpuint(keys->n_identities, ==, 1);
    g_assert_cmpuint(keys->n_recipients, ==, 2);
    g_assert_cmpmem(keys->recipients[0], AGE_KEY_SIZE, keys->identities[0].public, AGE_KEY_SIZE);
    g_autofree char *recovery = age_recipient_text(keys->recipients[1]);
    g_assert_cmpstr(recovery, ==, made->sheet->recipient);
    g_autofree char *signer = minisign_public_text(&keys->trusted[0]);
    g_assert_cmpstr(signer, ==, made->sheet->signer);
    g_assert_true(keys_trusted(keys, keys->trusted[0].id) == &keys->trusted[0]);
    g_assert_null(keys_trusted(keys, (const guint8 *)"12345678"));
    g_assert_cmpuint(mode_of(made, "."), ==, 0700);
    g_assert_cmpuint(mode_of(made, "identity.age"), ==, 0600);
    g_assert_cmpuint(mode_of(made, "signing.pem"), ==, 0600);
    g_assert_cmpint(scratch_shell(made->scratch, NULL, "test \"$(ls state)\" = keys"), ==, 0);
}

static void
the_recovery_secret_is_in_the_sheet_only(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    struct age_identity recovery;
    age_identity_parse(made->sheet->secret, &recovery, &error);
    g_assert_no_error(error);
    g_autofree char *recipient = age_recipient_text(recovery.public);
    g_assert_cmpstr(recipient, ==, made->sheet->recipient);
    g_autofree char *search = g_strdup_printf("! grep -rq %s state", made->sheet->secret);
    g_assert_cmpint(scratch_shell(made->scratch, NULL, search), ==, 0);
}

static void
keys_are_never_overwritten(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    AUTO(keys_sheet) *sheet = g_new0(struct keys_sheet, 1);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    scratch_shell(made->scratch, &before, "cat state/keys/*.*");
    g_assert_false(keys_init(made->folder, "other", "b", sheet, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_assert_null(sheet->secret);
    scratch_shell(made->scratch, &after, "cat state/keys/*.*");
    g_assert_cmpstr(before, ==, after);
    g_clear_error(&error);
    g_autofree char *elsewhere = g_build_filename(made->scratch->path, "state", NULL);
    g_assert_false(keys_init(elsewhere, "other", "b", sheet, &error)); /* not empty */
    g_assert_error(error, FAIL, FAIL_USAGE);
}

static void
an_interrupted_run_leaves_nothing_that_matters(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    AUTO(keys_sheet) *sheet = g_new0(struct keys_sheet, 1);
    g_autofree char *folder = g_build_filename(scratch->path, "keys", NULL);
    g_autofree char *slashed = g_strdup_printf("%s/", folder);
    scratch_shell(scratch, NULL, "mkdir keys keys.partial && echo half >keys.partial/identity.age");
    keys_init(slashed, "site", "a", sheet, &error); /* and an empty folder is no obstacle */
    g_assert_no_error(error);
    AUTO(keys) *keys = keys_open(folder, &error);
    g_assert_no_error(error);
    g_assert_nonnull(keys);
    g_assert_cmpint(scratch_shell(scratch, NULL, "test \"$(ls)\" = keys"), ==, 0);
}

static void
names_are_checked(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(keys_sheet) *sheet = g_new0(struct keys_sheet, 1);
    g_autofree char *folder = g_build_filename(scratch->path, "keys", NULL);
    g_autofree char *long_site = g_strnfill(101, 's');
    const char *const sites[] = {"", "a\nb", "a\x7f", "\xff", "a\xc2\x85", long_site};
    const char *const nodes[] = {"", "A", "a b", "ä", "a_b", "012345678901234567890123456789012"};
    for (guint i = 0; i < 6; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(keys_init(folder, sites[i], "a", sheet, &error));
        g_assert_error(error, FAIL, FAIL_USAGE);
        g_assert_false(keys_init(folder, "site", nodes[i], sheet, NULL));
    }
    g_assert_cmpint(scratch_shell(scratch, NULL, "test -z \"$(ls)\""), ==, 0);
}

static void
missing_keys_tell_how_to_make_them(void)
{
    AUTO(made) *made = make_keys();
    static const char *const names[] = {"identity.age", "signing.pem", "signing.pub",
                                        "recovery.pub", "site"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *away = g_strdup_printf("mv state/keys/%s away", names[i]);
        g_autofree char *back = g_strdup_printf("mv away state/keys/%s", names[i]);
        scratch_shell(made->scratch, NULL, away);
        expect_no_open(made, i == 0 ? "no keys in" : names[i]);
        scratch_shell(made->scratch, NULL, back);
    }
    scratch_shell(made->scratch, NULL, "rm -r state/keys");
    expect_no_open(made, "hint: run 'lifeboat key init --keys ");
}

static void
secrets_that_others_can_read_are_refused_with_the_remedy(void)
{
    AUTO(made) *made = make_keys();
    scratch_shell(made->scratch, NULL, "chmod 640 state/keys/signing.pem");
    expect_no_open(made, "(mode 0640)\nhint: chmod 600 ");
    scratch_shell(made->scratch, NULL,
                  "chmod 600 state/keys/signing.pem; chmod 604 state/keys/identity.age");
    expect_no_open(made, "hint: chmod 600 ");
    scratch_shell(made->scratch, NULL, "chmod 600 state/keys/identity.age; chmod 770 state/keys");
    expect_no_open(made, "hint: chmod 700 ");
    scratch_shell(made->scratch, NULL, "chmod 750 state/keys");
    AUTO(keys) *keys = keys_open(made->folder, NULL);
    g_assert_nonnull(keys);
}

static void
damaged_keys_are_refused(void)
{
    static const struct {
        const char *command;
        const char *expected;
    } cases[] = {
        {"sed -i s/KEY-1./KEY-1b/ state/keys/identity.age",
         "identity.age': line 3: not an age secret key"},
        {"echo nothing >state/keys/identity.age", "holds no age identity"},
        {"echo nothing >state/keys/signing.pem", "not an unencrypted Ed25519 key"},
        {"cp other/signing.pub state/keys/signing.pub", "not the public half"},
        {"echo age1x >state/keys/recovery.pub", "not an age recipient"},
        {"echo one >state/keys/site", "must be two lines"},
        {"printf 'one\\nTWO\\n' >state/keys/site", "a node's name"},
        {"echo x >state/keys/trusted/b.pub", "not a minisign public key"},
        {"head -c 5000 /dev/zero >state/keys/trusted/b.pub", "not a file of keys"},
    };
    AUTO(made) *made = make_keys();
    AUTO(keys_sheet) *sheet = g_new0(struct keys_sheet, 1);
    g_autofree char *other = g_build_filename(made->scratch->path, "other", NULL);
    g_assert_true(keys_init(other, "site", "b", sheet, NULL));
    scratch_shell(made->scratch, NULL, "cp -a state saved");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(scratch_shell(made->scratch, NULL, cases[i].command), ==, 0);
        expect_no_open(made, cases[i].expected);
        scratch_shell(made->scratch, NULL, "rm -r state && cp -a saved state");
    }
}

static void
other_signers_are_trusted_when_their_key_is_there(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    AUTO(keys_sheet) *sheet = g_new0(struct keys_sheet, 1);
    struct minisign_public public;
    g_autofree char *other = g_build_filename(made->scratch->path, "other", NULL);
    g_assert_true(keys_init(other, "site", "b", sheet, NULL));
    scratch_shell(made->scratch, NULL,
                  "cp other/signing.pub state/keys/trusted/b.pub;"
                  "cp state/keys/signing.pub state/keys/trusted/a.pub;" /* our own once more */
                  "echo notes >state/keys/trusted/README");
    AUTO(keys) *keys = keys_open(made->folder, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(keys->n_trusted, ==, 2);
    g_assert_true(minisign_public_parse(sheet->signer, &public, NULL));
    g_assert_nonnull(keys_trusted(keys, public.id));
    scratch_shell(made->scratch, NULL, "rm -r state/keys/trusted");
    AUTO(keys) *alone = keys_open(made->folder, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(alone->n_trusted, ==, 1);
}

static struct keys *
open_bare_text(struct scratch *scratch, const char *text, const char *signer, GError **error)
{
    g_autofree char *path = g_build_filename(scratch->path, "key", NULL);
    scratch_write(scratch, "key", text, strlen(text));
    const char *signers[] = {signer, NULL};
    return keys_open_bare(path, signers, error);
}

static void
a_bare_machine_may_trust_several_signers(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *first = make_keys();
    AUTO(made) *second = make_keys();
    const char *signers[] = {first->sheet->signer, second->sheet->signer, first->sheet->signer,
                             NULL};
    AUTO(keys) *keys = keys_open_bare(NULL, signers, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(keys->n_trusted, ==, 2);
}

static void
keys_need_not_be_there_but_broken_ones_are_an_error(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    g_autofree char *nowhere = g_build_filename(made->folder, "nowhere", NULL);
    struct keys *keys;
    g_assert_true(keys_open_if_any(nowhere, &keys, &error));
    g_assert_null(keys);
    g_assert_true(keys_open_if_any(made->folder, &keys, &error));
    g_assert_nonnull(keys);
    g_assert_cmpstr(keys->folder, ==, made->folder);
    keys_free(keys);
    scratch_shell(made->scratch, NULL, "echo nothing >state/keys/signing.pem");
    g_assert_false(keys_open_if_any(made->folder, &keys, &error));
    g_assert_nonnull(error);
}

static void
a_saved_sheet_opens_as_a_key(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    g_autofree char *page = keys_sheet_text(made->sheet, &error);
    g_assert_no_error(error);
    AUTO(keys) *keys = open_bare_text(made->scratch, page, made->sheet->signer, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(keys->n_identities, ==, 1);
    g_autofree char *secret = age_identity_secret_text(&keys->identities[0]);
    g_assert_cmpstr(secret, ==, made->sheet->secret);
    g_assert_cmpuint(keys->n_trusted, ==, 1);
    g_assert_cmpuint(keys->n_recipients, ==, 0);
    g_assert_null(keys->signing);
}

static void
identity_files_may_hold_comments_and_several_keys(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    struct age_identity other;
    age_identity_generate(&other);
    g_autofree char *second = age_identity_secret_text(&other);
    g_autofree char *small = g_ascii_strdown(second, -1); /* typed by hand */
    g_autofree char *text = g_strdup_printf("# created: today\n# AGE-SECRET-KEY-1\n%s\r\n\n  %s.",
                                            made->sheet->secret, small);
    AUTO(keys) *keys = open_bare_text(made->scratch, text, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(keys->n_identities, ==, 2);
    g_assert_cmpmem(keys->identities[1].secret, AGE_KEY_SIZE, other.secret, AGE_KEY_SIZE);
    g_assert_cmpuint(keys->n_trusted, ==, 0);
}

static void
a_bare_machine_is_told_what_is_wrong_with_its_key(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    AUTO(keys) *none = keys_open_bare(NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->n_identities + none->n_trusted, ==, 0);
    g_assert_null(keys_open_bare("/nowhere/key", NULL, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
    g_clear_error(&error);
    g_assert_null(open_bare_text(made->scratch, "nothing here\n", NULL, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
    g_clear_error(&error);
    made->sheet->secret[30] = made->sheet->secret[30] == 'Q' ? 'P' : 'Q';
    g_autofree char *text = g_strdup_printf("\n%s\n", made->sheet->secret);
    g_assert_null(open_bare_text(made->scratch, text, NULL, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
    g_assert_nonnull(strstr(error->message, "line 2: "));
    g_assert_null(strstr(error->message, made->sheet->secret));
    g_clear_error(&error);
    static const char *const cut[] = {"RWQ", NULL};
    g_assert_null(keys_open_bare(NULL, cut, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
}

/* The modules of the first code on the page, dark as '1': each line of text is two rows of them. */
static char *
modules_of(const char *page, int *width)
{
    g_auto(GStrv) lines = g_strsplit(page, "\n", 0);
    GString *modules = g_string_new(NULL);
    guint first = 0;
    while (strstr(lines[first], "█") == NULL)
        first++;
    *width = (int)g_utf8_strlen(lines[first], -1) - 8;
    for (int y = 0; y < *width; y++) {
        const char *half = y % 2 == 0 ? "▀" : "▄";
        const char *c = g_utf8_offset_to_pointer(lines[first + (guint)y / 2], 4);
        for (int x = 0; x < *width; x++, c = g_utf8_next_char(c))
            g_string_append_c(modules,
                              g_str_has_prefix(c, "█") || g_str_has_prefix(c, half) ? '1' : '0');
    }
    return g_string_free(modules, FALSE);
}

static void
the_sheet_says_all_and_its_code_is_the_secret(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(made) *made = make_keys();
    int width = 0;
    g_autofree char *page = keys_sheet_text(made->sheet, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(page, "Klinik Häuser"));
    g_assert_nonnull(strstr(page, made->sheet->secret));
    g_assert_nonnull(strstr(page, made->sheet->signer));
    g_assert_nonnull(strstr(page, made->sheet->recipient));
    g_assert_nonnull(strstr(page, "lifeboat-restore run STORE --target URL --credentials "));
    g_autofree char *modules = modules_of(page, &width);
    QRcode *code = QRcode_encodeString(made->sheet->secret, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    g_assert_cmpint(width, ==, code->width);
    for (int i = 0; i < width * width; i++)
        g_assert_cmpint((guint8)modules[i], ==, '0' + (code->data[i] & 1));
    QRcode_free(code);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keys/made-keys-open-and-secrets-are-closed",
                    made_keys_open_and_secrets_are_closed);
    g_test_add_func("/keys/the-recovery-secret-is-in-the-sheet-only",
                    the_recovery_secret_is_in_the_sheet_only);
    g_test_add_func("/keys/keys-are-never-overwritten", keys_are_never_overwritten);
    g_test_add_func("/keys/an-interrupted-run-leaves-nothing-that-matters",
                    an_interrupted_run_leaves_nothing_that_matters);
    g_test_add_func("/keys/names-are-checked", names_are_checked);
    g_test_add_func("/keys/missing-keys-tell-how-to-make-them", missing_keys_tell_how_to_make_them);
    g_test_add_func("/keys/secrets-that-others-can-read-are-refused-with-the-remedy",
                    secrets_that_others_can_read_are_refused_with_the_remedy);
    g_test_add_func("/keys/damaged-keys-are-refused", damaged_keys_are_refused);
    g_test_add_func("/keys/other-signers-are-trusted-when-their-key-is-there",
                    other_signers_are_trusted_when_their_key_is_there);
    g_test_add_func("/keys/a-saved-sheet-opens-as-a-key", a_saved_sheet_opens_as_a_key);
    g_test_add_func("/keys/a-bare-machine-may-trust-several-signers",
                    a_bare_machine_may_trust_several_signers);
    g_test_add_func("/keys/keys-need-not-be-there-but-broken-ones-are-an-error",
                    keys_need_not_be_there_but_broken_ones_are_an_error);
    g_test_add_func("/keys/identity-files-may-hold-comments-and-several-keys",
                    identity_files_may_hold_comments_and_several_keys);
    g_test_add_func("/keys/a-bare-machine-is-told-what-is-wrong-with-its-key",
                    a_bare_machine_is_told_what_is_wrong_with_its_key);
    g_test_add_func("/keys/the-sheet-says-all-and-its-code-is-the-secret",
                    the_sheet_says_all_and_its_code_is_the_secret);
    return g_test_run();
}
