"""A phone with real PouchDB, and a forced switch: what only the lost node had is pushed again, by the phone, of itself."""

import signal

from support.pair import SERVICE
from support.phone import Phone
from support.writing import Writing

FOLLOWED, LATE = (['%s-%03d' % (word, number) for number in range(100)] for word in ('followed', 'late'))


class Phones(Writing):
    def setUp(self):
        super().setUp()
        self.phone = Phone(self, self.pair.client('10.66.9.20/16'), self.pair.path('front.pem'))
        self.url = 'https://%s:%s@%s/clinic' % (*self.pair.a.account, SERVICE)

    def b_has(self, ids):
        return set(ids) <= self.pair.b.documents('clinic')

    def take_in(self):
        """a has all that the phone has, which knows that; b does not follow any more, and has the first half."""
        self.phone.put(FOLLOWED)
        self.assertEqual(len(FOLLOWED), self.phone.push(self.url))
        self.pair.b.wait_until(lambda: self.b_has(FOLLOWED), 'it does not follow')
        self.pair.b.replicator.send(signal.SIGSTOP)
        self.addCleanup(self.pair.b.replicator.send, signal.SIGCONT)
        self.phone.put(LATE)
        self.assertEqual(len(LATE), self.phone.push(self.url))
        self.assertEqual(0, self.phone.push(self.url))

    def lose(self):
        self.pair.a.kill()
        self.until_alone()
        self.pair.b.replicator.send(signal.SIGCONT)
        self.assertFalse(set(LATE) & self.pair.b.documents('clinic'))
        self.force()

    def test_what_was_lost_with_a_node_is_pushed_again(self):
        self.take_in()
        self.lose()
        self.assertFalse(set(LATE) & self.pair.b.documents('clinic'))
        self.assertEqual(len(LATE), self.phone.push(self.url))
        self.assertTrue(self.b_has(FOLLOWED + LATE))
        self.assertEqual(0, self.phone.push(self.url))
