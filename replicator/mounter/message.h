/*
 * message: what goes over the socket between the daemon and the mounter. Both are one program, so
 * these are plain structs; each is one packet (SOCK_SEQPACKET) of exactly its size, and the mounter
 * checks every number before it uses it. Texts end with a zero byte, which the receiver puts there.
 */
#pragma once

#include <errno.h>
#include <glib.h>

enum message_act {
    MESSAGE_MOUNT,
    MESSAGE_UNMOUNT,
    MESSAGE_POWER_OFF,
    MESSAGE_STOP, /* has no reply, as the next */
    MESSAGE_HOOK,
};

/* File systems that we mount; the kernel's names stand in mount.c. */
enum message_type {
    MESSAGE_EXT4, /* ext2 and ext3 too */
    MESSAGE_VFAT,
    MESSAGE_EXFAT,
    MESSAGE_NTFS,
    MESSAGE_TYPES,
};

/* What hooks are told of (etc/hooks/README.md). */
enum message_event {
    MESSAGE_STARTED,
    MESSAGE_PROGRESS,
    MESSAGE_SAFE,
    MESSAGE_DONE,
    MESSAGE_FAILED,
    MESSAGE_UNKNOWN,
    MESSAGE_OVERDUE,
    MESSAGE_EVENTS,
};

struct message_hook {
    guint32 event;
    gint32 percent; /* -1: not known */
    char drive[40], label[64], device[64];
    char message[1024]; /* one sentence for people */
};

struct message_request {
    guint32 number; /* of the request, given back in the reply */
    guint32 act;
    guint32 major, minor; /* of the block device */
    guint64 sequence; /* MESSAGE_MOUNT, MESSAGE_POWER_OFF: of the disk that is meant (meant.h) */
    guint32 type;     /* MESSAGE_MOUNT */
    guint32 make;     /* MESSAGE_MOUNT: a folder for a store, where there is none */
    guint32 unmended; /* MESSAGE_MOUNT: a check could not mend it since it was inserted */
    guint32 in_slot;  /* MESSAGE_POWER_OFF: a card, whose reader stays on */
    struct message_hook hook;
};

/* What a file system said of itself before it was mounted (dirty.h), … */
enum message_state {
    MESSAGE_CLEAN,
    MESSAGE_NOT_UNMOUNTED,
    MESSAGE_HAS_ERRORS,
};

/* … and what was done about it (check.h). */
enum message_check {
    MESSAGE_NOT_CHECKED,
    MESSAGE_MENDED,
    MESSAGE_NOT_MENDED,
    MESSAGE_NO_CHECKER, /* the program is not here */
    MESSAGE_STOPPED,    /* before its end: by MESSAGE_STOP */
};

/* Of the first 10000 files that checks salvaged, those that there are (salvage.h). */
#define MESSAGE_SALVAGED 10000
struct message_salvage {
    guint8 bits[MESSAGE_SALVAGED / 8];
};

#define MESSAGE_NO_DRIVE ENOTBLK /* the error of what is there, and no removable device */

struct message_reply {
    guint32 number;
    gint32 error;                   /* an errno; 0: done */
    guint32 checking;               /* MESSAGE_MOUNT: a check begins; the reply is yet to come */
    guint32 state, check;           /* MESSAGE_MOUNT */
    struct message_salvage salvage; /* of a check: from before it */
};
