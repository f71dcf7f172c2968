"""The power fails while a snapshot is written to a stick: what was sealed is there and verifies, what was reported as done is
durable, and the next run goes on. On ext4, vfat and exfat, with a stick that writes through and one that caches.

One run is recorded write by write, and the stick made anew as each cut leaves it. The cuts go on from one another: the
last one's stick is written to by the next recorded run, so that what it left broken, nobody repairs it, has its time
to do harm. With LIFEBOAT_TEST_FULL set (tests/campaign vm) there are many more of them.
"""

import copy
import os
import shutil

from case import Case
from machine.writes import Writes

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
GENERATIONS = 20 if FULL else 1
CUTS = 10 if FULL else 2  # of each generation


class PowerCut(Case):
    def test_on_ext4(self):
        self.live('ext4', caches=False)

    def test_on_vfat(self):
        self.live('vfat', caches=False)

    def test_on_exfat(self):
        self.live('exfat', caches=False)

    def test_on_ext4_that_caches(self):
        self.live('ext4', caches=True)

    def test_on_vfat_that_caches(self):
        self.live('vfat', caches=True)

    def test_on_exfat_that_caches(self):
        self.live('exfat', caches=True)

    def live(self, kind, caches):
        stick = self.stick(kind, caches=caches)
        self.sealed, self.held = [], []  # at least those snapshots, and a state that is one of those
        for generation in range(GENERATIONS):
            wanted = self.capture()
            reported, writes = self.recorded(stick)
            self.assertGreater(len(writes), 20)
            before = self.sealed, self.held
            after = self.site.snapshots(), [wanted]
            places = [reported] + [self.random.randrange(len(writes) + 1) for _ in range(CUTS - 1)]
            for place in places:
                with self.subTest(generation=generation, at='%d of %d, reported at %d' % (place, len(writes), reported)):
                    cut = copy.copy(stick)
                    cut.image, cut.log = stick.image + '.cut', None
                    writes.cut(stick.base, cut.image, place, self.random, caches)
                    shutil.copyfile(cut.image, stick.image)
                    self.sealed, self.held = after if place >= reported else (before[0], before[1] + [wanted])
                    self.survive(cut, wanted)
            self.clinic.change()

    def recorded(self, stick):
        """A snapshot; gives how many writes there were when it said that it was done, and all of them."""
        stick.record()
        with self.mounted(stick):
            self.snapshot()
            reported = len(Writes(stick.log))
            self.fetch()
        return reported, Writes(stick.log)

    def survive(self, stick, wanted):
        with self.mounted(stick):
            self.fetch()
            sealed = self.signed() if os.path.exists(self.site.lifeboat_folder) else []
            self.assertLessEqual(set(self.sealed), set(sealed), 'what was sealed is gone')
            self.sealed = sealed
            if sealed:
                self.site.verify()
                self.assert_holds_one_of(self.held)
        with self.mounted(stick):
            self.snapshot()
            self.fetch()
            self.assertEqual([], self.unsealed(), 'a rest was left')
            self.assertLessEqual(set(sealed), set(self.site.snapshots()))
            self.site.verify()
            self.assert_store_holds(wanted)
