/*
 * cert_world: for the tests of certificates, a clinic's configuration, a folder and a recovery key.
 */
#pragma once

#include "netsvc/cert/site/site.h"
#include "netsvc/cert/x509/pem.h"
#include "scratch.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#define DAY SITE_DAY
#define NOW G_GINT64_CONSTANT(1796000000) /* 2026-11-30 */

struct cert_world {
    struct scratch *scratch;
    struct config *config;
    struct site *site;
    struct age_identity recovery;
};

static inline void
cert_world_network(GArray *networks, const char *address, guint prefix)
{
    struct config_network network = {.family = AF_INET, .prefix = prefix};
    inet_pton(AF_INET, address, network.address);
    g_array_append_val(networks, network);
}

static inline struct config *
cert_world_config(void)
{
    struct config *config = g_new0(struct config, 1);
    config->node = g_strdup("a");
    config->nodes = g_ptr_array_new();
    config->dns.listen = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    config->web.listen = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    config->web.enabled = TRUE;
    config->web.http = 8080;
    config->cert.names = g_ptr_array_new_with_free_func(g_free);
    config->cert.networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    config->cert.name = g_strdup("clinic.example");
    g_ptr_array_add(config->cert.names, g_strdup("*.clinic.example"));
    config->cert.organisation = g_strdup("Kibera Clinic");
    config->cert.days = 90;
    config->service_address = (10U << 24) | (66U << 16) | 10;
    cert_world_network(config->cert.networks, "10.66.0.0", 16);
    return config;
}

static inline void
cert_world_config_free(struct config *config)
{
    g_free(config->node);
    g_ptr_array_unref(config->nodes);
    g_array_unref(config->dns.listen);
    g_array_unref(config->web.listen);
    g_ptr_array_unref(config->cert.names);
    g_array_unref(config->cert.networks);
    g_free(config->cert.name);
    g_free(config->cert.organisation);
    g_free(config);
}

static inline struct cert_world *
cert_world_new(void)
{
    struct cert_world *world = g_new0(struct cert_world, 1);
    world->scratch = scratch_new();
    world->config = cert_world_config();
    world->site = site_new(world->config, world->scratch->fd, NULL);
    g_assert_nonnull(world->site);
    age_identity_generate(&world->recovery);
    return world;
}

static inline void
cert_world_init(struct cert_world *world)
{
    g_autoptr(GError) error = NULL;
    site_init(world->site, world->recovery.public, NOW, &error);
    g_assert_no_error(error);
}

static inline void
cert_world_free(struct cert_world *world)
{
    if (world == NULL)
        return;
    site_free(world->site);
    cert_world_config_free(world->config);
    scratch_free(world->scratch);
    g_free(world);
}
AUTO_DEFINE(cert_world)
