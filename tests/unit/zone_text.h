/* zone_text: zones from text and to text, by ldns, for tests. */
#pragma once

#include "netsvc/bytes.h"
#include "netsvc/dns/transfer/records.h"
#include "netsvc/dns/zone/zone.h"

#include <ldns/ldns.h>

static inline struct name
name_of(const char *text)
{
    struct name name;
    gboolean good = name_from_text(&name, text);
    g_assert_true(good);
    return name;
}

static inline struct zone *
zone_of(const char *origin, const char *text)
{
    g_autoptr(GError) error = NULL;
    struct name apex = name_of(origin);
    struct zone *zone = zone_new(&apex);
    ldns_rdf *base = ldns_dname_new_frm_str(origin), *previous = NULL;
    uint32_t ttl = 300;
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    while (!feof(file)) {
        ldns_rr *rr = NULL;
        uint8_t *wire = NULL;
        size_t size = 0;
        struct name owner;
        ldns_status status = ldns_rr_new_frm_fp(&rr, file, &ttl, &base, &previous);
        if (status != LDNS_STATUS_OK) {
            g_assert_cmpint(status, ==, LDNS_STATUS_SYNTAX_EMPTY);
            continue;
        }
        ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &size);
        gsize head = name_from_wire(&owner, wire, size, NULL) + 10;
        zone_add(zone, &owner, (guint16)ldns_rr_get_type(rr), ldns_rr_ttl(rr), wire + head,
                 size - head, &error);
        g_assert_no_error(error);
        free(wire);
        ldns_rr_free(rr);
    }
    fclose(file);
    ldns_rdf_deep_free(base);
    ldns_rdf_deep_free(previous);
    zone_finish(zone, &error);
    g_assert_no_error(error);
    return zone;
}

static inline ldns_rr *
rr_of_record(const struct name *owner, guint16 type, const struct rrset_record *record)
{
    g_autofree guint8 *wire = g_malloc(owner->size + 10u + record->size);
    ldns_rr *rr = NULL;
    size_t position = 0;
    memcpy(wire, owner->wire, owner->size);
    guint8 *at = bytes_put16(bytes_put16(wire + owner->size, type), CLASS_IN);
    memcpy(bytes_put16(bytes_put32(at, record->ttl), record->size), record->rdata, record->size);
    ldns_status status =
        ldns_wire2rr(&rr, wire, owner->size + 10u + record->size, &position, LDNS_SECTION_ANSWER);
    g_assert_cmpint(status, ==, LDNS_STATUS_OK);
    return rr;
}

/* All records, a line each; sorted but for the SOA, so that equal zones are equal text. */
static inline char *
zone_as_text(const struct zone *zone)
{
    struct zone_position position = {0};
    const struct name *owner;
    const struct rrset *rrset;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(free);
    while ((rrset = zone_next(zone, &position, &owner)) != NULL) {
        struct rrset_record record = {0};
        while (rrset_next(rrset, &record)) {
            ldns_rr *rr = rr_of_record(owner, rrset->type, &record);
            g_ptr_array_add(lines, ldns_rr2str(rr));
            ldns_rr_free(rr);
        }
    }
    g_assert_cmpuint(lines->len, >, 0);
    GString *text = g_string_new(lines->pdata[0]);
    g_autofree char **rest = g_new0(char *, lines->len);
    memcpy(rest, lines->pdata + 1, (lines->len - 1) * sizeof *rest);
    for (guint i = 0; i + 1 < lines->len; i++) /* few lines: simple will do */
        for (guint k = i + 1; k + 1 < lines->len; k++)
            if (strcmp(rest[k], rest[i]) < 0) {
                char *kept = rest[i];
                rest[i] = rest[k];
                rest[k] = kept;
            }
    for (guint i = 0; i + 1 < lines->len; i++)
        g_string_append(text, rest[i]);
    return g_string_free(text, FALSE);
}
