#include "netsvc/parent/last_good.h"

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/command/configuration.h"

#include <fcntl.h>
#include <string.h>

#define TEXT "last-good.conf"
#define BOOT "last-good.boot"
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX 64 /* bytes; it has 37 */

/* NULL: it cannot be read. */
static char *
read_small(int folder, const char *name, gsize cap, gsize *size)
{
    return folder == AT_FDCWD ? file_read_named(name, cap, size, NULL)
                              : file_read(folder, name, cap, size, NULL);
}

static gboolean
is_same(int folder, const char *name, const void *data, gsize size)
{
    gsize kept_size = 0;
    g_autofree char *kept = read_small(folder, name, CONFIGURATION_MAX, &kept_size);
    return kept != NULL && kept_size == size && memcmp(kept, data, size) == 0;
}

static gboolean
keep(int folder, const char *name, const void *data, gsize size, GError **error)
{
    return is_same(folder, name, data, size) || file_replace(folder, name, data, size, 0600, error);
}

void
last_good_keep(const char *state, GBytes *text)
{
    g_autoptr(GError) error = NULL;
    gsize size = 0, id_size = 0;
    const void *data = text != NULL ? g_bytes_get_data(text, &size) : NULL;
    g_autofree char *id = read_small(AT_FDCWD, BOOT_ID_FILE, BOOT_ID_MAX, &id_size);
    AUTO_FD int folder = file_open_folder(AT_FDCWD, state, FALSE, &error);
    if (folder >= 0 && id != NULL && keep(folder, TEXT, data != NULL ? data : "", size, &error))
        keep(folder, BOOT, id, id_size, &error);
    if (error != NULL)
        log_warning("the configuration in force cannot be kept: %s", error->message);
}

gboolean
last_good_is_older(const char *state)
{
    gsize size = 0, id_size = 0;
    AUTO_FD int folder = file_open_folder(AT_FDCWD, state, FALSE, NULL);
    g_autofree char *kept = folder >= 0 ? read_small(folder, BOOT, BOOT_ID_MAX, &size) : NULL;
    g_autofree char *id = read_small(AT_FDCWD, BOOT_ID_FILE, BOOT_ID_MAX, &id_size);
    return kept != NULL && id != NULL && (size != id_size || memcmp(kept, id, size) != 0);
}

GBytes *
last_good_text(const char *state)
{
    gsize size = 0;
    AUTO_FD int folder = file_open_folder(AT_FDCWD, state, FALSE, NULL);
    char *text = folder >= 0 ? read_small(folder, TEXT, CONFIGURATION_MAX, &size) : NULL;
    return text != NULL ? g_bytes_new_take(text, size) : NULL;
}
