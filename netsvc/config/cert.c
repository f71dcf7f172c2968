/* cert: [cert] and [web]. */
#include "netsvc/config/part.h"
#include "netsvc/config/text.h"

static gboolean
add_listen(gpointer list, const char *text, GError **error)
{
    struct config_peer peer;
    if (!text_peer(text, 0, &peer, error))
        return FALSE;
    g_array_append_val((GArray *)list, peer);
    return TRUE;
}

static gboolean
add_name(gpointer list, const char *text, GError **error)
{
    char *name = text_name(text, TRUE, error);
    if (name != NULL)
        g_ptr_array_add(list, name);
    return name != NULL;
}

static gboolean
read_cert(struct config *config, const struct command_line *line, GError **error)
{
    struct config_cert *cert = &config->cert;
    const char *name = options_string(line, "cert-name");
    cert->organisation = g_strdup(options_string(line, "organisation"));
    cert->days = (guint)options_integer(line, "cert-days");
    cert->install = g_strdup(options_string(line, "cert-install"));
    cert->hook = g_strdup(options_string(line, "cert-hook"));
    if (name != NULL && (cert->name = text_name(name, FALSE, error)) == NULL) {
        options_blame(line, "cert-name", error);
        return FALSE;
    }
    return config_each(line, "cert-also", add_name, cert->names, error) &&
           config_each(line, "cert-networks", config_add_network, cert->networks, error);
}

static gboolean
read_web(struct config *config, const struct command_line *line, GError **error)
{
    struct config_web *web = &config->web;
    web->enabled = options_flag(line, "web");
    web->http = (guint16)options_integer(line, "http-port");
    web->https = (guint16)options_integer(line, "https-port");
    web->acme = options_flag(line, "acme");
    return config_each(line, "web-listen", add_listen, web->listen, error) &&
           config_each(line, "key-networks", config_add_network, web->key_networks, error) &&
           config_each(line, "acme-networks", config_add_network, web->acme_networks, error);
}

gboolean
config_cert_read(struct config *config, const struct command_line *line, GError **error)
{
    config->cert.names = g_ptr_array_new_with_free_func(g_free);
    config->cert.networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    config->web.listen = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    config->web.key_networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    config->web.acme_networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    return config_part(config, read_cert(config, line, error), error) &&
           read_web(config, line, error);
}

void
config_cert_clear(struct config *config)
{
    if (config->cert.names == NULL)
        return;
    g_free(config->cert.name);
    g_free(config->cert.organisation);
    g_free(config->cert.install);
    g_free(config->cert.hook);
    g_ptr_array_unref(config->cert.names);
    g_array_unref(config->cert.networks);
    g_array_unref(config->web.listen);
    g_array_unref(config->web.key_networks);
    g_array_unref(config->web.acme_networks);
}
