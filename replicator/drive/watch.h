/*
 * watch: which file systems on removable media are here, by udev's word: those present at first,
 * then each that comes or goes.
 */
#pragma once

#include "replicator/drive/device.h"

#include <event2/event.h>

struct watch_handler {
    /* One is here; `device` is the handler's. */
    void (*came)(void *context, struct device *device);
    /* None with that number is here any longer. Not certain: udev finds no file system there now,
     * which may be a passing thing while it is mounted. */
    void (*left)(void *context, dev_t number, gboolean certain);
    void *context;
};

struct watch;

/* `patterns` ends with NULL and must outlive the watch. Handlers are called from the loop, except
 * for what is present already, which watch_begin tells. */
struct watch *watch_new(struct event_base *events, const char *const *patterns,
                        const struct watch_handler *handler, GError **error);
void watch_begin(struct watch *watch);
void watch_free(struct watch *watch);
AUTO_DEFINE(watch)

/* What udev knows now of one node, such as "/dev/sdb1". NULL with an error that says what it is
 * instead. */
struct device *watch_look_at(struct watch *watch, const char *node, GError **error);
