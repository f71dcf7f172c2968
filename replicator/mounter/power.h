/* power: switches a disk off, so that its light goes out and it may be pulled. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* The whole disk that holds `device`: tells it to write out and to stop (SCSI), then has the
 * kernel let the USB device go, unless it is a reader's, which would take no other card then.
 * EBUSY: another partition of it is mounted. ENOTSUP: neither is possible. ENXIO: it is gone.
 * ESTALE: it is another disk by now (meant.h). 0 when done, else an errno. */
int power_off(dev_t device, guint64 sequence, gboolean in_slot);
