/* multipart: answers as CouchDB builds them (chttpd_db:send_docs_multipart_bulk_get) are read,
 * however they are cut; others end. */
#include "lib/base/fail.h"
#include "lib/couch/read/multipart.h"
#include "lib/json/json.h"

#define OUTER "--5b3a0cafe0"
#define INNER "--99aa0beef1"
#define TYPE "multipart/related; boundary=\"" OUTER "\""

struct part {
    const char *name; /* raw JSON, with quotes */
    const char *data; /* NULL: a stub */
    gboolean encoded;
};

struct document {
    const char *id; /* raw JSON, with quotes; NULL: refused */
    struct part parts[4];
};

static void
append_unescaped(GString *out, const char *string)
{
    json_unescape(slice_of(string), out);
}

static void
append_json(GString *out, const struct document *document)
{
    g_string_append_printf(out, "{\"_id\":%s,\"_rev\":\"1-a\",\"v\":\"\\r\\n--" OUTER "\"",
                           document->id);
    for (guint i = 0; i < 4 && document->parts[i].name != NULL; i++) {
        const struct part *part = &document->parts[i];
        g_string_append_printf(
            out, "%s%s:{\"content_type\":\"text/\\\"x\",\"revpos\":1,\"length\":%zu,\"%s\":true%s",
            i == 0 ? ",\"_attachments\":{" : ",", part->name,
            part->data != NULL && !part->encoded ? strlen(part->data) : 77,
            part->data != NULL ? "follows" : "stub", i == 0 ? ",\"digest\":\"md5-x\"" : "");
        if (part->encoded && part->data != NULL)
            g_string_append_printf(out, ",\"encoding\":\"gzip\",\"encoded_length\":%zu",
                                   strlen(part->data));
        g_string_append_c(out, '}');
    }
    g_string_append(out, document->parts[0].name != NULL ? "}}" : "}");
}

static void
append_part(GString *out, const struct part *part)
{
    g_string_append(out, "\r\nContent-Disposition: attachment; filename=\"");
    append_unescaped(out, part->name);
    g_string_append_printf(out, "\"\r\nContent-Type: text/\"x\r\nContent-Length: %zu",
                           strlen(part->data));
    g_string_append_printf(out, "%s\r\n\r\n%s\r\n--" INNER,
                           part->encoded ? "\r\nContent-Encoding: gzip" : "", part->data);
}

static void
append_document(GString *out, const struct document *document)
{
    gboolean some = FALSE;
    for (guint i = 0; i < 4; i++)
        some = some || document->parts[i].data != NULL;
    g_string_append(out, "\r\n--" OUTER);
    if (document->id == NULL) {
        g_string_append(out, "\r\nContent-Type: application/json; error=\"true\"\r\n\r\n"
                             "{\"rev\":\"1-a\",\"error\":\"not_found\",\"reason\":\"missing\"}");
        return;
    }
    if (!some) {
        g_string_append(out, "\r\nContent-Type: application/json\r\n\r\n");
        append_json(out, document);
        return;
    }
    g_string_append(out, "\r\nX-Doc-Id: ");
    append_unescaped(out, document->id);
    g_string_append(out, "\r\nX-Rev-Id: 1-a\r\nContent-Type: multipart/related; boundary=" INNER
                         "\r\n\r\n--" INNER "\r\nContent-Type: application/json\r\n\r\n");
    append_json(out, document);
    g_string_append(out, "\r\n--" INNER);
    for (guint i = 0; i < 4; i++)
        if (document->parts[i].data != NULL)
            append_part(out, &document->parts[i]);
    g_string_append(out, "--");
}

static const struct document documents[] = {
    {"\"plain\"", {{NULL}}},
    {"\"stubs\"", {{"\"a\"", NULL, FALSE}, {"\"b\"", NULL, FALSE}}},
    {"\"one\"", {{"\"a.txt\"", "hello", FALSE}}},
    {NULL, {{NULL}}},
    {"\"i\\\"d\\r\\nX-Doc-Id: fake\\r\\n\\r\\n--" OUTER "\\u65e5\"",
     {{"\"n\\\"\\r\\n\\r\\n--" INNER "--\\r\\n\"", "\r\n--" INNER "\r\n--" OUTER "--", FALSE},
      {"\"stub\"", NULL, FALSE},
      {"\"empty\"", "", FALSE},
      {"\"\xe6\x97\xa5\"", "zipped", TRUE}}},
    {"\"_design/x\"", {{"\"s\"", NULL, FALSE}, {"\"\"", "", FALSE}}},
    {"\"after\"", {{NULL}}},
};

/* ---- the source ---- */

struct source {
    char *data; /* a copy of the piece shown, so that a sanitizer sees what is read beyond it */
    struct slice all;
    gsize at, piece, shown;
};

static gboolean
source_peek(void *context, struct slice *bytes, GError **error)
{
    struct source *source = context;
    (void)error;
    g_free(source->data);
    source->shown = MIN(source->piece, source->all.size - source->at);
    source->data = g_memdup2(source->all.data + source->at, source->shown);
    *bytes = (struct slice){source->data, source->shown};
    return TRUE;
}

static void
source_skip(void *context, gsize size)
{
    struct source *source = context;
    g_assert_cmpuint(size, <=, source->shown);
    source->shown -= size;
    source->at += size;
}

static char *
expected_log(gboolean data)
{
    GString *log = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
        const struct document *document = &documents[i];
        g_string_append_printf(log, "[%s", document->id != NULL ? document->id : "refused");
        for (guint k = 0; k < 4; k++)
            if (document->parts[k].data != NULL)
                g_string_append_printf(log, " %u=%s", k, data ? document->parts[k].data : "");
        g_string_append(log, "]");
    }
    return g_string_free(log, FALSE);
}

/* Reads all documents; NULL on error. `read`: bytes of each attachment to read, the rest is to be
 * passed over. */
static char *
read_all(struct slice answer, gsize piece, gsize read, gboolean visit)
{
    struct source source = {.all = answer, .piece = piece};
    struct multipart_source from = {source_peek, source_skip, &source};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) log = g_string_new(NULL);
    AUTO(multipart) *multipart = multipart_new(&from, TYPE, &error);
    g_assert_no_error(error);
    struct leaf leaf = {0};
    gboolean good = TRUE;
    for (guint i = 0; good && i < G_N_ELEMENTS(documents); i++) {
        const struct document *document = &documents[i];
        g_autoptr(GString) id = g_string_new(NULL);
        const char *refused;
        int which = 0;
        append_unescaped(id, document->id != NULL ? document->id : "\"gone\"");
        good = multipart_document(multipart, (struct slice){id->str, id->len}, &leaf, &refused,
                                  &error);
        g_assert_true(!good || (refused != NULL) == (document->id == NULL));
        g_string_append_printf(log, "[%s", document->id != NULL ? document->id : "refused");
        while (good && visit && (good = multipart_attachment(multipart, &leaf, &which, &error)) &&
               which >= 0) {
            g_string_append_printf(log, " %d=", which);
            struct slice bytes = {NULL, 1};
            for (gsize left = read; left > 0 && bytes.size > 0; left -= bytes.size) {
                if (!(good = multipart_data(multipart, &bytes, &error)))
                    break;
                bytes.size = MIN(bytes.size, left);
                g_string_append_len(log, bytes.data, (gssize)bytes.size);
                multipart_skip(multipart, bytes.size);
            }
        }
        g_string_append(log, "]");
    }
    g_assert_true(good == (error == NULL));
    leaf_clear(&leaf);
    g_free(source.data);
    return good ? g_string_free(g_steal_pointer(&log), FALSE) : NULL;
}

static GString *
whole_answer(void)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++)
        append_document(out, &documents[i]);
    g_string_append(out, "\r\n--" OUTER "--\r\n");
    return out;
}

static void
documents_come_out_in_pieces_of_every_size(void)
{
    g_autoptr(GString) answer = whole_answer();
    g_autofree char *expected = expected_log(TRUE);
    for (gsize piece = 1; piece <= answer->len; piece++) {
        g_autofree char *log =
            read_all((struct slice){answer->str, answer->len}, piece, G_MAXSIZE, TRUE);
        g_assert_cmpstr(log, ==, expected);
    }
}

static void
what_is_not_read_is_passed_over(void)
{
    g_autoptr(GString) answer = whole_answer();
    g_autofree char *expected = expected_log(FALSE);
    for (gsize piece = 1; piece < 60; piece++) {
        g_autofree char *heads = read_all((struct slice){answer->str, answer->len}, piece, 0, TRUE);
        g_assert_cmpstr(heads, ==, expected);
        g_autofree char *some = read_all((struct slice){answer->str, answer->len}, piece, 3, TRUE);
        g_assert_nonnull(some);
        g_autofree char *none = read_all((struct slice){answer->str, answer->len}, piece, 0, FALSE);
        g_assert_nonnull(none);
    }
}

static void
a_cut_answer_is_an_error(void)
{
    g_autoptr(GString) answer = whole_answer();
    gsize tail = strlen("\r\n--" OUTER "--\r\n");
    for (gsize size = 0; size < answer->len - tail; size++)
        for (gsize piece = 1; piece < 200; piece += 66) {
            g_autofree char *log =
                read_all((struct slice){answer->str, size}, piece, G_MAXSIZE, TRUE);
            g_assert_null(log);
        }
}

static void
a_changed_byte_does_no_harm(void)
{
    g_autoptr(GString) answer = whole_answer();
    g_autoptr(GRand) rand = g_rand_new_with_seed(4);
    for (gsize at = 0; at < answer->len; at++) {
        char right = answer->str[at];
        answer->str[at] = (char)g_rand_int_range(rand, 0, 256);
        g_autofree char *log =
            read_all((struct slice){answer->str, answer->len}, 50, G_MAXSIZE, TRUE);
        g_assert_true(log == NULL || strlen(log) > 0);
        answer->str[at] = right;
    }
}

static void
another_document_is_refused(void)
{
    static const struct document other[] = {{"\"other\"", {{NULL}}},
                                            {"\"other\"", {{"\"a\"", "x", FALSE}}}};
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GString) answer = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        append_document(answer, &other[i]);
        struct source source = {.all = {answer->str, answer->len}, .piece = 1000};
        struct multipart_source from = {source_peek, source_skip, &source};
        AUTO(multipart) *multipart = multipart_new(&from, TYPE, &error);
        struct leaf leaf = {0};
        const char *refused;
        g_assert_false(multipart_document(multipart, slice_of("asked"), &leaf, &refused, &error));
        g_assert_error(error, FAIL, FAIL_FAILED);
        leaf_clear(&leaf);
        g_free(source.data);
    }
}

static void
endless_headers_end(void)
{
    static const char *const heads[] = {
        "\r\n--" OUTER "\r\n", "\r\n--" OUTER "\r\nX: ",
        "\r\n--" OUTER "\r\nContent-Type: multipart/related; boundary=B\r\n\r\n--B\r\n"};
    static const char *const repeated[] = {"a:b\r\n", "zzzzz", "a:b\r\n"};
    for (guint i = 0; i < 3; i++) {
        g_autoptr(GString) answer = g_string_new(heads[i]);
        g_autoptr(GError) error = NULL;
        while (answer->len < 10 * MULTIPART_HEAD_MAX)
            g_string_append(answer, repeated[i]);
        struct source source = {.all = {answer->str, answer->len}, .piece = 1000};
        struct multipart_source from = {source_peek, source_skip, &source};
        AUTO(multipart) *multipart = multipart_new(&from, TYPE, &error);
        struct leaf leaf = {0};
        const char *refused;
        g_assert_false(multipart_document(multipart, slice_of("asked"), &leaf, &refused, &error));
        g_assert_cmpuint(source.at, <, 2 * MULTIPART_HEAD_MAX);
        leaf_clear(&leaf);
        g_free(source.data);
    }
}

static void
only_multipart_types_are_read(void)
{
    static const char *const good[] = {"multipart/mixed; boundary=a",
                                       "multipart/related; boundary=\"a b\"",
                                       "multipart/mixed; x=y; boundary=a; z=1"};
    static const char *const bad[] = {"application/json",
                                      "multipart/mixed",
                                      "multipart/mixed; boundary=",
                                      "multipart/mixed; boundary=\"\"",
                                      "multipart/mixed; boundary=\"a",
                                      "text/plain; boundary=a",
                                      ""};
    struct multipart_source from = {source_peek, source_skip, NULL};
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        AUTO(multipart) *multipart = multipart_new(&from, good[i], NULL);
        g_assert_nonnull(multipart);
    }
    for (guint i = 0; i <= G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(multipart_new(&from, i < G_N_ELEMENTS(bad) ? bad[i] : NULL, &error));
        g_assert_error(error, FAIL, FAIL_FAILED);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/multipart/documents come out in pieces of every size",
                    documents_come_out_in_pieces_of_every_size);
    g_test_add_func("/multipart/what is not read is passed over", what_is_not_read_is_passed_over);
    g_test_add_func("/multipart/a cut answer is an error", a_cut_answer_is_an_error);
    g_test_add_func("/multipart/a changed byte does no harm", a_changed_byte_does_no_harm);
    g_test_add_func("/multipart/another document is refused", another_document_is_refused);
    g_test_add_func("/multipart/endless headers end", endless_headers_end);
    g_test_add_func("/multipart/only multipart types are read", only_multipart_types_are_read);
    return g_test_run();
}
