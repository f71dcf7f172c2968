#include "replicator/mounter/meant.h"

#include "lib/base/cleanup.h"
#include "replicator/drive/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

int
meant_open(dev_t device, guint64 sequence)
{
    g_autofree char *node = sysfs_node(device);
    AUTO_FD int fd = node != NULL ? open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    struct stat there;
    guint64 found = 0;
    if (node == NULL)
        errno = ENXIO;
    if (fd < 0 || fstat(fd, &there) != 0)
        return -1;
    if (there.st_rdev == device &&
        (sequence == 0 || (ioctl(fd, BLKGETDISKSEQ, &found) == 0 && found == sequence)))
        return fd_steal(&fd);
    errno = ESTALE;
    return -1;
}
