/*
 * mounter: the process that keeps root's rights, so that nothing else needs them.
 *
 *     lifeboat-replicator run ── becomes the user `lifeboat`, parses, runs jobs
 *        │     ↑
 *        │     │ packets of fixed size (message.h)
 *        │     ↓
 *        └─ mounter ── stays root, parses nothing: mounts, unmounts, powers off, runs hooks
 *               └─ e2fsck, fsck.fat, fsck.exfat, before it mounts what was not unmounted: as nobody
 *
 * It does so for removable devices only (drive/sysfs.h), and mounts below one folder:
 * BASE/MAJOR-MINOR, without set-user-id, devices, programs and symbolic links. When the daemon
 * dies, it unmounts all that is there and ends.
 *
 * Started without root's rights it is the same process, and the kernel refuses what it asks.
 */
#pragma once

#include "lib/base/account.h"
#include "replicator/mounter/message.h"

#include <event2/event.h>
#include <sys/types.h>

struct mounter_options {
    const char *base;           /* folder of the mount points */
    const char *hooks;          /* folder of executable files; need not be there */
    const char *const *devices; /* patterns of device names that count as removable */
    struct account account;     /* whose the files of a drive are to be */
};

struct mounter;

/* Forks; to be called while the program has one thread and nothing open. The texts of `options` are
 * copied by that. */
struct mounter *mounter_start(const struct mounter_options *options, GError **error);

/* From here on replies come from the loop, and `died` when the mounter has ended by itself. */
void mounter_attach(struct mounter *mounter, struct event_base *events, void (*died)(void *context),
                    void *context);

/* No more of either, before the loop is freed. */
void mounter_detach(struct mounter *mounter);

/* Ends the process, which unmounts what is left, and waits for that. */
void mounter_free(struct mounter *mounter);
AUTO_DEFINE(mounter)

/* Called from the loop, once for each request; of a mount once more before that, with `checking`,
 * when a check begins. */
typedef void (*mounter_done)(void *context, const struct message_reply *reply);

/* Mounts a device for writing; before that, it mends what was not unmounted (check.h). EROFS: it is
 * write-protected. ENODEV: the kernel does not know the type. ENXIO: it is gone. ESTALE: it is no
 * longer the disk with that sequence number (meant.h). MESSAGE_NO_DRIVE: it is none. ECANCELED:
 * mounter_stop came first. With `make` a folder for the store is made. The store's files are then
 * the user's. What is `unmended`, since a check could not mend it, is not checked again. */
struct mounter_mount {
    dev_t device;
    guint64 sequence;
    enum message_type type;
    gboolean make, unmended;
};
void mounter_mount(struct mounter *mounter, const struct mounter_mount *mount, mounter_done done,
                   void *context);

/* What is not mounted yet need not be: a check that is under way is asked to end. */
void mounter_stop(struct mounter *mounter);

/* Writes out and unmounts. ENODEV: the device was gone before; its mount point is away all the
 * same. EIO: it could not take all that was written. */
void mounter_unmount(struct mounter *mounter, dev_t device, mounter_done done, void *context);

/* Powers the whole disk off, which must not be mounted; `in_slot`: the medium only, since its
 * reader is to take another one. ENOTSUP: it cannot be. ENXIO: it is gone. ESTALE: as above. */
void mounter_power_off(struct mounter *mounter, dev_t device, guint64 sequence, gboolean in_slot,
                       mounter_done done, void *context);

/* Runs the hooks, one after the other; nothing is told of their end. */
void mounter_hook(struct mounter *mounter, const struct message_hook *hook);

/* Where it mounts a device; caller frees. */
char *mounter_place(const char *base, dev_t device);
