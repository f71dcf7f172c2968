"""A cluster whose copies lag behind each other for a moment: nothing is lost by it, and nobody is alarmed."""

import json

import oracle
from support import faulty
from support.case import Case
from support.lifeboat import FAILED, INCOMPLETE


def without(*ids):
    """A feed from a copy that does not have these documents yet."""
    def change(body):
        feed = json.loads(body)
        feed['results'] = [row for row in feed['results'] if row['id'] not in ids]
        return json.dumps(feed).encode()
    return faulty.edited(change)


def counting(fewer):
    """A database's own account of itself, from a copy that has so many documents fewer."""
    def change(body):
        info = json.loads(body)
        return json.dumps(dict(info, doc_count=info['doc_count'] - fewer)).encode()
    return faulty.edited(change)


class Lagging(Case):
    scripted = True
    people = 8

    def setUp(self):
        super().setUp()
        self.late = self.clinic.contact_ids[:3]

    def proxy(self, url=None):
        proxy = faulty.Faulty(url or self.server.url)
        self.addCleanup(proxy.close)
        return proxy

    def distrust(self):
        """The next run compares all of it with the store."""
        for shard in self.server.standin.databases['medic'].shards:
            shard.local.clear()


class Read(Lagging):
    def test_a_copy_that_counts_fewer_documents_than_are_listed_is_no_loss(self):
        proxy = self.proxy()
        proxy.on('GET', '^/medic$', counting(3), times=None)
        self.site.snapshot(proxy.url)
        self.assert_store_holds(self.capture())

    def test_what_a_lagging_copy_does_not_list_yet_is_not_taken_as_gone(self):
        self.site.snapshot(self.server)
        self.distrust()
        proxy = self.proxy()
        proxy.on('GET', '^/medic$', counting(3), times=None)
        proxy.on('GET', '/medic/_changes', without(*self.late), times=None)
        self.site.snapshot(proxy.url)
        self.assertEqual({}, dict(oracle.Store.of(self.site).tip().databases['medic'].gone))
        self.assert_store_holds(self.capture())

    def test_what_it_does_not_list_and_no_copy_gives_is_gone(self):
        self.site.snapshot(self.server)
        gone = self.late[0]
        database = self.server.standin.databases['medic']
        del database.shard(gone).documents[gone]
        self.distrust()
        self.site.snapshot(self.server)
        self.assertEqual({gone: 'vanished'}, dict(oracle.Store.of(self.site).tip().databases['medic'].gone))
        self.assert_store_holds(self.capture())

    def test_what_only_a_copy_had_that_went_down_is_named_and_read_when_it_is_back(self):
        """The copy that answered the feed has died; the others neither have the document nor name it."""
        self.site.snapshot(self.server)
        only = 'only-there'
        self.couch.put('medic', {'_id': only, 'v': 1})
        proxy = self.proxy()
        proxy.on('GET', '^/medic$', counting(1), times=None)
        proxy.on('POST', '/medic/_bulk_get', faulty.bulk_get_error(only, 'not_found'), times=None)
        proxy.on('POST', '/medic/_changes.*filter=_doc_ids', without(only), times=None)
        run = self.site.snapshot(proxy.url, '--patience', '5', expect=INCOMPLETE)
        self.assert_says(run, only)
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_a_leaf_that_only_a_copy_had_that_went_down_is_named_and_read_when_it_is_back(self):
        id = self.clinic.contact_ids[0]
        rev = '1-' + 'f' * 32
        before = self.capture()
        self.site.snapshot(self.server)
        winner = next(leaf for leaf in before['medic']['leaves'] if leaf[0] == id)[1]
        self.couch.bulk('medic', [{'_id': id, '_rev': rev, 'name': 'conflict'}], new_edits=False)

        def lacks(x):
            code, headers, body = x.ask()
            answer = json.loads(body)
            for row in answer['results']:
                if row['id'] == id:
                    row['docs'] = [doc for doc in row['docs'] if doc.get('ok', {}).get('_rev') != rev] or [
                        {'error': {'id': id, 'rev': rev, 'error': 'not_found', 'reason': 'missing'}}]
            x.send(code, headers, json.dumps(answer).encode())

        def unnamed(body):
            feed = json.loads(body)
            for row in feed['results']:
                row['changes'] = [change for change in row['changes'] if change['rev'] == winner or row['id'] != id]
            return json.dumps(feed).encode()
        proxy = self.proxy()
        proxy.on('POST', '/medic/_bulk_get', lacks, times=None)
        proxy.on('POST', '/medic/_changes.*filter=_doc_ids', faulty.edited(unnamed), times=None)
        run = self.site.snapshot(proxy.url, '--patience', '5', expect=INCOMPLETE)
        self.assert_says(run, id, rev)
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_local_documents_are_read_as_most_copies_have_them(self):
        """A copy that was down when one was written lists its old value for ever."""
        id = '_local/transitions-seq'
        self.server.standin.databases['medic-sentinel'].n = 3
        before = self.capture()

        def old(body):
            return body.replace(b'123-g1AAAA', b'7-old')
        proxy = self.proxy()
        rule = proxy.on('GET', '/medic-sentinel/_local_docs', faulty.edited(old), times=None)
        self.site.snapshot(proxy.url)
        self.assertEqual(1, rule.hits)
        self.assertIn(id, before['medic-sentinel']['local'])
        self.assert_store_holds(before)


class Written(Lagging):
    def test_what_a_lagging_copy_does_not_name_is_not_missed(self):
        self.site.snapshot(self.server)
        target = self.empty_target()
        proxy = self.proxy(target.url)
        proxy.on('GET', '/medic/_changes', without(*self.late), times=None)
        proxy.on('POST', '/medic/_revs_diff', lambda x: x.send(200, [('Content-Type', 'application/json')], json.dumps(
            {id: {'missing': revs} for id, revs in json.loads(x.body).items()}).encode()), times=None)
        self.site.restore(proxy.url)
        self.assert_same(self.capture(), self.capture(target.couch))
        self.assertGreater(proxy.count('POST', '/medic/_revs_diff'), 0)

    def test_where_a_node_is_down_that_must_be_up_it_is_named(self):
        self.site.snapshot(self.server)
        target = self.empty_target()
        target.standin.peers = {'b@127.0.0.1': None}
        proxy = self.proxy(target.url)
        proxy.on('PUT', '/medic/_revs_limit', faulty.status(500, '{"error":"badmatch","reason":"{error,timeout}"}'), times=None)
        run = self.site.restore(proxy.url, '--patience', '1', expect=FAILED)
        self.assert_says(run, 'hint: ', 'b@127.0.0.1 is down', 'start it')
        proxy.rules.clear()
        target.standin.peers['b@127.0.0.1'] = {}
        self.site.restore(proxy.url)
        self.assert_same(self.capture(), self.capture(target.couch))

    def test_what_no_copy_has_is_missed(self):
        self.site.snapshot(self.server)
        target = self.empty_target()
        proxy = self.proxy(target.url)

        def lose(x):
            code, headers, body = x.ask()
            with target.standin.lock:
                for id in self.late:
                    target.standin.databases['medic'].shard(id).documents.pop(id, None)
            x.send(code, headers, body)
        proxy.on('POST', '/medic/_bulk_docs', lose, times=None)
        run = self.site.restore(proxy.url, expect=INCOMPLETE)
        self.assert_says(run, 'it is not in the target', *self.late)
