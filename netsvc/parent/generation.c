#include "netsvc/parent/generation.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

/* It is what the next child reads as root: none that has become somebody's may change it. */
static gboolean
copy_bytes(struct generation *generation, GError **error)
{
    gsize size = 0;
    GBytes *bytes = command_configuration(generation->line);
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
    generation->copy = memfd_create("lifeboat.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (generation->copy < 0)
        return fail_errno(error, errno, "cannot make a copy of the configuration");
    if (size > 0 && !file_write(generation->copy, data, size, "lifeboat.conf", error))
        return FALSE;
    return fcntl(generation->copy, F_ADD_SEALS, SEALS) == 0 ||
           fail_errno(error, errno, "cannot seal the copy of the configuration");
}

/* Of `line`, or of the one that is `owned`; NULL where that is missing. */
static struct generation *
make(const struct command_line *line, struct command_line *owned, GError **error)
{
    AUTO(generation) *generation = g_new0(struct generation, 1);
    generation->uses = 1;
    generation->copy = -1;
    generation->read = g_get_real_time() / G_USEC_PER_SEC;
    generation->again = owned;
    generation->line = owned != NULL ? owned : line;
    if (generation->line == NULL)
        return NULL;
    generation->config = config_read(generation->line, error);
    if (generation->config == NULL || !copy_bytes(generation, error))
        return NULL;
    return g_steal_pointer(&generation);
}

struct generation *
generation_read(const struct command_line *line, GError **error)
{
    return make(NULL, command_line_again(line, error), error);
}

struct generation *
generation_with(const struct command_line *line, GBytes *text, GError **error)
{
    return make(NULL, command_line_with(line, text, error), error);
}

struct generation *
generation_again(struct generation *generation, GError **error)
{
    struct generation *same = make(generation->line, NULL, error);
    if (same != NULL) {
        same->of = generation_use(generation);
        same->read = generation->read;
        same->lenient = TRUE;
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
