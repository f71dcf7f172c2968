#include "replicator/daemon/notice.h"

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/json/json.h"

#include <fcntl.h>

#define PROGRESS_SECONDS 10 /* between two words of progress to the hooks */

static void
tell(struct mounter *mounter, enum message_event event, const struct place *place,
     const struct device *device, gint32 percent, const char *message)
{
    struct message_hook hook = {.event = event, .percent = percent};
    const struct drive *drive = place != NULL ? place->drive : NULL;
    const char *label = drive != NULL    ? drive->label
                        : place != NULL  ? place->folder
                        : device != NULL ? device->label
                                         : NULL;
    g_autofree char *id = drive != NULL ? drive_id(drive) : NULL;
    g_strlcpy(hook.drive, id != NULL ? id : "", sizeof hook.drive);
    g_strlcpy(hook.label, label != NULL ? label : "", sizeof hook.label);
    g_strlcpy(hook.device, device != NULL ? device->node : "", sizeof hook.device);
    g_strlcpy(hook.message, message, sizeof hook.message);
    mounter_hook(mounter, &hook);
}

void
notice_event(struct mounter *mounter, enum message_event event, const struct place *place,
             const struct device *device, const char *message)
{
    tell(mounter, event, place, device, -1, message);
}

static gint32
percent_of(struct slice progress)
{
    guint64 documents = 0, total = 0;
    json_member_unsigned(progress, "documents", &documents);
    json_member_unsigned(progress, "total", &total);
    return total > 0 && documents <= total && total <= G_MAXUINT32
               ? (gint32)(documents * 100 / total)
               : -1;
}

void
notice_progress(struct mounter *mounter, const struct place *place, struct slice progress,
                gint64 *last)
{
    gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
    if (progress.size == 0 || now - *last < PROGRESS_SECONDS)
        return;
    *last = now;
    tell(mounter, MESSAGE_PROGRESS, place, place->device, percent_of(progress),
         "a backup is going on");
}

void
notice_status(const char *folder, const GString *status)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *line = g_strconcat(status->str, "\n", NULL);
    AUTO_FD int fd = file_open_folder(AT_FDCWD, folder, FALSE, &failure);
    if (fd < 0 || !file_replace(fd, "status.json", line, strlen(line), 0644, &failure))
        log_warning("%s; going on", failure->message);
}
