"""A card reader is a drive's place that stays when the drive is taken out: it is here without a medium, and a card comes by a change
of it, not as a new device."""

from plugging import Plugging
from replicator import SAFE
from support.lifeboat import FAILED


class CardReader(Plugging):
    def setUp(self):
        super().setUp()
        self.start()

    def enrolled(self, kind, label):
        stick = self.stick(kind, label=label)
        self.take_out(stick, self.add(stick))
        self.clinic.change()
        return stick

    def empty_disk(self):
        path = self.machine.run('until grep -lx 0 /sys/block/sd*/size 2>/dev/null; do :; done; udevadm settle')
        return '/dev/' + path.split('/')[3]

    def test_card_after_card_gets_its_snapshot_in_the_same_reader(self):
        cards = [self.enrolled('vfat', 'BLUE'), self.enrolled('ext4', 'RED')]
        reader = self.machine.plug_reader(cards[0])
        self.addCleanup(self.machine.unplug_reader, reader)
        disk = self.empty_disk()
        for card in cards:
            self.machine.put_card_in(reader, card)
            self.replicator.wait_for("'%s' (%s): the snapshot is done; %s" % (card.label, card.id, SAFE), 2)
            self.replicator.wait_for("'%s' (%s) has left" % (card.label, card.id), 2)  # the card was ejected
            self.machine.take_card_out(reader)
            self.assertEqual('', card.check())
            self.look(card, self.capture(), 2)
        self.assertEqual(disk, self.empty_disk(), 'the reader is still here')

    def test_one_that_is_empty_is_no_drive(self):
        reader = self.machine.plug_reader(self.stick('vfat'))
        self.addCleanup(self.machine.unplug_reader, reader)
        disk = self.empty_disk()
        status = self.replicator.status()
        self.assertEqual(([], []), (status['drives'], status['unknown']))
        self.assertIn("'%s' has no medium in it" % disk, self.replicator.lifeboat('drive', 'add', disk, '--yes', expect=FAILED))
        card = self.stick('exfat', label='HOLIDAY')
        before = card.digest()
        self.machine.put_card_in(reader, card)
        self.replicator.wait_for("'HOLIDAY') is no drive of ours, and is left alone")
        self.machine.take_card_out(reader)
        self.assertEqual(disk, self.empty_disk())
        self.machine.run('udevadm wait --removed --timeout=60 %s1 && udevadm settle' % disk)
        self.assertEqual([], self.replicator.status()['unknown'])
        self.assertEqual(before, card.digest())


if __name__ == '__main__':
    import unittest
    unittest.main()
