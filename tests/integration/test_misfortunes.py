"""Misfortunes that come together: an interruption on top of a roll-back, a lost cache on top of a failure. What the
run after them holds is what the server has."""

import json
import os
import random
import shutil
import threading

import oracle
from support import faulty
from support.case import Case
from support.lifeboat import INCOMPLETE

LINKED = ('--link-size', '1')


class Misfortunes(Case):
    scripted = True
    people = 3

    def fill(self, name='zzz', count=3000, first=()):
        """A database that takes several links; `first` come with it."""
        rnd = random.Random(1)
        self.couch.create(name)
        self.couch.bulk(name, [*first] + [{'_id': 'bulk-%05d' % n, 'text': '%0900x' % rnd.getrandbits(3600)}
                                          for n in range(count)])

    def add_conflict(self, name, id):
        self.couch.bulk(name, [{'_id': id, '_rev': '1-' + 'a' * 32, 'v': 'conflict',
                                '_revisions': {'start': 1, 'ids': ['a' * 32]}}], new_edits=False)

    def withhold_conflicts(self, proxy, name):
        def change(body):
            if not body.lstrip().startswith(b'{'):
                return body
            answer = json.loads(body)
            for result in answer['results']:
                result['docs'] = [doc for doc in result['docs'] if doc.get('ok', {}).get('v') != 'conflict']
            return json.dumps(answer).encode()
        proxy.on('POST', '/%s/_bulk_get' % name, faulty.edited(change), times=None)

    def change_all(self, name, ids, value):
        for id in ids:
            self.couch.put(name, dict(self.couch.get(self.couch.path(name, id)), v=value))

    def lose_cache(self):
        shutil.rmtree(self.site.state)
        os.mkdir(self.site.state)

    def kill_at(self, method, path, *options, prepare=None):
        """Kills a snapshot when it asks for this."""
        until = threading.Event()
        self.addCleanup(until.set)
        with faulty.Faulty(self.server.url) as proxy:
            if prepare:
                prepare(proxy)
            proxy.on(method, path, faulty.stall(until), times=None)
            process = self.site.start('lifeboat', 'snapshot', '--source', proxy.url, '--to', self.site.store,
                                      '--keys', self.site.keys, *options)
            self.assertTrue(proxy.wait_for(method, path))
            process.kill()
            self.site.finish(process)
            until.set()

    def statuses(self):
        return {row['name']: row['status'] for row in oracle.Store.of(self.site).tip().manifest['databases']}

    def assert_holds(self, *names):
        self.assert_store_holds(self.capture(databases=names or None))


class Interrupted(Misfortunes):
    def test_a_roll_back_is_still_seen_after_an_interruption_between_tokens_and_seal(self):
        ids = ['doc-%02d' % n for n in range(40)]
        self.couch.bulk('medic', [{'_id': id, 'v': 0} for id in ids])
        self.site.snapshot(self.server)
        database = self.server.standin.databases['medic']
        saved = database.save()
        for value in range(3):
            self.change_all('medic', ids, value)
        self.site.snapshot(self.server)
        database.roll_back(saved)
        self.change_all('medic', ids[:10], 'new')
        self.kill_at('GET', '/medic-sentinel')
        self.site.snapshot(self.server)
        self.assert_holds()

    def test_a_link_with_damaged_bytes_is_made_good_by_the_next_run(self):
        self.couch.put('medic', {'_id': '0000'})
        rev = self.couch.get('/medic/0000')['_rev']
        self.couch.attach('medic', '0000', rev, 'bad', b'z' * 100000, 'image/png')
        self.couch.bulk('medic', [{'_id': 'bulk-%05d' % n, 'text': '%0900x' % random.Random(n).getrandbits(3600)}
                                  for n in range(3000)])

        def damage(proxy):
            proxy.on('POST', '/medic/_bulk_get.*attachments=true',
                     faulty.edited(lambda body: body.replace(b'z' * 100000, b'y' * 100000)), times=1)
        self.kill_at('GET', '/medic-logs', *LINKED, prepare=damage)
        self.site.snapshot(self.server)
        self.assert_holds()
        self.site.restore(self.empty_target())

    def test_a_leaf_that_was_unread_is_not_forgotten_in_a_link_that_compared(self):
        self.fill(first=[{'_id': '0'}])
        self.add_conflict('zzz', '0')
        with faulty.Faulty(self.server.url) as proxy:
            self.withhold_conflicts(proxy, 'zzz')
            self.site.snapshot(proxy.url, expect=INCOMPLETE)
        rows = self.couch.leaf_sets('zzz')
        rnd = random.Random(2)
        self.couch.bulk('zzz', [{'_id': id, '_rev': next(iter(revs)), 'text': '%0900x' % rnd.getrandbits(3600)}
                                for id, revs in rows.items() if id.startswith('bulk-')])
        self.couch.create('zzzz')
        self.couch.put('zzzz', {'_id': 'later'})
        self.kill_at('GET', '/zzzz', *LINKED, prepare=lambda proxy: self.withhold_conflicts(proxy, 'zzz'))
        self.site.snapshot(self.server)
        self.assert_holds('zzz')

    def test_a_run_without_a_cache_survives_its_own_links(self):
        self.site.snapshot(self.server)
        self.couch.bulk('medic', [{'_id': 'bulk-%05d' % n, 'text': '%0900x' % random.Random(n).getrandbits(3600)}
                                  for n in range(3000)])
        self.lose_cache()
        self.site.snapshot(self.server, *LINKED)
        self.assert_holds()


class Forgotten(Misfortunes):
    def test_a_damaged_leaf_is_fetched_again_when_the_cache_is_lost(self):
        self.couch.put('medic', {'_id': 'withatt'})
        rev = self.couch.get('/medic/withatt')['_rev']
        self.couch.attach('medic', 'withatt', rev, 'bad', b'z' * 100000, 'image/png')
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/medic/withatt/bad', faulty.status(404), times=None)
            proxy.on('POST', '/medic/_bulk_get',
                     faulty.edited(lambda body: body.replace(b'z' * 100000, b'y' * 100000)), times=None)
            self.site.snapshot(proxy.url, expect=INCOMPLETE)
        self.lose_cache()
        self.site.snapshot(self.server)
        self.assert_holds()

    def test_a_leaf_unread_in_an_earlier_link_is_fetched_when_the_cache_is_lost(self):
        self.fill(first=[{'_id': '0'}])
        self.add_conflict('zzz', '0')
        with faulty.Faulty(self.server.url) as proxy:
            self.withhold_conflicts(proxy, 'zzz')
            self.site.snapshot(proxy.url, *LINKED, expect=INCOMPLETE)
        self.lose_cache()
        self.site.snapshot(self.server)
        self.assert_holds('zzz')

    def test_a_failed_database_is_no_trouble_when_the_cache_is_lost(self):
        self.site.snapshot(self.server)
        self.couch.put('medic', {'_id': 'x1'})
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('.*', '/medic-logs', faulty.status(403), times=None)
            self.site.snapshot(proxy.url, expect=INCOMPLETE)
        self.lose_cache()
        self.couch.put('medic-logs', {'_id': 'x2'})
        self.site.snapshot(self.server)
        self.assert_holds()

    def test_an_excluded_database_is_no_trouble_when_the_cache_is_lost(self):
        self.site.snapshot(self.server)
        self.couch.put('medic', {'_id': 'x1'})
        self.site.snapshot(self.server, '--exclude', 'medic-logs')
        self.lose_cache()
        self.site.snapshot(self.server)
        self.assert_holds()


class Failed(Misfortunes):
    def test_a_failed_database_is_still_called_failed_after_a_link(self):
        self.site.snapshot(self.server)
        self.couch.bulk('medic-logs', [{'_id': 'new-log'}])
        self.fill()
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('.*', '/medic-logs', faulty.status(403), times=None)
            self.site.snapshot(proxy.url, *LINKED, expect=INCOMPLETE)
        self.assertEqual('failed', self.statuses()['medic-logs'])

    def test_what_a_failed_database_had_in_a_link_does_not_come_back_once_purged(self):
        self.site.snapshot(self.server)
        self.couch.bulk('medic', [{'_id': '000-victim', 'v': 1}] + [
            {'_id': 'bulk-%05d' % n, 'text': '%0900x' % random.Random(n).getrandbits(3600)} for n in range(3000)])
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('POST', '/medic/_bulk_get', faulty.status(403), times=None, after=3)
            self.site.snapshot(proxy.url, *LINKED, expect=INCOMPLETE)
        self.couch.purge('medic', '000-victim', list(self.couch.leaf_sets('medic')['000-victim']))
        self.couch.bulk('medic', [{'_id': 'after', 'v': 1}])
        self.site.snapshot(self.server)
        self.site.verify(expect=INCOMPLETE)  # for what failed; the state is whole again
        self.assert_holds('medic')

    def test_an_attachment_that_always_breaks_off_costs_only_itself(self):
        self.couch.put('medic', {'_id': 'withatt'})
        rev = self.couch.get('/medic/withatt')['_rev']
        self.couch.attach('medic', 'withatt', rev, 'bad', b'z' * 100000, 'image/png')

        def break_off(x):
            code, headers, body = x.ask()
            if b'z' * 100 not in body:
                x.send(code, headers, body)
                return
            x.head(code, headers + [('Content-Length', str(len(body)))])
            x.raw(body[:body.index(b'z' * 100) + 1000])
            x.hang_up()
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/medic/withatt/bad', break_off, times=None)
            proxy.on('POST', '/medic/_bulk_get', break_off, times=None)
            run = self.site.snapshot(proxy.url, expect=INCOMPLETE)
        self.assert_says(run, 'withatt', 'bad')
        self.assertEqual('read', self.statuses()['medic'])
        self.assertEqual(1, run.summary['unread'])
        self.site.snapshot(self.server)
        self.assert_holds()

    def test_one_database_with_an_endless_answer_does_not_hold_up_the_others(self):
        self.site.snapshot(self.server)
        self.couch.put('medic', {'_id': 'x1'})
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/medic-logs/_security',
                     faulty.edited(lambda body: body[:-1] + b' ' * (65 << 20) + body[-1:]), times=None)
            self.site.snapshot(proxy.url, expect=INCOMPLETE)
        self.assertEqual('failed', self.statuses()['medic-logs'])
        self.assert_holds('medic')

    def test_long_reasons_of_many_failures_do_not_make_a_snapshot_unreadable(self):
        names = ['u%04d' % n for n in range(1150)]
        for name in names:
            self.couch.create(name)
        reason = json.dumps({'error': 'x', 'reason': 'r' * 65000})
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/u[0-9]{4}', faulty.status(403, reason), times=None)
            self.site.snapshot(proxy.url, expect=INCOMPLETE)
        self.site.snapshot(self.server)
        self.assert_holds()

    def test_settings_that_could_not_be_read_are_those_of_the_snapshot_before(self):
        self.site.snapshot(self.server)
        before = oracle.Store.of(self.site).tip().by_name['server/config.json'].data
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/_node/_local/_config', faulty.status(403), times=None)
            self.couch.put('medic', {'_id': 'x1'})
            self.site.snapshot(proxy.url, expect=INCOMPLETE)
        self.assertEqual(before, oracle.Store.of(self.site).tip().by_name['server/config.json'].data)


    def test_a_database_read_a_second_time_within_a_run_is_whole(self):
        self.site.snapshot(self.server)
        self.couch.bulk('medic', [{'_id': 'hidden'}, {'_id': 'seen'}])

        def hide(body):
            feed = json.loads(body)
            feed['results'] = [row for row in feed['results'] if row['id'] != 'hidden']
            feed['pending'] = 0
            return json.dumps(feed).encode()
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/medic/_changes.*since=', faulty.edited(hide), times=None)
            self.site.snapshot(proxy.url)
        self.assert_holds('medic')
        self.site.verify()


class Told(Misfortunes):
    def test_databases_that_are_no_longer_there_are_named(self):
        self.site.snapshot(self.server)
        for name in ('medic', 'medic-logs'):
            self.couch.delete(name)
        run = self.site.snapshot(self.server)
        self.assert_says(run, "'medic'", "'medic-logs'")
        self.assertEqual(2, run.summary['dropped'])

    def test_a_document_purged_between_listing_and_fetching_is_recorded_as_purged(self):
        self.site.snapshot(self.server)
        gone = self.clinic.contact_ids[0]
        self.change_all('medic', [gone], 2)

        def purge():
            self.couch.purge('medic', gone, list(self.couch.leaf_sets('medic').get(gone, [])))
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('POST', '/medic/_bulk_get', faulty.first(purge))
            self.site.snapshot(proxy.url)
        self.assertEqual({gone: 'purged'}, dict(oracle.Store.of(self.site).tip().databases['medic'].gone))

    def test_a_list_of_local_documents_without_rows_is_no_answer(self):
        self.couch.ask('PUT', '/medic/_local/keep', b'{"_id":"_local/keep","v":1}')
        self.site.snapshot(self.server)
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/medic/_local_docs', faulty.status(200, '{}'), times=1)
            self.site.snapshot(proxy.url)
        self.assert_holds('medic')

    def test_a_source_that_was_set_back_to_where_it_stands_is_believed_again_after_one_run(self):
        self.site.snapshot(self.server)
        for shard in self.server.standin.databases['medic'].shards:
            shard.local.clear()
        self.site.snapshot(self.server)
        with faulty.Faulty(self.server.url) as proxy:
            self.site.snapshot(proxy.url)
            self.assertEqual(1, proxy.count('GET', '/medic/_changes.*since='))

    def test_files_larger_than_a_link_do_not_make_a_link_of_every_document(self):
        with open(self.site.path('big'), 'wb') as file:
            file.write(os.urandom(2 << 20))
        self.site.snapshot(self.server, '--file', self.site.path('big'), *LINKED)
        self.assertEqual(1, len(self.site.snapshots()))

    def test_a_database_that_counts_more_documents_than_it_lists_is_saved_and_the_rest_is_told(self):
        def count_more(body):
            info = json.loads(body)
            return json.dumps(dict(info, doc_count=info['doc_count'] + 3)).encode()
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '^/medic$', faulty.edited(count_more), times=None)
            run = self.site.snapshot(proxy.url, '--patience', '5', expect=INCOMPLETE)
        self.assert_says(run, "'medic'", 'documents')
        self.assertEqual('read', self.statuses()['medic'])
        self.assert_holds()
        self.site.snapshot(self.server)
