#include "netsvc/dns/zone/load.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <ldns/ldns.h>
#include <string.h>

#define RDATA_MAX 65535    /* RFC 1035 3.2.1 */
#define TTL_MAX 0x7FFFFFFF /* RFC 2181 8 */
#define NO_TTL 0x7FFFFFFE  /* given to ldns as the default, to see that a record has none */
#define TEXT_MAX                                                                                   \
    65000            /* bytes of a record's text: beyond 65535 ldns cuts it off and says nothing */
#define SHOWN_MAX 60 /* bytes of a record that is none */

/* A file that is being read. */
struct source {
    const char *path;
    const char *at, *end;
    guint line;  /* that `at` is in */
    guint begun; /* that the record began in */
    const struct source *includer;
};

struct load {
    struct zone *zone;
    ldns_rdf *origin;
    ldns_rdf *owner; /* of the record before */
    guint32 ttl;
    guint included;
    guint8 *rdata; /* RDATA_MAX */
};

static gboolean read_source(struct load *load, struct source *source, GError **error);

static gboolean
wrong(const struct source *source, GError **error, const char *what)
{
    return fail_set(error, FAIL_USAGE, "%s:%u: %s", source->path, source->begun, what);
}

/* ---- lines ---- */

enum piece {
    PIECE_TEXT,
    PIECE_BLANK, /* a comment too */
    PIECE_BREAK, /* of the line */
    PIECE_OPEN,
    PIECE_CLOSE,
    PIECE_WRONG,
};

/* A quoted string; line breaks may be in it. FALSE: it has no end. */
static gboolean
pass_quoted(struct source *source)
{
    for (source->at++; source->at < source->end; source->at++) {
        source->line += *source->at == '\n';
        if (*source->at == '\\' && source->at + 1 < source->end)
            source->at++;
        else if (*source->at == '"')
            return source->at++ != NULL;
    }
    return FALSE;
}

static enum piece
pass_piece(struct source *source)
{
    switch (*source->at) {
    case '\0':
        return PIECE_WRONG;
    case '"':
        return pass_quoted(source) ? PIECE_TEXT : PIECE_WRONG;
    case ';':
        while (source->at < source->end && *source->at != '\n')
            source->at++;
        return PIECE_BLANK;
    case '\\':
        source->at += source->end - source->at > 1 && source->at[1] != '\n' ? 2 : 1;
        return PIECE_TEXT;
    case '\n':
        source->line++;
        source->at++;
        return PIECE_BREAK;
    case '(':
        source->at++;
        return PIECE_OPEN;
    case ')':
        source->at++;
        return PIECE_CLOSE;
    default:
        return g_ascii_isspace(*source->at++) ? PIECE_BLANK : PIECE_TEXT;
    }
}

/* The next record's text, over as many lines as its parentheses hold together, without these and
 * comments; line breaks become blanks. FALSE without error: that was all. */
static gboolean
next_line(struct source *source, GString *line, GError **error)
{
    guint depth = 0;
    gboolean any = FALSE;
    g_string_truncate(line, 0);
    while (source->at < source->end) {
        if (!any)
            source->begun = source->line;
        const char *start = source->at;
        enum piece piece = pass_piece(source);
        if (piece == PIECE_WRONG)
            return wrong(source, error, "a quoted text has no end, or there is a zero byte");
        if (piece == PIECE_CLOSE && depth == 0)
            return wrong(source, error, "')' without '('");
        depth += piece == PIECE_OPEN ? 1U : piece == PIECE_CLOSE ? -1U : 0U;
        if (piece == PIECE_BREAK && depth == 0 && any)
            return TRUE;
        if (piece == PIECE_BREAK && depth == 0)
            g_string_truncate(line, 0);
        else if (piece == PIECE_TEXT)
            g_string_append_len(line, start, source->at - start);
        else
            g_string_append_c(line, ' ');
        any = any || piece == PIECE_TEXT;
        if (line->len > TEXT_MAX)
            return wrong(source, error, "a record is longer than " G_STRINGIFY(TEXT_MAX) " bytes");
    }
    return depth == 0 ? any : wrong(source, error, "'(' without ')'");
}

/* ---- records ---- */

static void
name_of_rdf(struct name *name, const ldns_rdf *rdf)
{
    gsize taken = name_from_wire(name, ldns_rdf_data(rdf), ldns_rdf_size(rdf), NULL);
    g_assert(taken > 0);
}

static gboolean
add_rr(struct load *load, const struct source *source, const ldns_rr *rr, GError **error)
{
    gsize size = 0;
    for (gsize i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        gsize length = ldns_rdf_size(rdf);
        if (length > RDATA_MAX - size)
            return wrong(source, error,
                         "the data are longer than " G_STRINGIFY(RDATA_MAX) " bytes");
        if (length > 0)
            memcpy(load->rdata + size, ldns_rdf_data(rdf), length);
        size += length;
    }
    struct name owner;
    name_of_rdf(&owner, ldns_rr_owner(rr));
    guint32 ttl = ldns_rr_ttl(rr) == NO_TTL ? load->ttl : ldns_rr_ttl(rr);
    if (ttl > TTL_MAX)
        return wrong(source, error, "the TTL is larger than 2147483647 seconds");
    if (zone_add(load->zone, &owner, (guint16)ldns_rr_get_type(rr), ttl, load->rdata, size, error))
        return TRUE;
    g_prefix_error(error, "%s:%u: ", source->path, source->begun);
    return FALSE;
}

/* `name IN 3600 A …` is allowed too (RFC 1035 5.1), but ldns knows only `name 3600 IN A …`. */
static void
put_ttl_first(char *line)
{
    char *class = line;
    while (*class != '\0' && !g_ascii_isspace(*class))
        class ++;
    while (g_ascii_isspace(*class))
        class ++;
    if (g_ascii_strncasecmp(class, "IN ", 3) != 0)
        return;
    char *ttl = class + 3;
    while (*ttl == ' ')
        ttl++;
    gsize length = strcspn(ttl, " ");
    if (!g_ascii_isdigit(*ttl) || ttl[length] == '\0')
        return;
    memmove(class, ttl, length);
    memset(class + length, ' ', (gsize)(ttl - class));
    memcpy(class + length + 1, "IN", 2);
}

static gboolean
record(struct load *load, const struct source *source, char *line, GError **error)
{
    ldns_rr *rr = NULL;
    if (g_ascii_isspace(line[0]) && load->owner == NULL)
        return wrong(source, error, "the first record begins without a name");
    put_ttl_first(line);
    g_autofree char *shown = g_utf8_make_valid(line, (gssize)MIN(strlen(line), SHOWN_MAX));
    ldns_status status = ldns_rr_new_frm_str(&rr, line, NO_TTL, load->origin, &load->owner);
    if (status != LDNS_STATUS_OK)
        return fail_set(error, FAIL_USAGE, "%s:%u: '%s' is no record: %s", source->path,
                        source->begun, g_strchug(shown), ldns_get_errorstr_by_id(status));
    gboolean added = ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN
                         ? add_rr(load, source, rr, error)
                         : wrong(source, error, "the class is not IN");
    ldns_rr_free(rr);
    return added;
}

/* ---- directives ---- */

static ldns_rdf *
absolute(const struct load *load, const char *text)
{
    ldns_rdf *name = strcmp(text, "@") == 0 ? ldns_rdf_clone(load->origin) : NULL;
    if (name == NULL && ldns_str2rdf_dname(&name, text) != LDNS_STATUS_OK)
        return NULL;
    gsize length = strlen(text);
    if (length == 0 || (text[length - 1] != '.' && strcmp(text, "@") != 0 &&
                        ldns_dname_cat(name, load->origin) != LDNS_STATUS_OK)) {
        ldns_rdf_deep_free(name);
        return NULL;
    }
    return name;
}

static gboolean
origin(struct load *load, const struct source *source, const char *text, GError **error)
{
    ldns_rdf *name = text != NULL ? absolute(load, text) : NULL;
    if (name == NULL)
        return wrong(source, error, "$ORIGIN has no name behind it");
    ldns_rdf_deep_free(load->origin);
    load->origin = name;
    return TRUE;
}

static gboolean
default_ttl(struct load *load, const struct source *source, const char *text, GError **error)
{
    const char *end = text;
    guint32 ttl = text != NULL && g_ascii_isdigit(*text) ? ldns_str2period(text, &end) : 0;
    if (end == text || *end != '\0' || ttl > TTL_MAX)
        return wrong(source, error, "$TTL has no number of seconds behind it");
    load->ttl = ttl;
    return TRUE;
}

static char *
beside(const char *path, const char *file)
{
    g_autofree char *folder = g_path_get_dirname(path);
    return g_path_is_absolute(file) ? g_strdup(file) : g_build_filename(folder, file, NULL);
}

/* RFC 1035 5.1: its $ORIGIN does not outlive the file. */
static gboolean
include(struct load *load, const struct source *source, const char *file, const char *name,
        GError **error)
{
    guint depth = 0;
    for (const struct source *above = source; above != NULL; above = above->includer)
        depth++;
    if (file == NULL)
        return wrong(source, error, "$INCLUDE has no file behind it");
    if (depth >= LOAD_INCLUDE_DEPTH || load->included++ >= LOAD_INCLUDE_MAX)
        return wrong(source, error, "$INCLUDE goes too deep");
    g_autofree char *path = beside(source->path, file);
    gsize size;
    g_autofree char *text = file_read_named(path, LOAD_FILE_MAX, &size, error);
    if (text == NULL) {
        g_prefix_error(error, "%s:%u: ", source->path, source->begun);
        return FALSE;
    }
    ldns_rdf *before = ldns_rdf_clone(load->origin);
    struct source inside = {path, text, text + size, 1, 1, source};
    gboolean done =
        (name == NULL || origin(load, source, name, error)) && read_source(load, &inside, error);
    ldns_rdf_deep_free(load->origin);
    load->origin = before;
    return done;
}

static gboolean
directive(struct load *load, const struct source *source, const char *line, GError **error)
{
    g_auto(GStrv) split = g_strsplit_set(line, " \t\r", -1);
    const char *words[3] = {NULL};
    guint n = 0;
    for (char **word = split; *word != NULL && n < G_N_ELEMENTS(words); word++)
        if (**word != '\0')
            words[n++] = *word;
    if (g_ascii_strcasecmp(words[0], "$ORIGIN") == 0)
        return origin(load, source, words[1], error);
    if (g_ascii_strcasecmp(words[0], "$TTL") == 0)
        return default_ttl(load, source, words[1], error);
    if (g_ascii_strcasecmp(words[0], "$INCLUDE") == 0)
        return include(load, source, words[1], words[2], error);
    return fail_set(error, FAIL_USAGE, "%s:%u: '%s' is not known; $ORIGIN, $TTL and $INCLUDE are",
                    source->path, source->begun, words[0]);
}

/* ---- the whole ---- */

static gboolean
read_source(struct load *load, struct source *source, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    GError *problem = NULL;
    while (next_line(source, line, &problem))
        if (!(line->str[0] == '$' ? directive(load, source, line->str, &problem)
                                  : record(load, source, line->str, &problem)))
            break;
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

static gboolean
has_address(const struct zone *zone, const struct name *name)
{
    struct name_hashes hashes;
    struct zone_match match;
    name_hashes(name, &hashes);
    return zone_rrset(zone, name, TYPE_A) != NULL || zone_rrset(zone, name, TYPE_AAAA) != NULL ||
           zone_find(zone, name, &hashes, &match) == ZONE_WILDCARD;
}

/* The usual mistake: a whole name without the dot at its end, so that the zone's stands twice. */
static const char *
dot_hint(const struct zone *zone, const char *name)
{
    char origin[NAME_TEXT_MAX];
    name_text(zone_origin(zone), origin);
    g_autofree char *twice = g_strdup_printf("%s.%s", origin, origin);
    return g_str_has_suffix(name, twice) ? "\nhint: a whole name ends with a dot" : "";
}

/* Name servers inside the zone that they serve have addresses there: without, nobody comes to them.
 */
static gboolean
check_glue(const struct zone *zone, const char *path, GError **error)
{
    struct zone_position position = {0};
    const struct name *owner;
    for (const struct rrset *set; (set = zone_next(zone, &position, &owner)) != NULL;) {
        if (set->type != TYPE_NS)
            continue;
        for (struct rrset_record ns = {0}; rrset_next(set, &ns);) {
            struct name target;
            char text[NAME_TEXT_MAX], of[NAME_TEXT_MAX];
            name_from_wire(&target, ns.rdata, ns.size, NULL);
            if (name_is_below(&target, owner) && !has_address(zone, &target)) {
                name_text(&target, text);
                return fail_set(
                    error, FAIL_USAGE,
                    "%s: '%s' is a name server of '%s', but has no address (A or AAAA)%s", path,
                    text, name_text(owner, of), dot_hint(zone, text));
            }
        }
    }
    return TRUE;
}

struct zone *
load_text(const char *text, gsize size, const char *path, const struct name *name, GError **error)
{
    AUTO(zone) *zone = zone_new(name);
    g_autofree guint8 *rdata = g_malloc(RDATA_MAX);
    struct load load = {.zone = zone, .ttl = LOAD_TTL, .rdata = rdata};
    struct source source = {path, text, text + size, 1, 1, NULL};
    load.origin = ldns_dname_new_frm_data(name->size, name->wire);
    gboolean done = read_source(&load, &source, error);
    ldns_rdf_deep_free(load.origin);
    ldns_rdf_deep_free(load.owner);
    if (!done)
        return NULL;
    if (!zone_finish(zone, error)) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    return check_glue(zone, path, error) ? g_steal_pointer(&zone) : NULL;
}

struct zone *
load_file(const char *path, const struct name *origin, GError **error)
{
    gsize size;
    g_autofree char *text = file_read_named(path, LOAD_FILE_MAX, &size, error);
    return text != NULL ? load_text(text, size, path, origin, error) : NULL;
}
