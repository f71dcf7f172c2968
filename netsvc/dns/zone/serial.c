#include "netsvc/dns/zone/serial.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <string.h>

#define FILE_MAX 64 /* bytes */
#define MODE 0600

/* RFC 1982: whether a comes after b. */
static gboolean
is_after(guint32 a, guint32 b)
{
    return (gint32)(a - b) > 0;
}

static gboolean
keep(struct serial *serial, guint32 reached, GError **error)
{
    char text[FILE_MAX];
    serial->kept = reached + SERIAL_AHEAD;
    if (serial->folder < 0)
        return TRUE;
    int size = g_snprintf(text, sizeof text, "%u\n", serial->kept);
    return file_replace(serial->folder, SERIAL_FILE, text, (gsize)size, MODE, error);
}

static gboolean
read_kept(int folder, guint32 *kept, gboolean *found, GError **error)
{
    gsize size;
    guint64 number;
    *found = FALSE;
    if (folder < 0 || file_is_unwritten(folder, SERIAL_FILE))
        return TRUE;
    g_autofree char *text = file_read(folder, SERIAL_FILE, FILE_MAX, &size, error);
    if (text == NULL)
        return FALSE;
    *found = g_ascii_string_to_unsigned(g_strchomp(text), 10, 0, G_MAXUINT32, &number, NULL);
    if (*found)
        *kept = (guint32)number;
    return TRUE;
}

gboolean
serial_begin(struct serial *serial, int folder, gint64 now, guint32 *first, GError **error)
{
    guint32 kept = 0;
    gboolean found;
    *serial = (struct serial){.folder = folder};
    if (!read_kept(folder, &kept, &found, error))
        return FALSE;
    *first = !found || is_after((guint32)now, kept) ? (guint32)now : kept + 1;
    return keep(serial, *first, error);
}

gboolean
serial_reached(struct serial *serial, guint32 reached, GError **error)
{
    return !is_after(reached, serial->kept) || keep(serial, reached, error);
}
