"""A standby that no cable reaches: drives that the first node wrote bring it up to date."""

import json
import os
import shutil
import unittest

from support import server
from support.bay import Bay
from support.case import Case
from support.daemon import Daemon
from support.lifeboat import DAMAGED, INCOMPLETE, KEY, USAGE, Site
from support.standby import Standby


def card(site):
    """What `lifeboat key show` tells of a node: the recipient and the signer."""
    said = site.run('lifeboat', 'key', 'show', '--keys', site.keys).out
    return [next(word for word in said.split() if word.startswith(beginning)) for beginning in ('age1', 'RW')]


def accept(site, node, other):
    return site.run('lifeboat', 'key', 'accept', node, *card(other), '--keys', site.keys)


class Pair(Case):
    """`self.site` is node a, `self.second` node b, each of which accepts the other; one drive between them."""

    people = 10

    def setUp(self):
        super().setUp()
        self.second = Site(self, keys=False)
        run = self.second.run('lifeboat', 'key', 'init', '--site', 'clinic', '--node', 'b', '--keys', self.second.keys)
        self.second.secrets.append(next(w for w in run.said.split() if w.startswith('AGE-SECRET-KEY-1')))
        accept(self.site, 'b', self.second)
        accept(self.second, 'a', self.site)
        self.standby = Standby(self)

    def bring(self, *options, **how):
        return self.second.run('lifeboat-restore', 'import', self.site.store, '--source', self.standby.couch.url,
                               '--keys', self.second.keys, '--json', *options, **how)


class Importing(Pair):
    def test_lifeboat_standby_import_is_the_same_in_a_build_tree_too(self):
        self.site.snapshot(self.server)
        run = self.second.run('lifeboat', 'standby', 'import', self.site.store, '--source', self.standby.couch.url,
                              '--keys', self.second.keys, '--json')
        self.assertTrue(run.summary['applied'])
        self.standby.assert_equal()

    def test_a_drive_brings_the_standby_to_the_state_of_the_snapshot(self):
        self.site.snapshot(self.server)
        run = self.bring()
        self.assertTrue(run.summary['applied'])
        self.assertEqual('a', run.summary['node'])
        self.standby.assert_equal()

    def test_the_next_drive_brings_what_changed_and_the_set_up(self):
        self.site.snapshot(self.server)
        self.bring()
        self.clinic.change()
        self.couch.set_security(self.medic, {'admins': {'names': ['new'], 'roles': []}, 'members': {'names': [], 'roles': []}})
        self.couch.set_revs_limit(self.medic, 55)
        self.couch.put(self.clinic.name('medic-sentinel'), {
            '_id': '_local/transitions-seq', 'value': '999-z',
            '_rev': self.couch.get('/%s/_local/transitions-seq' % self.clinic.name('medic-sentinel'))['_rev']})
        self.site.snapshot(self.server)
        run = self.bring()
        self.assertLess(run.summary['written'], 20)
        self.standby.assert_equal()

    def test_what_is_newer_on_the_standby_is_not_lost(self):
        self.site.snapshot(self.server)
        self.bring()
        person = self.standby.couch.get(self.couch.path(self.medic, self.clinic.contact_ids[0]))
        newer = self.standby.couch.put(self.medic, dict(person, phone='+1'))
        self.standby.couch.put(self.medic, {'_id': 'mine'})
        self.clinic.change()
        self.site.snapshot(self.server)
        self.bring()
        self.assertTrue(self.standby.has(self.medic, self.clinic.contact_ids[0], newer))
        self.assertTrue(self.standby.has(self.medic, 'mine'))

    def test_the_same_drive_again_does_nothing_and_an_older_one_neither(self):
        self.site.snapshot(self.server)
        old = self.site.path('old')
        shutil.copytree(self.site.store, old)
        self.clinic.change()
        self.site.snapshot(self.server)
        self.bring()
        before = self.standby.couch.info(self.medic)['update_seq']
        self.assertFalse(self.bring().summary['applied'])
        self.site.store = old
        self.assertFalse(self.bring().summary['applied'])
        self.assertEqual(before, self.standby.couch.info(self.medic)['update_seq'])

    def test_interrupted_it_goes_on(self):
        self.site.snapshot(self.server)
        process = self.second.start('lifeboat-restore', 'import', self.site.store, '--source', self.standby.couch.url,
                                    '--keys', self.second.keys)
        self.assertTrue(server.wait_until(lambda: self.standby.couch.exists(self.medic) or process.poll() is not None, 30))
        process.kill()
        self.second.finish(process)
        self.bring()
        self.standby.assert_equal()

    def test_the_drive_tells_how_old_the_standby_is(self):
        self.site.snapshot(self.server)
        run = self.bring()
        with open(os.path.join(self.site.lifeboat_folder, 'nodes', 'b.json')) as file:
            told = json.load(file)
        self.assertEqual((run.summary['snapshot'], run.summary['started'], 'clinic'),
                         (told['snapshot'], told['state'], told['site']))
        self.site.verify()


class Inserting(Pair):
    """Drives that are carried between the two nodes, each of which has its daemon."""

    people = 6
    BROUGHT = 'this node has all that it brought; it is safe to remove'
    TAKEN = 'the snapshot is done; it is safe to remove'

    def setUp(self):
        super().setUp()
        self.bay = Bay(self)
        self.stick = self.bay.stick('blue')

    def daemon(self, site):
        imports = site is self.second
        url = self.standby.couch.url if imports else self.server.url
        own = {'include': self.server.options[1]} if self.server.options else {}
        daemon = Daemon(site, self.bay.url(url), bay=self.bay, stores=None, standby={'import': 'yes'} if imports else None, **own)
        daemon.wait_for('watching for drives')
        return daemon

    def carry(self, site, end, first=False):
        """To a node, where somebody waits for what it says."""
        daemon = self.daemon(site)
        self.bay.plug(self.stick)
        if first:
            self.assertNotIn('error', daemon.request(ask='drive add', device=self.stick.device), daemon.log)
        daemon.wait_for(end)
        self.bay.unplug(self.stick)
        return daemon

    def test_a_drive_that_is_inserted_brings_the_standby_up_to_date_and_the_first_node_learns_it(self):
        self.carry(self.site, self.TAKEN, first=True).end()
        second = self.carry(self.second, self.BROUGHT, first=True)
        self.standby.assert_equal()
        own = second.request(ask='status')['nodes'][0]
        second.end()
        self.clinic.change()
        first = self.carry(self.site, self.TAKEN)
        self.assertEqual([own], first.request(ask='status')['nodes'])
        self.assertIn("node 'b' has the state of 20", first.status())
        first.end()
        second = self.carry(self.second, self.BROUGHT)
        self.standby.assert_equal()
        self.assertGreater(second.request(ask='status')['nodes'][0]['state'], own['state'])
        second.end()
        restarted = self.daemon(self.site)
        self.assertEqual([own], restarted.request(ask='status')['nodes'])
        restarted.end()

    def test_one_that_brings_nothing_that_is_trusted_is_a_failure_that_says_so(self):
        self.carry(self.site, self.TAKEN, first=True).end()
        second = self.carry(self.second, self.BROUGHT, first=True)
        second.end()
        shutil.rmtree(os.path.join(self.second.keys, 'trusted'))
        second = self.carry(self.second, 'this node was not brought up to date')
        self.assertIn('trusted', second.log)
        second.end()


class Refusing(Pair):
    def test_snapshots_of_a_signer_who_is_not_accepted_are_refused(self):
        shutil.rmtree(os.path.join(self.second.keys, 'trusted'))
        self.site.snapshot(self.server)
        run = self.bring(expect=DAMAGED)
        self.assert_says(run, 'trusted', 'on this node: `lifeboat key accept`')
        self.assertFalse(self.standby.couch.exists(self.medic))

    def test_a_chain_begun_before_this_node_was_accepted_says_how_to_begin_another(self):
        shutil.rmtree(os.path.join(self.site.keys, 'trusted'))
        self.site.snapshot(self.server)
        self.assert_says(self.bring(expect=KEY), 'on the other node: `lifeboat key accept`', 'then a snapshot there')
        accept(self.site, 'b', self.second)
        self.assertEqual('full', self.site.snapshot(self.server).summary['kind'])
        self.bring()
        self.standby.assert_equal()
        self.clinic.change()
        self.assertEqual('increment', self.site.snapshot(self.server).summary['kind'])
        self.bring()
        self.standby.assert_equal()

    def test_a_damaged_snapshot_is_refused(self):
        self.site.snapshot(self.server)
        path = os.path.join(self.site.snapshot_folder(self.site.snapshots()[-1]), 'data.000')
        with open(path, 'r+b') as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))
        self.bring(expect=DAMAGED)
        self.assertFalse(self.standby.couch.exists(self.medic))

    def test_its_own_snapshots_are_nothing_to_bring(self):
        self.site.store = self.second.store
        self.second.run('lifeboat', 'snapshot', '--source', self.standby.couch.url, '--to', self.second.store, '--keys', self.second.keys,
                        *self.server.options,
                        expect=USAGE if self.server.prefix else 0)
        self.assert_says(self.bring(expect=DAMAGED), 'no complete snapshot' if not self.server.prefix else 'store')

    def test_a_store_that_is_empty_yet_says_what_to_do(self):
        self.site.snapshot(self.server)
        shutil.rmtree(os.path.join(self.site.lifeboat_folder, 'snapshots'))
        os.mkdir(os.path.join(self.site.lifeboat_folder, 'snapshots'))
        self.assert_says(self.bring(expect=DAMAGED), 'insert the drive in the other node first')

    def test_nonsense_is_not_accepted_as_a_key(self):
        recipient, signer = card(self.second)
        for one, two in ((recipient[:-1] + ('q' if recipient[-1] != 'q' else 'p'), signer), (recipient, signer[:-4]), (signer, recipient)):
            self.site.run('lifeboat', 'key', 'accept', 'c', one, two, '--keys', self.site.keys, expect=USAGE)
        for node, one, two in (('a', recipient, signer), ('c', *card(self.site)), ('c', recipient, card(self.site)[1])):
            run = self.site.run('lifeboat', 'key', 'accept', node, one, two, '--keys', self.site.keys, expect=USAGE)
            self.assert_says(run, "of this node, '%s'" % 'a', 'hint: run `lifeboat key show` on the other node')
        self.assertEqual(['b.age', 'b.pub'], sorted(os.listdir(os.path.join(self.site.keys, 'trusted'))))


if __name__ == '__main__':
    unittest.main()
