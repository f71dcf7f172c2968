#include "netsvc/parent/generation.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <sys/mman.h>

static gboolean
copy_bytes(struct generation *generation, GError **error)
{
    gsize size = 0;
    GBytes *bytes = command_configuration(generation->line);
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
    generation->copy = memfd_create("lifeboat.conf", MFD_CLOEXEC);
    if (generation->copy < 0)
        return fail_errno(error, errno, "cannot make a copy of the configuration");
    return size == 0 || file_write(generation->copy, data, size, "lifeboat.conf", error);
}

struct generation *
generation_read(const struct command_line *line, gboolean again, GError **error)
{
    AUTO(generation) *generation = g_new0(struct generation, 1);
    generation->uses = 1;
    generation->copy = -1;
    generation->read = g_get_real_time() / G_USEC_PER_SEC;
    generation->again = again ? command_line_again(line, error) : NULL;
    if (again && generation->again == NULL)
        return NULL;
    generation->line = again ? generation->again : line;
    generation->config = config_read(generation->line, error);
    if (generation->config == NULL || !copy_bytes(generation, error))
        return NULL;
    return g_steal_pointer(&generation);
}

struct generation *
generation_again(struct generation *generation, GError **error)
{
    struct generation *same = generation_read(generation->line, FALSE, error);
    if (same != NULL) {
        same->of = generation_use(generation);
        same->read = generation->read;
    }
    return same;
}

struct generation *
generation_use(struct generation *generation)
{
    generation->uses++;
    return generation;
}

void
generation_free(struct generation *generation)
{
    if (generation == NULL || --generation->uses > 0)
        return;
    config_free(generation->config);
    generation_free(generation->of);
    command_line_free(generation->again);
    if (generation->copy >= 0)
        close(generation->copy);
    g_free(generation);
}
