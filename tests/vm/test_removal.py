"""A stick is pulled out while a snapshot is written to it: the run ends soon and says so, what was sealed is there and verifies,
and with the stick back in, the next run goes on. On ext4, vfat and exfat.

With LIFEBOAT_TEST_FULL set (tests/campaign vm) it happens at many more moments.
"""

import os

from case import Case
from machine.writes import Writes
from support.lifeboat import DONE, FAILED
from support.server import wait_until

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
MOMENTS = 25 if FULL else 1
SPEED = 1000000  # bytes per second: slow enough that it is still being written to


class Removal(Case):
    def test_from_ext4(self):
        self.pull_out_of('ext4')

    def test_from_vfat(self):
        self.pull_out_of('vfat')

    def test_from_exfat(self):
        self.pull_out_of('exfat')

    def pull_out_of(self, kind):
        stick = self.stick(kind)
        with self.mounted(stick):
            self.snapshot()
            self.fetch()
        self.interrupted = 0
        for moment in range(MOMENTS):
            before = self.capture(), self.site.snapshots()
            for number in range(3):
                self.couch.attach(self.medic, 'new-%d-%d' % (moment, number), None, 'x', self.random.randbytes(200000), 'image/jpeg')
            with self.subTest(moment=moment):
                self.pull(stick, (moment + self.random.random()) / MOMENTS)
                self.put_back(stick, *before)
        self.assertGreater(self.interrupted, 0, 'it was never being written to')

    def pull(self, stick, part):
        """When that part of about what a run writes has been written."""
        stick.record()
        stick.speed = SPEED
        try:
            with self.mounted(stick) as name:
                running = self.machine.start('lifeboat-replicator snapshot --to /mnt')
                wait_until(lambda: Writes(stick.log).size > part * 700000, 60, 0.01)
                self.machine.pull(name)
                answer = running.finish()
        finally:
            stick.speed = stick.log = None
        self.assertIn(answer.code, (DONE, FAILED), str(answer))
        if answer.code == FAILED:
            self.interrupted += 1
            self.assertRegex(answer.text, 'Input/output error|Read-only file system|No such device', str(answer))

    def put_back(self, stick, held, sealed):
        wanted = self.capture()
        with self.mounted(stick):
            self.fetch()
            self.assertLessEqual(set(sealed), set(self.signed()), 'what was sealed is gone')
            self.site.verify()
            self.assert_holds_one_of([held, wanted])
            self.snapshot()
            self.fetch()
            self.assertEqual([], self.unsealed(), 'a rest was left')
            self.site.verify()
            self.assert_store_holds(wanted)
