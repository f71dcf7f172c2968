/*
 * settings: the one table of options and configuration keys of all programs (option.h says what
 * comes of it).
 *
 * To add an option: a line here, and its command asks for it by name. `meson test` then wants
 * etc/lifeboat.conf renewed if it has a place there: `lifeboat --print conf > etc/lifeboat.conf`.
 */
#pragma once

#include "lib/command/option.h"

/* One bit a command, for option.commands and command.takes. */
enum settings_command {
    FOR_KEY_INIT = 1 << 0,
    FOR_KEY_SHOW = 1 << 1,
    FOR_SNAPSHOT = 1 << 2,
    FOR_LIST = 1 << 3,
    FOR_VERIFY = 1 << 4,
    FOR_RUN = 1 << 5,
    FOR_EXTRACT = 1 << 6,
    FOR_DRILL = 1 << 7,
    FOR_PRUNE = 1 << 8,
    FOR_DAEMON = 1 << 9,
    FOR_STATUS = 1 << 10,
    FOR_ENROL = 1 << 11,
    FOR_DRIVE_LIST = 1 << 12,
    FOR_DRIVE_ADD = 1 << 13,
    FOR_DRIVE_REMOVE = 1 << 14,
    FOR_DRIVE_EJECT = 1 << 15,
    FOR_FOLLOW = 1 << 16,
    FOR_STANDBY_CHECK = 1 << 17,
    FOR_IMPORT = 1 << 18,
    FOR_KEY_ACCEPT = 1 << 19,
    FOR_OFFSITE_PUSH = 1 << 20,
    FOR_OFFSITE_FETCH = 1 << 21,
    FOR_OFFSITE_LIST = 1 << 22,
    FOR_RELOAD = 1 << 23,
    FOR_ALL = (1 << 24) - 1,
    FOR_STORE =
        FOR_LIST | FOR_VERIFY | FOR_RUN | FOR_EXTRACT | FOR_DRILL | FOR_IMPORT, /* reading one */
    FOR_STANDBY = FOR_FOLLOW | FOR_STANDBY_CHECK,
    FOR_OFFSITE = FOR_OFFSITE_PUSH | FOR_OFFSITE_FETCH | FOR_OFFSITE_LIST,
    FOR_DRIVE = FOR_DRIVE_LIST | FOR_DRIVE_ADD | FOR_DRIVE_REMOVE | FOR_DRIVE_EJECT,
};

extern const struct option_table settings;
