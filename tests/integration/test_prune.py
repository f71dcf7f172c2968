"""`lifeboat prune`: restore points go, and each that stays restores exactly what it did."""

import json
import os
import shutil
import subprocess
import threading

import oracle
from support import faulty
from support.lifeboat import DAMAGED, DONE, INCOMPLETE, LATER, USAGE, Site
from support.pruning import Pruning, tree


class Prune(Pruning):
    def test_every_point_that_stays_gives_what_it_gave(self):
        ids = self.tell_story()
        before = self.all_seen()
        self.assertEqual(ids, self.points())
        run = self.site.prune('--keep-last', '2', '--keep-daily', '4', '--keep-weekly', '3')
        self.assertLess(len(self.points()), len(ids))
        self.assertEqual(ids[-2:], self.points()[-2:])
        self.assertEqual(len(self.points()), run.summary['kept'] + run.summary['waiting'])
        self.assertEqual(len(ids), run.summary['points'])
        self.assertIn('merged', [entry['kind'] for entry in self.entries()])
        self.assert_seen(before)
        self.assert_chain_is_whole()

    def test_pruned_again_and_again_down_to_one(self):
        self.tell_story()
        before = self.all_seen()
        for last in (9, 6, 5, 2, 1):
            self.site.prune('--keep-last', last)
            self.assertIn(len(self.points()), (last, last + 1))  # and perhaps the base
            self.assert_seen(before)
            self.assert_chain_is_whole()

    def test_pruned_again_with_the_same_rules_changes_nothing(self):
        self.tell_story()
        rules = ('--keep-daily', '3', '--keep-weekly', '2', '--keep-hourly', '2')
        self.site.prune(*rules)
        before = self.site.snapshots()
        run = self.site.prune(*rules)
        self.assertEqual(before, self.site.snapshots())
        self.assertEqual((0, 0), (run.summary['removed'], run.summary['freed']))

    def test_the_next_snapshot_goes_on_with_and_without_what_the_node_remembers(self):
        self.tell_story()
        self.site.prune('--keep-last', '3')
        pruned = self.site.snapshots()
        with faulty.Faulty(self.server.url) as proxy:
            self.assertIsNone(self.site.snapshot(proxy.url, *self.server.options).summary['snapshot'])
            self.assertEqual(set(), proxy.fetched(self.medic))
            shutil.rmtree(self.site.state)
            self.assertIsNone(self.site.snapshot(proxy.url, *self.server.options).summary['snapshot'])
            self.assertEqual(set(), proxy.fetched(self.medic))
        self.assertEqual(pruned, self.site.snapshots())
        for forget in (False, True):
            self.clinic.change()
            self.edit('another', n='stub of a stub')
            if forget:
                shutil.rmtree(self.site.state)
            self.site.snapshot(self.server)
            self.assert_store_holds(self.capture())
        self.site.prune('--keep-last', '1')
        before = self.capture()
        self.assert_store_holds(before)
        target = self.empty_target()
        self.site.restore(target)
        self.assert_same(before, self.capture(target.couch))

    def test_a_pruned_store_is_pruned_and_gone_on_with(self):
        ids = [self.snapshot_at('2026-11-01T08:00:00Z')]
        for day in range(2, 9):
            self.clinic.change()
            ids.append(self.snapshot_at('2026-11-%02dT08:00:00Z' % day, '--keep-last', '3'))
            before = self.seen(oracle.Store.of(self.site), ids[-1])
            self.assert_store_holds(self.capture())
            self.assert_seen({ids[-1]: before}, [ids[-1]])
            self.assertEqual(ids[-3:], self.points()[-3:])
            self.assertLessEqual(len(self.points()), 4)
            self.assert_chain_is_whole()

    def test_the_first_snapshot_stays_as_base_until_the_increments_exceed_half_its_size(self):
        self.put_picture('large', 160)
        first = self.snapshot_at('2026-11-01T08:00:00Z')
        for day in (2, 3, 4):
            self.edit('large', n=day)
            self.snapshot_at('2026-11-%02dT08:00:00Z' % day)
        run = self.site.prune('--keep-last', '1')
        self.assertEqual((1, 1), (run.summary['kept'], run.summary['waiting']))
        self.assertEqual(['full', 'merged'], [entry['kind'] for entry in self.entries()])
        self.assertEqual(first, self.ids()[0])
        self.put_picture('larger', 200)
        last = self.snapshot_at('2026-11-05T08:00:00Z')
        run = self.site.prune('--keep-last', '1')
        self.assertEqual((1, 0), (run.summary['kept'], run.summary['waiting']))
        self.assertEqual([last], self.ids())
        self.assertIsNone(self.entries()[0]['parent'])
        self.assert_store_holds(self.capture())
        self.assert_chain_is_whole()

    def test_links_are_merged_away_into_their_complete_one(self):
        self.snapshot_at('2026-11-01T08:00:00Z')
        self.couch.bulk(self.medic, [{'_id': 'bulk-%04d' % n, 'text': '%0900x' % self.clinic.random.getrandbits(3600)}
                                     for n in range(1500)])
        last = self.snapshot_at('2026-11-02T08:00:00Z', '--link-size', '1')
        self.assertGreater(len(self.ids()), 2)
        before = self.all_seen()
        run = self.site.prune('--keep-last', '2')
        self.assertEqual((2, 0), (run.summary['kept'], run.summary['removed']))
        self.assertEqual(2, len(self.ids()))
        self.assertEqual(last, self.ids()[-1])
        self.assert_seen(before)
        self.assert_chain_is_whole()
        self.assertIsNone(self.site.snapshot(self.server).summary['snapshot'])

    def test_an_older_chain_goes_when_nothing_of_it_is_kept(self):
        ids = [self.snapshot_at('2026-11-01T08:00:00Z')]
        self.clinic.change()
        ids.append(self.snapshot_at('2026-11-02T08:00:00Z'))
        self.clinic.change()
        ids.append(self.snapshot_at('2026-11-03T08:00:00Z', '--full'))
        before = self.all_seen()
        self.site.prune('--keep-last', '2')
        self.assertEqual(ids[-2:], self.points()[-2:])
        self.assert_seen(before)
        self.site.prune('--keep-last', '1')
        self.assertEqual(ids[-1:], self.ids())
        self.assert_seen(before)
        self.assert_chain_is_whole()


class Asked(Pruning):
    """What an operator types, and what he is told."""

    def three(self):
        ids = []
        for day in (1, 2, 3):
            self.put_picture('p-%d' % day, 60)
            ids.append(self.snapshot_at('2026-11-%02dT08:00:00Z' % day))
        return ids

    def test_a_dry_run_says_what_would_go_and_changes_nothing(self):
        ids = self.three()
        before = tree(self.site.store)
        run = self.site.prune('--dry-run', '--keep-last', '1', '--keep-yearly', '1')
        self.assertEqual(before, tree(self.site.store))
        points = [row for row in run.lines if row['event'] == 'point']
        self.assertEqual(ids[::-1], [point['snapshot'] for point in points])
        self.assertEqual(['last', 'yearly'], points[0]['rules'])
        self.assertEqual(['kept', 'merged'], [point['fate'] for point in points[:2]])
        self.assertTrue(run.summary['dry_run'])
        run = self.site.run('lifeboat', 'prune', self.site.store, '--keys', self.site.keys, '--dry-run', '--keep-last', '1')
        self.assert_says(run, 'stays: last', 'goes', '2026-11-03T08:00:00Z')
        self.assertEqual(before, tree(self.site.store))

    def test_a_person_reads_one_line(self):
        self.three()
        run = self.site.run('lifeboat', 'prune', self.site.store, '--keys', self.site.keys, '--keep-last', '1')
        self.assertRegex(run.out, r'^kept 1 of 3 restore points, freed [0-9.]+.k?B')

    def test_without_a_rule_nothing_goes(self):
        self.three()
        before = self.site.snapshots()
        self.assert_says(self.site.prune(expect=USAGE), 'no rule', 'hint')
        self.assertEqual(before, self.site.snapshots())

    def test_no_store_is_made(self):
        self.site.prune('--keep-last', '1', expect=DAMAGED)
        self.assertEqual([], os.listdir(self.site.store))

    def test_the_configuration_prunes_after_each_snapshot(self):
        ids, config = self.three(), self.site.path('lifeboat.conf')
        with open(config, 'w') as file:
            file.write('[retention]\nkeep_last = 2\n')
        self.clinic.change()
        run = subprocess.run([self.site.program('lifeboat'), 'snapshot', '--source', self.server.url, '--to', self.site.store,
                              '--keys', self.site.keys, '--state', self.site.state, '--config', config, '--json',
                              *self.server.options], check=True, stdout=subprocess.PIPE, text=True)
        rows = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual('summary', rows[-1]['event'])
        pruned = next(row for row in rows if row['event'] == 'pruned')
        self.assertEqual((4, 2), (pruned['points'], pruned['kept']))
        self.assertEqual([ids[-1], rows[-1]['snapshot']], self.points()[-2:])

    def test_a_snapshot_in_progress_is_waited_for_by_nobody(self):
        self.three()
        with faulty.Faulty(self.server.url) as proxy:
            until = threading.Event()
            self.addCleanup(until.set)
            proxy.on('GET', '/_changes', faulty.stall(until), times=None)
            process = self.site.start('lifeboat', 'snapshot', '--source', proxy.url, '--to', self.site.store,
                                      '--keys', self.site.keys, *self.server.options)
            self.assertTrue(proxy.wait_for('GET', '/_changes'))
            self.assert_says(self.site.prune('--keep-last', '1', expect=LATER), 'in use')
            until.set()
            self.site.finish(process)

    def test_a_merge_that_does_not_fit_is_left_and_told(self):
        self.three()
        before = self.all_seen()
        names = self.site.snapshots()
        run = self.site.prune('--keep-last', '1', env=self.in_world(room=5000), expect=INCOMPLETE)
        self.assert_says(run, 'no room')
        self.assertEqual(names, self.site.snapshots())
        self.assert_seen(before)

    def test_the_base_is_left_where_only_the_increments_fit(self):
        self.three()
        sizes = [entry['bytes']['stored'] for entry in self.entries()]
        self.assertGreater(2 * sum(sizes[1:]), sizes[0])
        room = sum(sizes[1:]) * 65 // 64 + (1 << 20)
        self.site.prune('--keep-last', '1', env=self.in_world(room=room))
        self.assertEqual(['full', 'merged'], [entry['kind'] for entry in self.entries()])
        self.site.prune('--keep-last', '1')
        self.assertEqual(['merged'], [entry['kind'] for entry in self.entries()])


class Clock(Pruning):
    people = 4

    def test_a_clock_that_was_set_back_is_told_and_puts_nothing_out_of_order(self):
        self.snapshot_at('2041-03-01T08:00:00Z')
        self.clinic.change()
        run = self.site.snapshot(self.server)
        self.assert_says(run, 'which is before the newest snapshot there, of 2041-03-01T08:00:00Z: is it set right?')
        self.assert_store_holds(self.capture())
        self.assertEqual('increment', run.summary['kind'])


class Others(Pruning):
    """What this node did not write."""

    def accept(self, site, other):
        shutil.copy(os.path.join(other.keys, 'signing.pub'), os.path.join(site.keys, 'trusted', 'other.pub'))

    def test_another_node_s_chain_is_left_alone_and_does_not_count(self):
        other = Site(self, name='clinic')
        other.store = self.site.store
        self.accept(self.site, other)
        self.accept(other, self.site)
        theirs, ours = [], []
        for _ in range(2):
            for site, names in ((self.site, ours), (other, theirs)):
                self.clinic.change()
                site.snapshot(self.server)
                names += set(self.site.snapshots()) - set(ours + theirs)
        run = self.site.prune('--keep-last', '1')
        self.assertEqual((2, 1), (run.summary['points'], run.summary['kept']))
        self.assertLessEqual(set(theirs), set(self.site.snapshots()))
        other.prune('--keep-last', '1')
        for site in (self.site, other):
            self.assertIn(site.snapshot(self.server, expect=None).code, (DONE,))

    def test_a_store_with_an_unknown_signer_is_left_alone(self):
        other = Site(self, name='clinic')
        self.site.snapshot(self.server)
        before = tree(self.site.store)
        other.store = self.site.store
        self.assert_says(other.prune('--keep-last', '1', expect=DAMAGED), 'unknown signer')
        self.assertEqual(before, tree(self.site.store))

    def test_what_is_copied_here_from_another_store_stays(self):
        self.site.snapshot(self.server)
        name, = self.site.snapshots()
        copy = self.site.path('copy')
        shutil.copytree(self.site.snapshot_folder(name), copy)
        shutil.rmtree(self.site.lifeboat_folder)
        shutil.rmtree(self.site.state)
        os.mkdir(self.site.state)
        for _ in range(3):
            self.clinic.change()
            self.site.snapshot(self.server)
        shutil.copytree(copy, self.site.snapshot_folder(name))
        self.site.prune('--keep-last', '1')
        self.assertIn(name, self.site.snapshots())


class Broken(Pruning):
    def damage(self, name):
        path = os.path.join(self.site.snapshot_folder(name), 'data.000')
        with open(path, 'r+b') as file:
            file.seek(700)
            byte = file.read(1)
            file.seek(700)
            file.write(bytes([byte[0] ^ 1]))

    def four(self):
        for day in (1, 2, 3, 4):
            self.clinic.change()
            self.snapshot_at('2026-11-%02dT08:00:00Z' % day)
        return self.site.snapshots()

    def test_a_damaged_snapshot_is_not_merged_and_is_healed_first(self):
        names = self.four()
        self.damage(names[1])
        before = tree(self.site.lifeboat_folder)
        run = self.site.prune('--keep-last', '1', expect=DAMAGED)
        self.assert_says(run, names[1], 'hint', 'lifeboat snapshot')
        self.assertEqual({**before, **tree(self.site.lifeboat_folder)}, tree(self.site.lifeboat_folder))
        self.site.snapshot(self.server)
        run = self.site.prune('--keep-last', '3')
        self.assertEqual((2, 2), (run.summary['points'], run.summary['kept']), 'lost ones count as points')
        self.clinic.change()
        self.site.snapshot(self.server)
        for _ in range(2):  # a merged one makes good what the healing one that it joins did
            run = self.site.prune('--keep-last', '1')
            self.assertEqual(1, run.summary['kept'])
            self.assertEqual(0, run.summary['waiting'])
            self.assertEqual(set(names[1:]), set(names) & set(self.site.snapshots()), 'what is damaged or lost was removed')
        self.assert_store_holds_healed()

    def assert_store_holds_healed(self):
        before = self.capture()
        target = self.empty_target()
        self.site.restore(target, expect=None)
        self.assert_same(before, self.capture(target.couch))

    def test_a_lost_tip_is_made_whole_first(self):
        names = self.four()
        shutil.rmtree(self.site.snapshot_folder(names[2]))
        run = self.site.prune('--keep-last', '1', expect=DAMAGED)
        self.assert_says(run, names[3], 'hint', 'lifeboat snapshot')
        self.assertEqual(names[:2] + names[3:], self.site.snapshots())
        self.site.snapshot(self.server)
        self.site.prune('--keep-last', '1')
        self.assertIn(names[3], self.site.snapshots())
