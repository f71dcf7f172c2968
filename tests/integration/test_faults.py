"""A source that misbehaves: what passes is waited out, what does not is named, and nothing wrong is ever sealed."""

import json
import threading

import oracle
from support import faulty
from support.case import Case
from support.lifeboat import DAMAGED, DONE, FAILED, INCOMPLETE, LATER

LEAVES = ('--stall', '1')
IN_TIME = 45  # seconds, well before the stalled answer or the default limit ends


class Faults(Case):
    scripted = True

    def setUp(self):
        super().setUp()
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)

    def snapshot(self, **how):
        return self.site.snapshot(self.proxy.url, **how)

    def assert_overcome(self, rule):
        """The fault happened, the snapshot was taken all the same, and it holds everything."""
        self.snapshot()
        self.assertGreaterEqual(rule.hits, 1, 'the fault was never met')
        self.assert_store_holds(self.capture())


class Passing(Faults):
    """Faults that go away when one asks again."""

    def on_feed(self, fault, times=1):
        self.assert_overcome(self.proxy.on('GET|POST', '/medic/_changes', fault, times))

    def on_documents(self, fault, times=1):
        self.assert_overcome(self.proxy.on('POST', '/medic/_bulk_get', fault, times))

    def test_feed_cut_in_the_middle_of_its_body(self):
        self.on_feed(faulty.cut(0.5))

    def test_feed_cut_in_the_middle_of_a_line(self):
        self.on_feed(faulty.cut_after_rows(20))

    def test_feed_cut_short_of_its_announced_length(self):
        self.on_feed(faulty.cut(0.7, chunked=False))

    def test_feed_that_ends_cleanly_in_the_middle(self):
        self.on_feed(faulty.cut_cleanly(0.5))

    def test_feed_with_a_truncated_chunk(self):
        self.on_feed(faulty.truncated_chunk())

    def test_feed_with_more_length_announced_than_comes(self):
        self.on_feed(faulty.wrong_length(+1000))

    def test_feed_with_less_length_announced_than_comes(self):
        self.on_feed(faulty.wrong_length(-1000))

    def test_feed_that_is_no_json(self):
        self.on_feed(faulty.invalid_json())

    def test_feed_without_last_seq(self):
        self.on_feed(faulty.feed_without('last_seq'))

    def test_feed_answering_500_twice(self):
        self.on_feed(faulty.status(500), times=2)

    def test_feed_answering_429(self):
        self.on_feed(faulty.status(429, headers=[('Retry-After', '1')]))

    def test_server_that_hangs_up(self):
        self.on_feed(faulty.hang_up())

    def test_documents_cut_in_the_middle(self):
        self.on_documents(faulty.cut(0.5))

    def test_documents_that_end_cleanly_in_the_middle(self):
        self.on_documents(faulty.cut_cleanly(0.6))

    def test_documents_with_a_truncated_chunk(self):
        self.on_documents(faulty.truncated_chunk())

    def test_documents_with_wrong_lengths(self):
        self.on_documents(faulty.wrong_length(-500))

    def test_documents_that_are_no_json(self):
        self.on_documents(faulty.invalid_json())

    def test_documents_answering_503(self):
        self.on_documents(faulty.status(503))

    def test_documents_answering_413_are_asked_for_in_smaller_batches(self):
        self.on_documents(faulty.status(413))

    def test_an_error_for_one_document_is_asked_again_alone(self):
        rule = self.proxy.on('POST', '/medic/_bulk_get', faulty.bulk_get_error(self.clinic.contact_ids[0]))
        self.assert_overcome(rule)

    def test_list_of_databases_answering_500(self):
        self.assert_overcome(self.proxy.on('GET', '/_all_dbs', faulty.status(500)))

    def test_a_list_that_names_a_database_twice_is_read_as_if_once(self):
        twice = faulty.edited(lambda body: json.dumps([name for name in json.loads(body) for _ in '12']).encode())
        self.assert_overcome(self.proxy.on('GET', '/_all_dbs', twice, times=None))

    def test_source_restarted_in_the_middle(self):
        def restart(x):
            self.server.standin.stop()
            x.hang_up()
            threading.Timer(1.5, self.server.standin.start).start()
        self.assert_overcome(self.proxy.on('POST', '/medic/_bulk_get', restart))


class Lasting(Faults):
    """Faults that stay: the run says what it could not read, and what it seals is true."""

    def test_401_is_asked_exactly_once(self):
        self.proxy.on('.*', '.*', faulty.status(401, '{"error":"unauthorized","reason":"Name or password is incorrect."}'),
                      times=None)
        run = self.snapshot(expect=FAILED)
        self.assertEqual(1, self.proxy.count('.*', '.*'), self.proxy.requests)
        self.assert_says(run, 'password')
        self.assertEqual([], self.site.snapshots())

    def test_401_in_the_middle_is_not_repeated(self):
        self.proxy.on('POST', '/medic/_bulk_get', faulty.status(401), times=None)
        run = self.snapshot(expect=None)
        self.assertNotEqual(DONE, run.code)
        self.assertEqual(1, self.proxy.count('POST', '/medic/_bulk_get'))

    def test_a_document_that_cannot_be_read_is_named_and_holds_nothing_up(self):
        bad = self.clinic.contact_ids[0]

        def fail(x):
            x.send(500, [], b'{"error":"badmatch","reason":"scripted"}')
        self.proxy.on('GET', '/medic/%s' % bad, fail, times=None)
        self.proxy.on('POST', '/medic/_bulk_get', faulty.bulk_get_error(bad, 'badmatch'), times=None)
        run = self.snapshot(expect=INCOMPLETE)
        self.assert_says(run, bad)
        tip = oracle.Store.of(self.site).tip()
        self.assertEqual([bad], [row['id'] for row in tip.manifest['unread']])
        self.assertIn(self.clinic.contact_ids[1], tip.databases['medic'].documents)

    def test_what_was_unread_is_fetched_by_the_next_run(self):
        bad = self.clinic.contact_ids[0]
        self.proxy.on('GET', '/medic/%s' % bad, faulty.status(500), times=None)
        self.proxy.on('POST', '/medic/_bulk_get', faulty.bulk_get_error(bad, 'badmatch'), times=None)
        self.snapshot(expect=INCOMPLETE)
        self.proxy.clear()
        self.snapshot()
        self.assert_store_holds(self.capture())

    def test_a_database_that_fails_is_named_and_the_others_are_kept(self):
        self.proxy.on('.*', '/medic-logs', faulty.status(500), times=None)
        run = self.snapshot(expect=INCOMPLETE)
        self.assert_says(run, 'medic-logs')
        captured = self.capture(databases=['medic', 'medic-sentinel'])
        self.assert_store_holds(captured)

    def test_a_server_that_stays_away_in_the_middle_is_tried_later_and_nothing_is_sealed(self):
        def leave(x):
            self.proxy.on('.*', '.*', faulty.hang_up(), times=None)
            x.hang_up()
        self.proxy.on('POST', '/medic-sentinel/_bulk_get', leave)
        run = self.site.snapshot(self.proxy.url, '--patience', '2', expect=LATER)
        self.assert_says(run, 'after', 'attempts')
        self.assertEqual([], self.site.snapshots())
        self.proxy.clear()
        self.snapshot()
        self.assert_store_holds(self.capture())

    def test_a_server_that_stays_busy_is_tried_later(self):
        self.proxy.on('.*', '.*', faulty.status(503), times=None)
        run = self.site.snapshot(self.proxy.url, '--patience', '1', expect=LATER)
        self.assertEqual(1, run.err.count('attempts'), str(run))
        run = self.site.restore(self.proxy.url, '--patience', '1', expect=None)
        self.assertIn(run.code, (LATER, DAMAGED), str(run))

    def test_a_feed_without_its_rows_is_never_sealed_as_complete(self):
        self.proxy.on('GET|POST', '/medic/_changes', faulty.feed_without_rows(5), times=None)
        self.snapshot(expect=None)
        self.proxy.clear()
        self.snapshot()
        self.assert_store_holds(self.capture())

    def test_an_increment_whose_feed_lacks_rows_is_never_sealed_as_complete(self):
        self.snapshot()
        for id in self.clinic.contact_ids[:6]:
            self.couch.put('medic', dict(self.couch.get(self.couch.path('medic', id)), phone='changed'))
        self.proxy.on('GET|POST', '/medic/_changes.*seq_interval.*since=', faulty.feed_without_rows(2), times=None)
        run = self.snapshot(expect=None)
        self.assert_says(run, 'changes feed')
        self.assert_store_holds(self.capture())

    def test_invalid_json_for_ever_ends_with_a_failure(self):
        self.proxy.on('GET|POST', '/medic/_changes', faulty.invalid_json(), times=None)
        run = self.site.snapshot(self.proxy.url, '--patience', '2', expect=None)
        self.assertIn(run.code, (FAILED, INCOMPLETE, LATER), str(run))
        self.assert_says(run, 'medic')

    def test_endless_headers_do_not_fill_memory(self):
        self.proxy.on('GET', '^/$', faulty.endless_headers(), times=1)
        self.snapshot(expect=None)

    def test_no_server_there_is_said_plainly(self):
        self.server.standin.stop()
        try:
            run = self.site.snapshot(self.server.url, '--patience', '2', expect=None)
            self.assertIn(run.code, (FAILED, LATER), str(run))
            self.assert_says(run, '127.0.0.1:%d' % self.server.standin.port)
        finally:
            self.server.standin.start()


class Stalling(Faults):
    """A server that takes a request and then says nothing more is left after --stall, and the run goes on."""

    def setUp(self):
        super().setUp()
        self.until = threading.Event()
        self.addCleanup(self.until.set)

    def on(self, method, path, part=0.5, times=1):
        return self.proxy.on(method, path, faulty.stall(self.until, part), times)

    def test_a_feed_that_stalls_is_asked_again(self):
        rule = self.on('GET|POST', '/medic/_changes')
        self.site.snapshot(self.proxy.url, *LEAVES, timeout=IN_TIME)
        self.assertEqual(1, rule.hits)
        self.assert_store_holds(self.capture())

    def test_documents_that_stall_are_asked_for_again(self):
        rule = self.on('POST', '/medic/_bulk_get', part=0)
        self.site.snapshot(self.proxy.url, *LEAVES, timeout=IN_TIME)
        self.assertEqual(1, rule.hits)
        self.assert_store_holds(self.capture())

    def test_an_answer_that_does_not_even_begin_is_asked_for_again(self):
        rule = self.proxy.on('GET', '/_all_dbs', lambda x: self.until.wait(faulty.UNTIL_HANG_UP))
        self.site.snapshot(self.proxy.url, *LEAVES, timeout=IN_TIME)
        self.assertEqual(1, rule.hits)
        self.assert_store_holds(self.capture())

    def test_a_database_that_always_stalls_is_named_and_the_others_are_kept(self):
        self.on('GET|POST', '/medic-logs', part=0, times=None)
        run = self.site.snapshot(self.proxy.url, *LEAVES, '--patience', '2', expect=INCOMPLETE, timeout=IN_TIME)
        self.assert_says(run, 'medic-logs')
        self.assert_store_holds(self.capture(databases=['medic', 'medic-sentinel']))

    def test_a_target_that_stalls_gets_it_again(self):
        before = self.capture()
        self.snapshot()
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            rules = [proxy.on('POST', '/medic/_bulk_docs', faulty.stall(self.until, part=0)),
                     proxy.on('GET', '/medic/_changes', faulty.stall(self.until, part=0))]
            self.site.restore(proxy.url, *LEAVES, timeout=IN_TIME)
        self.assertEqual([1, 1], [rule.hits for rule in rules])
        self.assert_same(before, self.capture(target.couch))


class Changing(Faults):
    """A source that changes while it is read."""

    def test_a_document_gone_when_fetched_is_no_failure(self):
        gone = self.clinic.contact_ids[0]

        def purge():
            self.couch.purge('medic', gone, list(self.couch.leaf_sets('medic').get(gone, [])))
        rule = self.proxy.on('POST', '/medic/_bulk_get', faulty.first(purge))
        self.snapshot()
        self.assertEqual(1, rule.hits)
        self.assert_store_holds(self.capture())

    def test_a_document_changed_between_listing_and_fetching_is_whole(self):
        id = self.clinic.contact_ids[0]

        def change():
            document = self.couch.get(self.couch.path('medic', id))
            self.couch.put('medic', dict(document, phone='changed'))
        self.proxy.on('POST', '/medic/_bulk_get', faulty.first(change))
        self.snapshot()
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_documents_written_while_it_runs_are_in_the_next_increment(self):
        self.proxy.on('POST', '/medic/_bulk_get', faulty.first(lambda: self.couch.put('medic', {'_id': 'late', 'v': 1})))
        self.snapshot()
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_a_database_deleted_while_it_is_read_does_not_stop_the_others(self):
        self.proxy.on('POST', '/medic-sentinel/_bulk_get', faulty.first(lambda: self.couch.delete('medic-sentinel')))
        self.snapshot(expect=None)
        self.assert_store_holds(self.capture(databases=['medic']))

    def test_a_stalled_source_can_be_interrupted_and_leaves_nothing(self):
        until = threading.Event()
        self.proxy.on('POST', '/medic/_bulk_get', faulty.stall(until))
        process = self.site.start('lifeboat', 'snapshot', '--source', self.proxy.url, '--to', self.site.store,
                                  '--keys', self.site.keys)
        self.assertTrue(self.proxy.wait_for('POST', '/medic/_bulk_get'))
        process.terminate()
        run = self.site.finish(process, timeout=30)
        until.set()
        self.assertNotEqual(DONE, run.code)
        self.assertEqual([], self.site.snapshots())
        self.proxy.clear()
        self.snapshot()
        self.assert_store_holds(self.capture())
