#include "replicator/mounter/power.h"

#include "lib/base/cleanup.h"
#include "replicator/drive/sysfs.h"
#include "replicator/mounter/meant.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TIMEOUT_MILLISECONDS 30000             /* of a command to the disk */
#define SCSI_SYNCHRONIZE_CACHE 0x35            /* SBC-3, 5.22 */
#define SCSI_PREVENT_ALLOW_MEDIUM_REMOVAL 0x1e /* SPC-3, 6.13 */
#define SCSI_START_STOP_UNIT 0x1b              /* SBC-3, 5.25 */
#define SCSI_STOP_AND_EJECT 0x02               /* LOEJ without START */

static gboolean
command(int fd, const guint8 *bytes, guint8 size)
{
    guint8 sense[32];
    struct sg_io_hdr io = {
        .interface_id = 'S',
        .dxfer_direction = SG_DXFER_NONE,
        .cmd_len = size,
        .cmdp = (guint8 *)bytes,
        .mx_sb_len = sizeof sense,
        .sbp = sense,
        .timeout = TIMEOUT_MILLISECONDS,
    };
    return ioctl(fd, SG_IO, &io) == 0 && (io.info & SG_INFO_OK_MASK) == SG_INFO_OK;
}

static gboolean
stop_unit(int fd)
{
    static const guint8 synchronize[10] = {SCSI_SYNCHRONIZE_CACHE};
    static const guint8 allow[6] = {SCSI_PREVENT_ALLOW_MEDIUM_REMOVAL};
    static const guint8 stop[6] = {SCSI_START_STOP_UNIT, [4] = SCSI_STOP_AND_EJECT};
    command(fd, synchronize,
            sizeof synchronize);      /* many sticks do not know it: they hold nothing */
    command(fd, allow, sizeof allow); /* the kernel locked it in when it was opened */
    return command(fd, stop, sizeof stop);
}

/* What `udisksctl power-off` does: the kernel forgets the device and switches its port off. */
static gboolean
let_go(dev_t disk)
{
    g_autofree char *folder = sysfs_usb_device(disk);
    if (folder == NULL || sysfs_is_mounted_below(folder))
        return FALSE;
    g_autofree char *path = g_build_filename(folder, "remove", NULL);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, "1", 1) == 1;
}

int
power_off(dev_t device, guint64 sequence, gboolean in_slot)
{
    dev_t disk = sysfs_disk(device);
    if (sysfs_is_mounted(disk))
        return EBUSY;
    AUTO_FD int fd = meant_open(disk, sequence);
    if (fd < 0)
        return errno;
    gboolean stopped = stop_unit(fd);
    close(fd_steal(&fd));
    gboolean gone = !in_slot && let_go(disk);
    return stopped || gone ? 0 : ENOTSUP;
}
