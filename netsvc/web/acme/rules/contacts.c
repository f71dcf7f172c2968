#include "netsvc/web/acme/rules/contacts.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "netsvc/web/acme/problem.h"

#include <string.h>

static gboolean
check(const char *contact, gsize size, GError **error)
{
    static const char scheme[] = "mailto:";
    if (!g_str_has_prefix(contact, scheme))
        return problem_set(error, PROBLEM_UNSUPPORTED_CONTACT, "contacts are mailto: addresses");
    const char *address = contact + strlen(scheme), *at = strchr(address, '@');
    gboolean good = size <= CONTACTS_BYTES && strlen(contact) == size && at != NULL &&
                    at != address && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
                    g_str_is_ascii(address) &&
                    strpbrk(address, "?, \t\r\n<>") == NULL; /* RFC 8555, 7.3: no hfields, one */
    return good || problem_set(error, PROBLEM_INVALID_CONTACT, "a contact is no mail address");
}

char *
contacts_read(struct slice list, GError **error)
{
    struct slice element;
    gsize place = 0;
    guint count = 0;
    g_autoptr(GString) json = g_string_new(NULL);
    if (json_type(list) != JSON_ARRAY) {
        problem_set(error, PROBLEM_MALFORMED, "'contact' is a list");
        return NULL;
    }
    json_text_begin_array(json);
    while (json_next_element(list, &place, &element)) {
        g_autoptr(GString) text = g_string_new(NULL);
        if (json_type(element) != JSON_STRING || ++count > CONTACTS_MAX) {
            problem_set(error, PROBLEM_INVALID_CONTACT, "'contact' has up to %d texts",
                        CONTACTS_MAX);
            return NULL;
        }
        json_unescape(element, text);
        if (!check(text->str, text->len, error))
            return NULL;
        json_text_string(json, text->str);
    }
    json_text_end_array(json);
    return g_string_free(g_steal_pointer(&json), FALSE);
}
