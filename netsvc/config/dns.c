/* dns: [dns] and [zone NAME]. */
#include "netsvc/config/part.h"
#include "netsvc/config/text.h"

#include "lib/base/fail.h"

#include <string.h>

#define NSID_BYTES 64 /* as wire/reply.h sends at most */

/* ---- zones ---- */

static void
zone_free(gpointer data)
{
    struct config_zone *zone = data;
    g_free(zone->name);
    g_free(zone->file);
    g_free(zone->keys);
    g_free(zone->tsig);
    g_array_unref(zone->notify);
    g_array_unref(zone->primaries);
    g_free(zone);
}

static gboolean
knows_key(const struct config_dns *dns, const char *name)
{
    for (guint i = 0; i < dns->tsig->len; i++)
        if (strcmp(((const struct config_tsig *)dns->tsig->pdata[i])->name, name) == 0)
            return TRUE;
    return FALSE;
}

/* A mistake in a value of a zone. */
static gboolean
wrong(const struct command_line *view, const char *option, GError **error, const char *message,
      const char *hint)
{
    fail_set(error, FAIL_USAGE, "%s\nhint: %s", message, hint);
    options_blame(view, option, error);
    return FALSE;
}

static gboolean
check_zone(const struct config_dns *dns, const struct config_zone *zone,
           const struct command_line *view, GError **error)
{
    if (zone->primaries->len > 0 && zone->file != NULL)
        return wrong(view, "zone-primary", error,
                     "a zone that is transferred from another server has no file here",
                     "remove 'file' or 'primaries'");
    if (zone->sign && zone->primaries->len > 0)
        return wrong(view, "zone-sign", error,
                     "a zone that is transferred from another server is signed there",
                     "remove 'sign'");
    if (zone->sign && zone->keys == NULL)
        return wrong(view, "zone-sign", error, "there is no folder for the keys",
                     "set 'keys', for example /etc/lifeboat/zone-keys");
    if (zone->tsig != NULL && !knows_key(dns, zone->tsig))
        return wrong(view, "zone-tsig", error, "no key of that name is known",
                     "name one of the file that `[dns] tsig` names");
    return TRUE;
}

static gboolean
read_zone(struct config_dns *dns, const struct command_line *view, GError **error)
{
    struct config_zone *zone = g_new0(struct config_zone, 1);
    g_ptr_array_add(dns->zones, zone);
    zone->notify = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    zone->primaries = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    zone->line = options_instance_line(view);
    zone->name = text_name(options_instance_name(view), FALSE, error);
    if (zone->name == NULL) {
        g_prefix_error(error, "%s:%u: [zone]: ", options_string(view, "config"), zone->line);
        return FALSE;
    }
    zone->file = g_strdup(options_string(view, "zone-file"));
    zone->sign = options_flag(view, "zone-sign");
    zone->keys = g_strdup(options_string(view, "zone-keys"));
    zone->tsig = g_strdup(options_string(view, "zone-tsig"));
    return config_each(view, "zone-notify", config_add_dns_peer, zone->notify, error) &&
           config_each(view, "zone-primary", config_add_dns_peer, zone->primaries, error) &&
           check_zone(dns, zone, view, error);
}

/* Those with a mistake have perhaps no name. */
static gboolean
check_twice(const struct config_dns *dns, const struct command_line *line, GError **error)
{
    for (guint i = 0; i < dns->zones->len; i++)
        for (guint k = 0; k < i; k++) {
            const struct config_zone *a = dns->zones->pdata[k], *b = dns->zones->pdata[i];
            if (a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0)
                return fail_set(error, FAIL_USAGE,
                                "%s:%u: the zone '%s' is set already, in line %u",
                                options_string(line, "config"), b->line, b->name, a->line);
        }
    return TRUE;
}

static gboolean
read_zones(struct config *config, const struct command_line *line, GError **error)
{
    g_autoptr(GPtrArray) views = options_instances(line, "zone");
    for (guint i = 0; i < views->len; i++)
        if (!config_part(config, read_zone(&config->dns, views->pdata[i], error), error))
            return FALSE;
    return config_part(config, check_twice(&config->dns, line, error), error);
}

/* ---- [dns] ---- */

static void
name_free(gpointer data)
{
    struct config_name *name = data;
    g_free(name->name);
    g_free(name);
}

static void
tsig_free(gpointer data)
{
    struct config_tsig *key = data;
    g_free(key->name);
    g_free(key->algorithm);
    g_bytes_unref(key->secret);
    g_free(key);
}

static gboolean
add_name(gpointer list, const char *text, GError **error)
{
    if (((GPtrArray *)list)->len >= CONFIG_NAMES_MAX)
        return fail_set(error, FAIL_USAGE,
                        "there are more than %d names\nhint: a zone file holds more",
                        CONFIG_NAMES_MAX);
    struct config_name *name = text_name_address(text, error);
    if (name != NULL)
        g_ptr_array_add(list, name);
    return name != NULL;
}

static gboolean
read_address_zone(struct config_dns *dns, const struct command_line *line, GError **error)
{
    const char *name = options_string(line, "address-zone");
    if (name == NULL)
        return TRUE;
    dns->address_zone = text_name(name, FALSE, error);
    if (dns->address_zone == NULL)
        options_blame(line, "address-zone", error);
    return dns->address_zone != NULL;
}

static gboolean
read_nsid(struct config *config, const struct command_line *line, GError **error)
{
    const char *nsid = options_string(line, "nsid");
    config->dns.nsid = g_strdup(nsid != NULL ? nsid : config->node);
    if (strlen(config->dns.nsid) <= NSID_BYTES)
        return TRUE;
    fail_set(error, FAIL_USAGE, "it has more than %d bytes", NSID_BYTES);
    options_blame(line, "nsid", error);
    return FALSE;
}

static gboolean
read_tsig(struct config_dns *dns, const struct command_line *line, GError **error)
{
    const char *path = options_string(line, "tsig");
    g_autoptr(GError) cause = NULL;
    if (path == NULL || config_tsig_read(dns->tsig, path, &cause))
        return TRUE;
    fail_set(error, FAIL_USAGE, "%s", cause->message); /* a file that is not there, too */
    options_blame(line, "tsig", error);
    return FALSE;
}

gboolean
config_dns_read(struct config *config, const struct command_line *line, GError **error)
{
    struct config_dns *dns = &config->dns;
    dns->listen = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    dns->forwarders = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    dns->networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    dns->address_networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    dns->zones = g_ptr_array_new_with_free_func(zone_free);
    dns->names = g_ptr_array_new_with_free_func(name_free);
    dns->tsig = g_ptr_array_new_with_free_func(tsig_free);
    dns->enabled = options_flag(line, "dns");
    dns->ttl = (guint32)options_integer(line, "ttl");
    dns->rate = (guint)options_integer(line, "rate");
    const struct {
        const char *option;
        config_add add;
        gpointer list;
    } lists[] = {
        {"listen", config_add_dns_peer, dns->listen},
        {"forwarder", config_add_dns_peer, dns->forwarders},
        {"network", config_add_network, dns->networks},
        {"address-network", config_add_network, dns->address_networks},
        {"name", add_name, dns->names},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        if (!config_part(config,
                         config_each(line, lists[i].option, lists[i].add, lists[i].list, error),
                         error))
            return FALSE;
    return config_part(config, read_address_zone(dns, line, error), error) &&
           config_part(config, read_nsid(config, line, error), error) &&
           config_part(config, read_tsig(dns, line, error), error) &&
           read_zones(config, line, error);
}

void
config_dns_clear(struct config_dns *dns)
{
    g_clear_pointer(&dns->listen, g_array_unref);
    g_clear_pointer(&dns->forwarders, g_array_unref);
    g_clear_pointer(&dns->networks, g_array_unref);
    g_clear_pointer(&dns->address_networks, g_array_unref);
    g_clear_pointer(&dns->zones, g_ptr_array_unref);
    g_clear_pointer(&dns->names, g_ptr_array_unref);
    g_clear_pointer(&dns->tsig, g_ptr_array_unref);
    g_free(dns->address_zone);
    g_free(dns->nsid);
}
