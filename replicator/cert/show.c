#include "replicator/cert/show.h"

#include "lib/json/json.h"
#include "replicator/tell.h"

static const char *
title_of(const char *what)
{
    static const char *const titles[][2] = {
        {"root", "the site's root"},           {"issuing", "what it signs with"},
        {"own", "the server's own"},           {"public", "public"},
        {"previous", "the public one before"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(titles); i++)
        if (g_strcmp0(titles[i][0], what) == 0)
            return titles[i][1];
    return what != NULL ? what : "?";
}

char *
show_names(struct slice answer, const char *member)
{
    GString *out = g_string_new(NULL);
    struct slice list, each;
    if (json_member(answer, member, &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each);) {
            g_string_append(out, out->len > 0 ? ", " : "");
            if (json_type(each) == JSON_STRING)
                json_unescape(each, out);
        }
    return g_string_free(out, FALSE);
}

static char *
ends_of(struct slice certificate)
{
    const gint64 time = json_member_time(certificate, "not_after");
    return time > 0 ? tell_time(time) : g_strdup("?");
}

static void
append_certificate(GString *out, struct slice certificate)
{
    g_autofree char *what = tell_text(certificate, "what");
    g_autofree char *subject = tell_text(certificate, "subject");
    g_autofree char *issuer = tell_text(certificate, "issuer");
    g_autofree char *fingerprint = tell_text(certificate, "fingerprint");
    g_autofree char *names = show_names(certificate, "names"), *ends = ends_of(certificate);
    g_string_append_printf(out, "%s: %s%s\n", title_of(what), subject != NULL ? subject : "?",
                           json_member_true(certificate, "in_force") ? "   IN FORCE" : "");
    if (g_strcmp0(subject, issuer) != 0)
        g_string_append_printf(out, "  signed by    %s\n", issuer != NULL ? issuer : "?");
    if (*names != '\0')
        g_string_append_printf(out, "  names        %s\n", names);
    g_string_append_printf(out, "  ends         %s\n", ends);
    g_string_append_printf(out, "  fingerprint  %s\n", fingerprint != NULL ? fingerprint : "?");
}

static void
append_rest(GString *out, struct slice answer)
{
    guint64 issued = 0, revoked = 0;
    const gint64 request = json_member_time(answer, "request");
    g_autofree char *peer = tell_text(answer, "peer");
    g_autofree char *missing = show_names(answer, "missing");
    json_member_unsigned(answer, "issued", &issued);
    json_member_unsigned(answer, "revoked", &revoked);
    if (*missing != '\0')
        g_string_append_printf(out, "the public certificate is NOT FOR %s\n", missing);
    if (issued > 0)
        g_string_append_printf(out,
                               "for others: %" G_GUINT64_FORMAT
                               " certificates by ACME, %" G_GUINT64_FORMAT " of them revoked\n",
                               issued, revoked);
    if (request > 0) {
        g_autofree char *when = tell_time(request);
        g_string_append_printf(out, "a request waits for its certificate since %s\n", when);
    }
    if (peer != NULL)
        g_string_append_printf(out, "the other node %s\n",
                               g_str_equal(peer, "alike")    ? "has all of this, too"
                               : g_str_equal(peer, "behind") ? "has not got all of this yet"
                                                             : "is away");
}

char *
show_certificates(struct slice answer)
{
    GString *out = g_string_new(NULL);
    struct slice list, each, authority;
    gboolean any = FALSE;
    if (json_member(answer, "certificates", &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each); any = TRUE)
            append_certificate(out, each);
    if (!any)
        g_string_append(out, "there are no certificates yet\n");
    if (json_member(answer, "authority", &authority) && json_type(authority) != JSON_OBJECT)
        g_string_append(out, "the site has no root of its own: lifeboat cert init\n");
    append_rest(out, answer);
    return g_string_free(out, FALSE);
}

char *
show_in_force(struct slice answer)
{
    struct slice list, each;
    if (json_member(answer, "certificates", &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each);) {
            if (!json_member_true(each, "in_force"))
                continue;
            g_autofree char *what = tell_text(each, "what"), *subject = tell_text(each, "subject");
            g_autofree char *ends = ends_of(each);
            return g_strdup_printf("%s, %s, ends %s", subject != NULL ? subject : "?",
                                   g_strcmp0(what, "public") == 0 ? "public" : "the site's own",
                                   ends);
        }
    return g_strdup("there is none yet: `lifeboat cert init` on the active node");
}
