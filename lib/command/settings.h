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
#define FOR(number) (G_GUINT64_CONSTANT(1) << (number))
#define FOR_KEY_INIT FOR(0)
#define FOR_KEY_SHOW FOR(1)
#define FOR_SNAPSHOT FOR(2)
#define FOR_LIST FOR(3)
#define FOR_VERIFY FOR(4)
#define FOR_RUN FOR(5)
#define FOR_EXTRACT FOR(6)
#define FOR_DRILL FOR(7)
#define FOR_PRUNE FOR(8)
#define FOR_DAEMON FOR(9)
#define FOR_STATUS FOR(10)
#define FOR_ENROL FOR(11)
#define FOR_DRIVE_LIST FOR(12)
#define FOR_DRIVE_ADD FOR(13)
#define FOR_DRIVE_REMOVE FOR(14)
#define FOR_DRIVE_EJECT FOR(15)
#define FOR_FOLLOW FOR(16)
#define FOR_STANDBY_CHECK FOR(17)
#define FOR_IMPORT FOR(18)
#define FOR_KEY_ACCEPT FOR(19)
#define FOR_OFFSITE_PUSH FOR(20)
#define FOR_OFFSITE_FETCH FOR(21)
#define FOR_OFFSITE_LIST FOR(22)
#define FOR_RELOAD FOR(23)
#define FOR_NET_RUN FOR(24)
#define FOR_NET_CHECK FOR(25)
#define FOR_NET_CHILD FOR(26)
#define FOR_NET_LEASES FOR(27)
#define FOR_NET_ZONES FOR(28)
#define FOR_NET_RELOAD FOR(29)
#define FOR_FAILOVER FOR(30)
#define FOR_FAILBACK FOR(31)
#define FOR_PEER_PAIR FOR(32)
#define FOR_PEER_REPLACE FOR(33)
#define FOR_PEER_FORGET FOR(34)
#define FOR_NODE_RESTORED FOR(35)
#define FOR_CERT_INIT FOR(36)
#define FOR_CERT_SHOW FOR(37)
#define FOR_CERT_REQUEST FOR(38)
#define FOR_CERT_IMPORT FOR(39)
#define FOR_CERT_ROLL_BACK FOR(40)
#define FOR_SWITCH_STEP FOR(41)
#define FOR_ALL (FOR(42) - 1)
#define FOR_STORE                                                                                  \
    (FOR_LIST | FOR_VERIFY | FOR_RUN | FOR_EXTRACT | FOR_DRILL | FOR_IMPORT) /* reading one */
#define FOR_STANDBY (FOR_FOLLOW | FOR_STANDBY_CHECK)
#define FOR_PEER (FOR_PEER_PAIR | FOR_PEER_REPLACE | FOR_PEER_FORGET | FOR_NODE_RESTORED)
#define FOR_SWITCH (FOR_FAILOVER | FOR_FAILBACK)
#define FOR_CERT                                                                                   \
    (FOR_CERT_INIT | FOR_CERT_SHOW | FOR_CERT_REQUEST | FOR_CERT_IMPORT | FOR_CERT_ROLL_BACK)
#define FOR_PAIR                                                                                   \
    (FOR_FOLLOW | FOR_STANDBY_CHECK | FOR_DAEMON | FOR_SWITCH_STEP) /* the replicator,             \
                                                 of the other node */
#define FOR_OFFSITE (FOR_OFFSITE_PUSH | FOR_OFFSITE_FETCH | FOR_OFFSITE_LIST)
#define FOR_DRIVE (FOR_DRIVE_LIST | FOR_DRIVE_ADD | FOR_DRIVE_REMOVE | FOR_DRIVE_EJECT)
#define FOR_NET_LISTS (FOR_NET_LEASES | FOR_NET_ZONES)
#define FOR_NET_ASK (FOR_NET_LISTS | FOR_NET_RELOAD | FOR_PEER | FOR_SWITCH | FOR_CERT)
#define FOR_NET (FOR_NET_RUN | FOR_NET_CHECK | FOR_NET_CHILD) /* what serves the LAN */

extern const struct option_table settings;
