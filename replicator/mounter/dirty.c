#include "replicator/mounter/dirty.h"

#include <unistd.h>

/* FAT: the boot sector, and in it the flag that Linux sets while it is mounted, and leaves alone
 * where it was set before (fs/fat/inode.c, fat_set_state; include/uapi/linux/msdos_fs.h, struct
 * fat_boot_sector). Which FAT it is, is told as by dosfstools (src/boot.c). */
#define FAT_LENGTH 0x16 /* 16 bits: sectors of a FAT; 0: FAT32, which has it elsewhere */
#define FAT16_STATE 0x25
#define FAT32_STATE 0x41
#define FAT_DIRTY 0x01

/* exFAT file system specification, 3.1.13 VolumeFlags: VolumeDirty */
#define EXFAT_FLAGS 106
#define EXFAT_DIRTY 0x02

/* ext: s_state in the superblock (Documentation/filesystems/ext4/super.rst). With a journal, VALID
 * stays while it is mounted: the kernel replays the journal, and nothing was lost. */
#define EXT_STATE (1024 + 0x3a)
#define EXT_VALID 0x01
#define EXT_ERROR 0x02

/* Of 16 bits, little-endian; -1: it cannot be read. */
static int
word_at(int fd, off_t offset)
{
    guint8 bytes[2];
    return pread(fd, bytes, sizeof bytes, offset) == sizeof bytes ? bytes[0] | bytes[1] << 8 : -1;
}

static enum message_state
marked(int word, int flag)
{
    return word >= 0 && (word & flag) != 0 ? MESSAGE_NOT_UNMOUNTED : MESSAGE_CLEAN;
}

static enum message_state
ext_state(int word)
{
    if (word < 0)
        return MESSAGE_CLEAN;
    return (word & EXT_ERROR) != 0   ? MESSAGE_HAS_ERRORS
           : (word & EXT_VALID) == 0 ? MESSAGE_NOT_UNMOUNTED
                                     : MESSAGE_CLEAN;
}

enum message_state
dirty_state(int fd, enum message_type type)
{
    switch (type) {
    case MESSAGE_VFAT:
        return marked(word_at(fd, word_at(fd, FAT_LENGTH) == 0 ? FAT32_STATE : FAT16_STATE),
                      FAT_DIRTY);
    case MESSAGE_EXFAT:
        return marked(word_at(fd, EXFAT_FLAGS), EXFAT_DIRTY);
    case MESSAGE_EXT4:
        return ext_state(word_at(fd, EXT_STATE));
    case MESSAGE_NTFS: /* whose driver refuses what was not unmounted */
    case MESSAGE_TYPES:
        break;
    }
    return MESSAGE_CLEAN;
}
