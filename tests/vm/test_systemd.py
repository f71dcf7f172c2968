"""The replicator under a real systemd, installed and set up as README.md tells: ready when it says so, confined, and no less able
for it; killed, stuck or stopped, no drive loses anything by that, and it works on."""

import re

from machine import initrd
from plugging import FULL, Plugging
from replicator import SAFE
from service import UNIT, Service

CAPABILITIES = ('CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE '
                'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN '
                'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD').split()  # in the order of <linux/capability.h>
GRANTED = {'SYS_ADMIN', 'SYS_RAWIO', 'SYS_TTY_CONFIG', 'SETUID', 'SETGID', 'SETPCAP', 'CHOWN', 'FOWNER', 'DAC_OVERRIDE',
           'DAC_READ_SEARCH', 'KILL', 'MKNOD', 'NET_ADMIN'}
HOOK = '#!/bin/sh\necho "$1 $LIFEBOAT_LABEL" >>/run/heard\n'
QUICK = {'RestartSec': '100ms'}
INTERRUPTED = 'it was pulled out, or the power failed, before it was safe to remove'


def capabilities(mask):
    bits = int(mask, 16)
    return {CAPABILITIES[i] if i < len(CAPABILITIES) else i for i in range(64) if bits >> i & 1}


class Systemd(Plugging):
    tree = initrd.under_systemd

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine.write('/etc/sysusers.d/people.conf', 'u nurse -\nm nurse lifeboat\nu visitor -\n')
        cls.machine.run('systemd-sysusers 2>&1')

    def setUp(self):
        super().setUp()
        self.machine.write('/etc/lifeboat/hooks/tell', HOOK, '755')
        self.machine.run('rm -f /run/heard')

    def start(self, expect=0, **settings):
        self.replicator = Service(self, self.machine, expect, **settings)
        self.addCleanup(self.replicator.end)

    def test_it_is_active_when_it_is_ready_and_all_that_drives_need_is_allowed(self):
        self.start()
        self.assertEqual(('active', 'running', 'notify'), tuple(map(self.replicator.show, ('ActiveState', 'SubState', 'Type'))))
        self.replicator.wait_for('watching for drives')
        self.assertEqual('waiting', self.replicator.show('StatusText'))
        for kind in ('vfat', 'exfat') if FULL else ['exfat']:
            with self.subTest(kind=kind):
                stick = self.stick(kind, label=kind.upper())
                self.take_out(stick, self.add(stick))
                self.interrupt(stick)
                self.take_out(stick, self.insert(stick))
                self.assertIn('its file system was mended', self.replicator.drive(stick.id)['message'])
                self.look(stick, self.capture(), 2)
                self.assertEqual('safe %s' % stick.label, self.machine.run('tail -n 1 /run/heard').strip())

    def test_what_parses_has_no_rights_and_what_mounts_no_more_than_it_needs(self):
        self.start()
        stick = self.stick('ext4')
        self.take_out(stick, self.add(stick))
        self.couch.attach(self.medic, 'new', None, 'x', self.random.randbytes(600000), 'image/jpeg')
        name = self.write_slowly(stick, 100000)
        processes = self.replicator.processes()
        self.replicator.wait_for(SAFE, 2)
        self.machine.pull(name)
        main, user = self.replicator.show('MainPID'), self.machine.run('id -u lifeboat').strip()
        rights = {each['Name'].strip(): each for each in processes}
        self.assertEqual({'lifeboat-mounte', 'lifeboat-hooks', 'lifeboat-replic'}, set(rights))
        parsing = [each for each in processes if each['Name'].strip() == 'lifeboat-replic']
        self.assertEqual(2, len(parsing), 'the daemon and the snapshot')
        self.assertIn(main, [each['Pid'].strip() for each in parsing])
        for each in parsing:
            self.assertEqual([user] * 4, each['Uid'].split())
            self.assertNotIn('0', each['Gid'].split() + each['Groups'].split())
            for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
                self.assertEqual(set(), capabilities(each[kind]), kind)
        for each in (rights['lifeboat-mounte'], rights['lifeboat-hooks']):
            self.assertEqual(['0'] * 4, each['Uid'].split())
            for kind in ('CapPrm', 'CapEff', 'CapBnd'):
                self.assertEqual(GRANTED, capabilities(each[kind]), kind)
        for each in processes:
            self.assertEqual(('1', '2'), (each['NoNewPrivs'].strip(), each['Seccomp'].strip()))

    def test_killed_it_is_started_again_and_the_drive_goes_on(self):
        self.start(**QUICK)
        stick = self.stick('vfat')
        self.take_out(stick, self.add(stick))
        self.couch.attach(self.medic, 'new', None, 'x', self.random.randbytes(600000), 'image/jpeg')
        name = self.write_slowly(stick, 200000)
        self.machine.run('systemctl kill -s KILL ' + UNIT)
        self.replicator.wait_until_started(2)
        self.replicator.wait_for(INTERRUPTED)
        self.replicator.wait_for(SAFE, 2)
        self.take_out(stick, name)
        self.look(stick, self.capture(), 2)
        self.assertEqual(('1', 'active'), (self.replicator.show('NRestarts'), self.replicator.show('ActiveState')))

    def test_stuck_it_is_killed_by_the_watchdog_and_started_again(self):
        self.start(WatchdogSec='3s', **QUICK)
        stick = self.stick('ext4')
        self.take_out(stick, self.add(stick))
        process = self.replicator.show('MainPID')
        self.machine.run('kill -STOP ' + process)
        self.replicator.wait_for('Watchdog timeout')
        self.replicator.wait_until_started(2)
        self.assertEqual('1', self.replicator.show('NRestarts'))
        self.assertNotEqual(process, self.replicator.show('MainPID'))
        self.clinic.change()
        self.take_out(stick, self.insert(stick))
        self.look(stick, self.capture(), 2)
        self.assertEqual('1', self.replicator.show('NRestarts'), 'one that is well is not killed')

    def test_stopped_it_ends_cleanly_and_the_drive_may_be_pulled_out(self):
        self.start()
        stick = self.stick('vfat')
        self.take_out(stick, self.add(stick))
        self.couch.attach(self.medic, 'new', None, 'x', self.random.randbytes(600000), 'image/jpeg')
        name = self.write_slowly(stick, 200000)
        self.machine.run('systemctl stop ' + UNIT)
        self.replicator.wait_for('stopped, since lifeboat-replicator ends; the next run goes on; ' + SAFE)
        self.assertEqual(('inactive', 'success', '0'), tuple(map(self.replicator.show, ('ActiveState', 'Result', 'ExecMainStatus'))))
        self.machine.pull(name)
        self.assertFalse(stick.dirty)
        self.assertEqual('', stick.check())
        stick.speed = stick.log = None
        self.start()
        self.take_out(stick, self.insert(stick))
        self.assertEqual([], self.replicator.lines_with(INTERRUPTED))
        self.look(stick, self.capture(), 2)

    def test_a_mistake_in_the_configuration_is_told_once(self):
        self.machine.run('echo mistaken = 1 >>/etc/lifeboat/lifeboat.conf')
        self.start(expect=1)
        self.replicator.wait_for("'mistaken'")
        self.assertEqual(('failed', '2', '0'), tuple(map(self.replicator.show, ('ActiveState', 'ExecMainStatus', 'NRestarts'))))

    def test_members_of_its_group_may_ask_it_and_others_may_not(self):
        self.start()
        ask = 'su %s -s /bin/sh -c "/usr/local/bin/lifeboat status 2>&1"'
        self.assertIn('last good backup: never', self.machine.run(ask % 'nurse'))
        said = self.machine.run(ask % 'visitor', expect=1)
        self.assertRegex(said, re.compile('permission denied', re.I))
        self.assertIn('group', said)


if __name__ == '__main__':
    import unittest
    unittest.main()
