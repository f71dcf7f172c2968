/*
 * meant: whether a device number still is the disk that was meant. A number is given anew as soon
 * as a disk has left; the kernel's sequence number (diskseq, since Linux 5.15) is not, and grows
 * with each change of a medium, too.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Opens the device, where its disk has that sequence number; 0: not known, any has. For as long as
 * it is open, the number is no other disk's. -1 and errno; ESTALE: another disk is there. */
int meant_open(dev_t device, guint64 sequence);
