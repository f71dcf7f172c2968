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
    FOR_ALL = (1 << 11) - 1,
    FOR_STORE = FOR_LIST | FOR_VERIFY | FOR_RUN | FOR_EXTRACT | FOR_DRILL, /* reading one */
};

extern const struct option_table settings;
