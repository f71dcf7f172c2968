/* names: who has which, by "label.domain". */
#include "netsvc/dhcp/serve/names.h"

#include <string.h>

#define NUMBER_FIRST 2 /* phone, phone-2, … */
#define NUMBER_LAST 9  /* … phone-9; then its address, phone-10-0-0-7 */
#define NAME_SIZE 512  /* of a label and a domain */

#define NOBODY G_MAXUINT /* owner of what no client ever has */

struct names {
    GHashTable *configured; /* "label.domain" → address; these stay */
    GHashTable *owners;     /* of the others: as long as their leases last */
};

static const char *
full_name(char name[NAME_SIZE], const char *label, const char *domain)
{
    g_snprintf(name, NAME_SIZE, "%s.%s", label, domain != NULL ? domain : "");
    return name;
}

static void
reserve(struct names *names, const char *domain, const struct config_host *host)
{
    char name[NAME_SIZE], label[LEASE_NAME_MAX];
    names_clean((const guint8 *)host->name, strlen(host->name), label);
    g_hash_table_insert(names->configured, g_strdup(full_name(name, label, domain)),
                        GUINT_TO_POINTER(host->address));
}

struct names *
names_new(const struct config *config)
{
    struct names *names = g_new0(struct names, 1);
    names->configured = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    names->owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < config->dhcp.hosts->len; i++) {
        const struct config_host *host = config->dhcp.hosts->pdata[i];
        for (guint s = 0; s < config->dhcp.subnets->len; s++) {
            const struct config_subnet *subnet = config->dhcp.subnets->pdata[s];
            if ((host->address & subnet->mask) == subnet->network)
                reserve(names, subnet->domain, host);
        }
    }
    for (guint i = 0; config->dns.names != NULL && i < config->dns.names->len; i++)
        g_hash_table_insert(names->configured,
                            g_strdup(((struct config_name *)config->dns.names->pdata[i])->name),
                            GUINT_TO_POINTER(NOBODY));
    return names;
}

void
names_free(struct names *names)
{
    if (names == NULL)
        return;
    g_hash_table_unref(names->configured);
    g_hash_table_unref(names->owners);
    g_free(names);
}

/* Programs look for these and trust who has them. */
static gboolean
is_confusing(const char *label)
{
    static const char *const confusing[] = {"localhost", "wpad", "isatap", "broadcasthost"};
    for (gsize i = 0; i < G_N_ELEMENTS(confusing); i++)
        if (g_str_equal(label, confusing[i]))
            return TRUE;
    return FALSE;
}

void
names_clean(const guint8 *bytes, gsize size, char label[LEASE_NAME_MAX])
{
    gsize n = 0;
    for (gsize i = 0; i < size && bytes[i] != '.' && bytes[i] != '\0' && n < LEASE_NAME_MAX - 1;
         i++) {
        char c = g_ascii_tolower((char)bytes[i]);
        if (g_ascii_isalnum(c))
            label[n++] = c;
        else if (n > 0 && label[n - 1] != '-')
            label[n++] = '-';
    }
    while (n > 0 && label[n - 1] == '-')
        n--;
    label[n] = '\0';
    if (is_confusing(label))
        label[0] = '\0';
}

/* Whether nobody else has it; then it is the address's. */
static gboolean
take_one(struct names *names, const char *domain, const char *label, guint32 address)
{
    char name[NAME_SIZE];
    full_name(name, label, domain);
    gpointer owner;
    if (g_hash_table_lookup_extended(names->configured, name, NULL, &owner) ||
        g_hash_table_lookup_extended(names->owners, name, NULL, &owner))
        return GPOINTER_TO_UINT(owner) == address;
    g_hash_table_insert(names->owners, g_strdup(name), GUINT_TO_POINTER(address));
    return TRUE;
}

/* The wish itself, or with a number behind it. */
static gboolean
will_do(const char *had, const char *wish)
{
    gsize size = strlen(wish);
    if (size == 0 || strncmp(had, wish, size) != 0)
        return FALSE;
    return had[size] == '\0' || (had[size] == '-' && had[size + 1] != '\0' &&
                                 strspn(had + size, "-0123456789") == strlen(had + size));
}

void
names_take(struct names *names, const char *domain, const char *wish, const char *had,
           guint32 address, char label[LEASE_NAME_MAX])
{
    gboolean keeps = had[0] != '\0' && will_do(had, wish) && take_one(names, domain, had, address);
    g_strlcpy(label, keeps ? had : wish, LEASE_NAME_MAX);
    if (keeps || label[0] == '\0' || take_one(names, domain, label, address))
        return;
    static const gsize room = sizeof "-255-255-255-255" - 1;
    int most = (int)(LEASE_NAME_MAX - 1 - room);
    for (guint number = NUMBER_FIRST; number <= NUMBER_LAST; number++) {
        g_snprintf(label, LEASE_NAME_MAX, "%.*s-%u", most, wish, number);
        if (take_one(names, domain, label, address))
            return;
    }
    g_snprintf(label, LEASE_NAME_MAX, "%.*s-%u-%u-%u-%u", most, wish, address >> 24,
               address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
    if (!take_one(names, domain, label, address))
        label[0] = '\0';
}

guint32
names_owner(const struct names *names, const char *domain, const char *label)
{
    char name[NAME_SIZE];
    full_name(name, label, domain);
    return GPOINTER_TO_UINT(g_hash_table_lookup(names->owners, name));
}

void
names_drop(struct names *names, const char *domain, const char *label, guint32 address)
{
    char name[NAME_SIZE];
    if (names_owner(names, domain, label) == address)
        g_hash_table_remove(names->owners, full_name(name, label, domain));
}
