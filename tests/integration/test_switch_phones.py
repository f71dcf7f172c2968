"""Phones with real PouchDB through a switch: they pull nothing twice, miss nothing, and what only they have left is pushed again."""

import unittest

from support.couch import quote
from support.pair import Pair
from support.phones import Phones


class Switching(Pair):
    people = 4

    def setUp(self):
        super().setUp()
        self.phones = Phones(self)
        self.name = self.couch.create(self.clinic.name('shared'))
        self.everybody = {'admins': {'names': [], 'roles': []}, 'members': {'names': [], 'roles': []}}
        self.couch.set_security(self.name, self.everybody)
        self.write(self.couch, 'first', 300)

    def write(self, couch, word, count):
        couch.bulk(self.name, [{'_id': '%s-%04d' % (word, i), 'text': 'x' * 100} for i in range(count)])

    def sync(self, phone, couch, **how):
        return self.phones.sync(phone, couch, self.name, **how)

    def ids(self, couch):
        rows = couch.get('/%s/_all_docs' % quote(self.name))['rows']
        return {row['id']: row['value']['rev'] for row in rows}

    def assert_has_all(self, phone, couch):
        self.assertEqual(self.ids(couch), self.phones.ids(phone))

    def switch(self):
        """Planned: b pulls, and takes over the uuid; a gets another one."""
        self.start()
        answer = self.step('pull', attempt='0a1b')
        self.step('adopt', uuid=answer['uuid'])
        return answer


class Planned(Switching):
    def test_a_phone_that_had_all_pulls_and_pushes_nothing_again(self):
        self.phones.put('one', [{'_id': 'one-%03d' % i} for i in range(100)])
        self.sync('one', self.couch)
        self.sync('one', self.couch)  # its own writes come by its pull, too
        answer = self.switch()
        self.assertEqual((1, 1), (answer['pulls'], answer['pushes']))
        told = self.sync('one', self.other)
        self.assertEqual((0, 0, 0), (told['pulled'], told['read'], told['pushed']))
        self.assert_has_all('one', self.other)
        self.write(self.other, 'second', 5)
        self.phones.put('one', [{'_id': 'one-later'}])
        told = self.sync('one', self.other)
        self.assertEqual((5, 1), (told['read'], told['pushed']))
        self.assert_has_all('one', self.other)

    def test_a_phone_that_had_all_does_not_look_through_all(self):
        for _ in range(3):  # what came by a pull is looked at once by a push
            before = self.sync('one', self.couch)['requests']
        self.switch()
        self.assertLess(self.sync('one', self.other)['requests'], before + 3)  # CouchDB may spell the sequence otherwise
        self.assertGreater(self.sync('new', self.other)['requests'], before + 3)

    def test_a_phone_that_was_behind_gets_what_it_has_not_and_nothing_else(self):
        self.sync('behind', self.couch)
        self.write(self.couch, 'since', 40)
        self.phones.put('behind', [{'_id': 'behind-%03d' % i} for i in range(30)])
        self.switch()
        told = self.sync('behind', self.other)
        self.assertEqual((40, 30), (told['read'], told['pushed']))
        self.assert_has_all('behind', self.other)

    def test_however_phones_keep_their_checkpoints(self):
        ways = {'both': {}, 'source': {'checkpoint': 'source'}, 'target': {'checkpoint': 'target'}, 'small': {'batch_size': 7}}
        for name, how in ways.items():
            self.phones.put(name, [{'_id': '%s-%03d' % (name, i)} for i in range(20)])
            self.sync(name, self.couch, pull=how, push=how)
        for name, how in ways.items():
            if name != 'target':
                self.sync(name, self.couch, pull=how, push=how)
        self.write(self.couch, 'since', 10)
        self.sync('small', self.couch, pull=ways['small'])
        self.switch()
        self.write(self.other, 'second', 10)
        for name, how in ways.items():
            with self.subTest(checkpoint=name):
                missing = len(set(self.ids(self.other)) - set(self.phones.ids(name)))
                self.assertEqual(missing, self.sync(name, self.other, pull=how, push=how)['read'])
                self.assert_has_all(name, self.other)

    def test_there_and_back_again(self):
        """a is the active node again at the end, with its old files."""
        self.sync('one', self.couch)
        self.switch()
        self.write(self.other, 'second', 20)
        self.sync('one', self.other)
        self.write(self.other, 'third', 20)  # which it does not get before
        self.daemon.end()
        self.couch, self.other = self.other, self.couch
        self.start()
        uuid = self.step('pull', attempt='0a1c')['uuid']
        self.step('adopt', uuid=uuid)
        self.write(self.other, 'fourth', 20)
        self.assertEqual(40, self.sync('one', self.other)['read'])
        self.assert_has_all('one', self.other)


class Forced(Switching):
    def lose(self):
        """b had followed; then phones write, a acknowledges that, and is lost."""
        self.start()
        self.step('pull', attempt='0a1b')
        for name in ('one', 'two'):
            self.phones.put(name, [{'_id': '%s-%03d' % (name, i)} for i in range(100)])
            self.sync(name, self.couch, push={'checkpoint': 'source'} if name == 'two' else True)
        self.assertEqual(500, len(self.ids(self.couch)))
        self.assertEqual(300, len(self.ids(self.other)))

    def sync_all(self):
        for name in ('one', 'two'):
            self.sync(name, self.other, push={'checkpoint': 'source'} if name == 'two' else True)

    def test_phones_push_again_what_only_the_lost_node_had(self):
        self.lose()
        self.step('fresh', token='term-4')
        self.sync_all()
        self.assertEqual(500, len(self.ids(self.other)))
        self.sync_all()
        self.assert_has_all('one', self.other)
        self.assert_has_all('two', self.other)

    def test_with_the_uuid_kept_they_would_not(self):
        """What `fresh` is for: were this to pass without it, it would prove nothing above."""
        self.lose()
        uuid = self.uuid(self.couch)
        self.step('pull', attempt='0a1d')  # the checkpoints come, as from an image of a's disk
        self.other.bulk(self.name, [{'_id': id, '_rev': rev, '_deleted': True} for id, rev in self.ids(self.other).items()
                                    if id.startswith(('one-', 'two-'))])
        self.step('adopt', uuid=uuid)
        self.sync_all()
        self.assertEqual(300, len(self.ids(self.other)))


if __name__ == '__main__':
    unittest.main()
