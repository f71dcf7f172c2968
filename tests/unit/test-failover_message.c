/* message: what the nodes tell each other comes through whole, and nothing else does. */
#include "netsvc/failover/protocol/message.h"

#include <string.h>

#define ID "0123456789abcdef0123456789abcdef"

static struct protocol_message
whole(void)
{
    struct protocol_message message;
    memset(&message, 0, sizeof message);
    message.kind = PROTOCOL_CATCH_UP;
    g_strlcpy(message.cluster, ID, sizeof message.cluster);
    g_strlcpy(message.id, ID, sizeof message.id);
    g_strlcpy(message.about, ID, sizeof message.about);
    g_strlcpy(message.why, "the disk is \"full\"\n", sizeof message.why);
    message.term = G_GUINT64_CONSTANT(9007199254740992);
    message.held = 3;
    message.taken = message.open = TRUE;
    message.role = PROTOCOL_ACTIVE;
    return message;
}

static char *
text_of(const struct protocol_message *message)
{
    g_autoptr(GString) text = g_string_new(NULL);
    protocol_message_write(message, text);
    g_assert_cmpuint(text->len, <=, PROTOCOL_MESSAGE_MAX);
    g_assert_null(strchr(text->str, '\n'));
    return g_strdup(text->str);
}

static void
assert_wrong(const char *text, const char *why)
{
    struct protocol_message message;
    g_autoptr(GError) error = NULL;
    g_assert_false(protocol_message_read(slice_of(text), &message, &error));
    g_assert_nonnull(error);
    if (strstr(error->message, why) == NULL)
        g_error("'%s' says '%s', not '%s'", text, error->message, why);
}

/* `from` becomes `to` in a message that was right. */
static void
assert_wrong_with(const char *from, const char *to, const char *why)
{
    struct protocol_message message = whole();
    g_autofree char *text = text_of(&message);
    g_auto(GStrv) parts = g_strsplit(text, from, 2);
    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    g_autofree char *changed = g_strjoinv(to, parts);
    assert_wrong(changed, why);
}

static void
test_what_is_written_is_read(void)
{
    struct protocol_message message = whole(), again;
    g_autofree char *text = text_of(&message);
    g_autoptr(GError) error = NULL;
    g_assert_true(protocol_message_read(slice_of(text), &again, &error));
    g_assert_no_error(error);
    g_assert_cmpmem(&message, sizeof message, &again, sizeof again);
}

static void
test_a_long_reason_is_cut_between_letters(void)
{
    struct protocol_message message = whole(), again;
    memset(message.why, 0xff, sizeof message.why - 1); /* three bytes each, once it is UTF-8 */
    message.why[sizeof message.why - 1] = 0;
    g_autofree char *text = text_of(&message);
    g_assert_true(protocol_message_read(slice_of(text), &again, NULL));
    g_assert_cmpuint(strlen(again.why), ==, 255);
}

static void
test_what_is_not_right_is_refused(void)
{
    assert_wrong("", "message");
    assert_wrong("[]", "no object");
    assert_wrong("{}", "no 'kind'");
    assert_wrong_with("catch-up", "catchup", "wrong 'kind'");
    assert_wrong_with("active", "Active", "wrong 'role'");
    assert_wrong_with("0123456789abcdef", "0123456789ABCDEF", "wrong 'cluster'");
    assert_wrong_with("0123456789abcdef", "", "wrong 'cluster'");
    assert_wrong_with("9007199254740992", "9007199254740993", "wrong 'term'");
    assert_wrong_with("9007199254740992", "-1", "wrong 'term'");
    assert_wrong_with("9007199254740992", "1.0", "wrong 'term'");
    assert_wrong_with("\"taken\":true", "\"taken\":1", "wrong 'taken'");
    assert_wrong_with("\"open\":true", "\"open\":true,\"open\":true", "wrong 'open'");
    assert_wrong_with("\"open\":true,", "", "no 'open'");
    assert_wrong_with("full", "\\u0000", "wrong 'why'");
    g_autofree char *blank = g_strnfill(PROTOCOL_MESSAGE_MAX + 1, ' ');
    assert_wrong(blank, "more than 4096 bytes");
}

static void
test_what_a_newer_one_says_too_is_left_alone(void)
{
    struct protocol_message message = whole(), again;
    g_autofree char *text = text_of(&message);
    g_autofree char *more = g_strconcat("{\"newer\":[{}],", text + 1, NULL);
    g_assert_true(protocol_message_read(slice_of(more), &again, NULL));
    g_assert_cmpmem(&message, sizeof message, &again, sizeof again);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add_func("/failover_message/" name, function)
    TEST("what is written is read", test_what_is_written_is_read);
    TEST("a long reason is cut between letters", test_a_long_reason_is_cut_between_letters);
    TEST("what is not right is refused", test_what_is_not_right_is_refused);
    TEST("what a newer one says, too, is left alone", test_what_a_newer_one_says_too_is_left_alone);
    return g_test_run();
}
