/* xml: GLib's GMarkup parses; it knows no document types, so that no entity can grow. */
#include "replicator/offsite/xml.h"

#include "lib/base/fail.h"

struct reading {
    xml_element element;
    void *context;
    GString *path;
    GString *texts[XML_DEPTH_MAX]; /* of the elements that are open */
    guint depth;
    gboolean ended; /* the root has */
};

static void
begin_element(GMarkupParseContext *markup, const char *name, const char **names,
              const char **values, gpointer context, GError **error)
{
    struct reading *reading = context;
    (void)markup;
    (void)names;
    (void)values;
    if (reading->ended || reading->depth == XML_DEPTH_MAX || strlen(name) > XML_NAME_MAX) {
        fail_set(error, FAIL_FAILED,
                 reading->ended                    ? "there is more than one root"
                 : reading->depth == XML_DEPTH_MAX ? "its elements are nested too deep"
                                                   : "an element's name is too long");
        return;
    }
    if (reading->depth > 0)
        g_string_append_c(reading->path, '/');
    g_string_append(reading->path, name);
    reading->texts[reading->depth++] = g_string_new(NULL);
}

static void
end_element(GMarkupParseContext *markup, const char *name, gpointer context, GError **error)
{
    struct reading *reading = context;
    (void)markup;
    g_autoptr(GString) text = g_steal_pointer(&reading->texts[--reading->depth]);
    reading->ended = reading->depth == 0;
    if (!reading->element(reading->context, reading->path->str, text->str, error))
        return;
    gsize shorter = reading->path->len - strlen(name);
    g_string_truncate(reading->path, shorter - (shorter > 0));
}

static void
take_text(GMarkupParseContext *markup, const char *data, gsize size, gpointer context,
          GError **error)
{
    struct reading *reading = context;
    (void)markup;
    if (reading->depth == 0) /* white space around the root */
        return;
    GString *text = reading->texts[reading->depth - 1];
    if (text->len + size > XML_TEXT_MAX)
        fail_set(error, FAIL_FAILED, "the text of '%s' is longer than %d bytes", reading->path->str,
                 XML_TEXT_MAX);
    else
        g_string_append_len(text, data, (gssize)size);
}

static gboolean
parse(GMarkupParseContext *markup, struct reading *reading, struct slice text, GError **error)
{
    if (!g_markup_parse_context_parse(markup, text.data, (gssize)text.size, error) ||
        !g_markup_parse_context_end_parse(markup, error))
        return FALSE;
    return reading->ended || fail_set(error, FAIL_FAILED, "it has no root");
}

gboolean
xml_read(struct slice text, xml_element element, void *context, GError **error)
{
    static const GMarkupParser parser = {begin_element, end_element, take_text, NULL, NULL};
    struct reading reading = {.element = element, .context = context};
    reading.path = g_string_new(NULL);
    GMarkupParseContext *markup = g_markup_parse_context_new(&parser, 0, &reading, NULL);
    gboolean done = parse(markup, &reading, text, error);
    g_markup_parse_context_free(markup);
    while (reading.depth > 0)
        g_string_free(reading.texts[--reading.depth], TRUE);
    g_string_free(reading.path, TRUE);
    return done;
}
