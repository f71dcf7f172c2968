/* minisign: the real tool checks our signatures and we check its; nothing altered goes through. */
#include "lib/base/fail.h"
#include "lib/crypt/minisign.h"
#include "tests/unit/scratch.h"

#define DATA "{\"format\":1}\n"
#define DATA_SIZE (sizeof DATA - 1)

static char *
sign_data(const struct minisign_secret *secret, struct minisign_public *public)
{
    g_autoptr(GError) error = NULL;
    minisign_secret_public(secret, public);
    char *signature = minisign_sign(secret, DATA, DATA_SIZE, "site: Klinik 日本", &error);
    g_assert_no_error(error);
    return signature;
}

static void
expect_failure(const struct minisign_public *public, const char *signature, const char *data,
               gsize size, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(minisign_verify(public, signature, data, size, NULL, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_nonnull(strstr(error->message, expected));
}

static void
what_we_sign_we_verify(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *comment = NULL;
    struct minisign_public public;
    guint8 signer[MINISIGN_KEY_ID];
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    g_autofree char *signature = sign_data(secret, &public);
    minisign_verify(&public, signature, DATA, DATA_SIZE, &comment, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(comment, ==, "site: Klinik 日本");
    g_assert_true(minisign_signer(signature, signer, &error));
    g_assert_cmpmem(signer, sizeof signer, public.id, sizeof public.id);
}

static void
keys_survive_as_text(void)
{
    g_autoptr(GError) error = NULL;
    struct minisign_public public;
    struct minisign_public parsed;
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    g_autofree char *pem = minisign_secret_text(secret);
    AUTO(minisign_secret) *again = minisign_secret_parse(pem, &error);
    g_assert_no_error(error);
    g_autofree char *signature = sign_data(again, &public);
    g_autofree char *line = minisign_public_text(&public);
    g_autofree char *file = minisign_public_file(&public, "node a");
    g_autofree char *pasted = g_strdup_printf("  %s\r\n\n", line);
    const char *const texts[] = {line, file, pasted};
    g_assert_cmpuint(strlen(line), ==, 56);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        minisign_public_parse(texts[i], &parsed, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(&parsed, sizeof parsed, &public, sizeof public);
    }
    g_assert_true(minisign_verify(&parsed, signature, DATA, DATA_SIZE, NULL, NULL));
}

static void
what_is_no_key_is_refused(void)
{
    static const char *const texts[] = {"",
                                        "RW",
                                        "untrusted comment: only a comment",
                                        "untrusted comment: x\nRWQ=\n",
                                        "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3=",
                                        "RUQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"};
    struct minisign_public public;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(minisign_public_parse(texts[i], &public, &error));
        g_assert_error(error, FAIL, FAIL_KEY);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(minisign_secret_parse("-----BEGIN PRIVATE KEY-----\nAAAA\n", &error));
    g_assert_error(error, FAIL, FAIL_KEY);
}

static void
an_encrypted_key_is_refused_without_asking_at_the_terminal(void)
{
    if (!scratch_has_tool("openssl"))
        return;
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *pem = NULL;
    g_assert_cmpint(scratch_shell(scratch, &pem,
                                  "openssl genpkey -algorithm ed25519 -aes256 -pass pass:secret"),
                    ==, 0);
    g_assert_null(minisign_secret_parse(pem, &error));
    g_assert_error(error, FAIL, FAIL_KEY);
    g_autofree char *other = NULL;
    g_assert_cmpint(scratch_shell(scratch, &other, "openssl genpkey -algorithm x25519"), ==, 0);
    g_assert_null(minisign_secret_parse(other, NULL));
}

/* All but the untrusted comment, which says so itself. */
static void
every_flipped_bit_is_noticed(void)
{
    struct minisign_public public;
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    g_autofree char *signature = sign_data(secret, &public);
    char *start = strchr(signature, '\n') + 1;
    gsize length = strlen(start);
    for (gsize bit = 0; bit < length * 8 - 8; bit++) { /* the last newline may be missing */
        start[bit / 8] ^= (char)(1 << bit % 8);
        if (start[bit / 8] != '\0')
            g_assert_false(minisign_verify(&public, signature, DATA, DATA_SIZE, NULL, NULL));
        start[bit / 8] ^= (char)(1 << bit % 8);
    }
    char data[] = DATA;
    for (gsize bit = 0; bit < DATA_SIZE * 8; bit++) {
        data[bit / 8] ^= (char)(1 << bit % 8);
        expect_failure(&public, signature, data, DATA_SIZE, "does not match the data");
        data[bit / 8] ^= (char)(1 << bit % 8);
    }
    g_assert_true(minisign_verify(&public, signature, DATA, DATA_SIZE, NULL, NULL));
}

static void
each_failure_has_its_own_words(void)
{
    struct minisign_public public;
    struct minisign_public other_public;
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    AUTO(minisign_secret) *other = minisign_secret_generate();
    g_autofree char *signature = sign_data(secret, &public);
    g_autofree char *long_text = g_strnfill(5000, 'x');
    minisign_secret_public(other, &other_public);
    expect_failure(&other_public, signature, DATA, DATA_SIZE, "signed by key ");
    expect_failure(&public, "", DATA, DATA_SIZE, "not a minisign signature");
    g_autofree char *longer = g_strdup_printf("%sone line more\n", signature);
    expect_failure(&public, longer, DATA, DATA_SIZE, "not a minisign signature");
    expect_failure(&public, long_text, DATA, DATA_SIZE, "not a minisign signature");
    memcpy(other_public.id, public.id, sizeof public.id); /* somebody else under our id */
    expect_failure(&other_public, signature, DATA, DATA_SIZE, "does not match the data");
    *strstr(signature, "Klinik") = 'k';
    expect_failure(&public, signature, DATA, DATA_SIZE, "trusted comment was altered");
}

static void
comments_are_one_line(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    g_autofree char *endless = g_strnfill(MINISIGN_FILE_MAX, 'x');
    g_assert_null(minisign_sign(secret, DATA, DATA_SIZE, "a\nb", &error));
    g_assert_nonnull(error);
    g_assert_null(minisign_sign(secret, DATA, DATA_SIZE, endless, NULL));
}

static void
the_real_minisign_verifies_what_we_sign(void)
{
    if (!scratch_has_tool("minisign"))
        return;
    AUTO(scratch) *scratch = scratch_new();
    struct minisign_public public;
    AUTO(minisign_secret) *secret = minisign_secret_generate();
    g_autofree char *signature = sign_data(secret, &public);
    g_autofree char *file = minisign_public_file(&public, "node a");
    g_autofree char *printed = NULL;
    scratch_write(scratch, "data", DATA, DATA_SIZE);
    scratch_write(scratch, "data.minisig", signature, strlen(signature));
    scratch_write(scratch, "a.pub", file, strlen(file));
    g_assert_cmpint(scratch_shell(scratch, &printed, "minisign -Vm data -p a.pub"), ==, 0);
    g_assert_nonnull(strstr(printed, "Trusted comment: site: Klinik 日本"));
    scratch_write(scratch, "data", DATA, DATA_SIZE - 1);
    g_assert_cmpint(scratch_shell(scratch, NULL, "minisign -Vm data -p a.pub"), !=, 0);
}

static void
we_verify_what_the_real_minisign_signs(void)
{
    if (!scratch_has_tool("minisign"))
        return;
    g_autoptr(GError) error = NULL;
    g_autofree char *comment = NULL;
    AUTO(scratch) *scratch = scratch_new();
    struct minisign_public public;
    scratch_write(scratch, "data", DATA, DATA_SIZE);
    g_assert_cmpint(scratch_shell(scratch, NULL,
                                  "minisign -G -W -p key.pub -s key.sec && "
                                  "minisign -S -s key.sec -m data -t 'by hand' && "
                                  "minisign -S -l -s key.sec -m data -x legacy"),
                    ==, 0);
    g_autofree char *file = scratch_read(scratch, "key.pub", NULL);
    g_autofree char *signature = scratch_read(scratch, "data.minisig", NULL);
    g_autofree char *legacy = scratch_read(scratch, "legacy", NULL);
    minisign_public_parse(file, &public, &error);
    g_assert_no_error(error);
    minisign_verify(&public, signature, DATA, DATA_SIZE, &comment, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(comment, ==, "by hand");
    expect_failure(&public, legacy, DATA, DATA_SIZE, "prehashed");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/minisign/what-we-sign-we-verify", what_we_sign_we_verify);
    g_test_add_func("/minisign/keys-survive-as-text", keys_survive_as_text);
    g_test_add_func("/minisign/what-is-no-key-is-refused", what_is_no_key_is_refused);
    g_test_add_func("/minisign/an-encrypted-key-is-refused-without-asking-at-the-terminal",
                    an_encrypted_key_is_refused_without_asking_at_the_terminal);
    g_test_add_func("/minisign/every-flipped-bit-is-noticed", every_flipped_bit_is_noticed);
    g_test_add_func("/minisign/each-failure-has-its-own-words", each_failure_has_its_own_words);
    g_test_add_func("/minisign/comments-are-one-line", comments_are_one_line);
    g_test_add_func("/minisign/the-real-minisign-verifies-what-we-sign",
                    the_real_minisign_verifies_what_we_sign);
    g_test_add_func("/minisign/we-verify-what-the-real-minisign-signs",
                    we_verify_what_the_real_minisign_signs);
    return g_test_run();
}
