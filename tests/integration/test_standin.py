"""The stand-in server answers as CouchDB does. With LIFEBOAT_TEST_COUCHDB the same is asked of the real one, so that
the stand-in stays honest."""

import base64
import json
import time
import unittest

from support import cht, server
from support.cht import revision
from support.couch import Couch, CouchError


def log_in(couch):
    """The cookie, as a client sends it."""
    answer = Couch(couch.bare_url).ask('POST', '/_session', {'name': couch.user, 'password': couch.password})
    return answer.headers['Set-Cookie'].partition(';')[0]


class Answers(unittest.TestCase):
    def setUp(self):
        self.server = server.start()
        self.addCleanup(self.server.close)
        self.couch = self.server.couch
        self.db = self.couch.create(self.server.name('db'))

    def ids(self, **query):
        return [row['id'] for row in self.couch.changes(self.db, **query)['results']]

    def tree(self):
        self.couch.bulk(self.db, [revision('x', 3, ['c', 'b', 'a'], v=1), revision('x', 3, ['d', 'e', 'a'], v=2),
                                  revision('x', 2, ['f', 'a'], _deleted=True, why='w')], new_edits=False)

    def test_a_feed_ends_with_last_seq_and_pending(self):
        self.couch.bulk(self.db, [{'_id': 'd%d' % n} for n in range(30)])
        feed = self.couch.changes(self.db)
        self.assertEqual((30, 0), (len(feed['results']), feed['pending']))
        self.assertEqual([], self.couch.changes(self.db, since=feed['last_seq'])['results'])
        rest = self.couch.changes(self.db, limit=10)
        self.assertEqual((10, 20), (len(rest['results']), rest['pending']))
        more = self.couch.changes(self.db, since=rest['last_seq'])['results']
        self.assertEqual(30, len({row['id'] for row in rest['results'] + more}))

    def test_a_feed_tells_all_leaves_the_winner_first(self):
        self.tree()
        row, = self.couch.changes(self.db)['results']
        self.assertEqual(['3-d', '3-c', '2-f'], [change['rev'] for change in row['changes']])
        self.assertNotIn('deleted', row)

    def test_a_feed_of_named_documents_tells_those_only(self):
        self.couch.bulk(self.db, [{'_id': 'd%d' % n} for n in range(30)])
        answer = self.couch.ask('POST', '/%s/_changes?style=all_docs&filter=_doc_ids' % self.db, {'doc_ids': ['d7', 'no']})
        self.assertEqual(['d7'], [row['id'] for row in answer.json()['results']])

    def test_seq_interval_leaves_sequences_out(self):
        self.couch.bulk(self.db, [{'_id': 'd%d' % n} for n in range(30)])
        rows = self.couch.changes(self.db, seq_interval=1000)['results']
        self.assertIn(None, [row['seq'] for row in rows])

    def test_bulk_get_by_id_gives_all_leaves_with_paths_and_tombstones_bodies(self):
        self.tree()
        answer = self.couch.ask('POST', '/%s/_bulk_get?revs=true' % self.db, {'docs': [{'id': 'x'}, {'id': 'none'}]}).json()
        leaves = {doc['ok']['_rev']: doc['ok'] for doc in answer['results'][0]['docs']}
        self.assertEqual({'3-d', '3-c', '2-f'}, set(leaves))
        self.assertEqual(['d', 'e', 'a'], leaves['3-d']['_revisions']['ids'])
        self.assertEqual((True, 'w'), (leaves['2-f']['_deleted'], leaves['2-f']['why']))
        self.assertEqual('not_found', answer['results'][1]['docs'][0]['error']['error'])

    def test_bulk_get_as_multipart_sends_stored_bytes(self):
        self.couch.put(self.db, {'_id': 'a', '_attachments': {'t': {'content_type': 'text/plain', 'data': cht.in_base64('x' * 999)}}})
        answer = self.couch.ask('POST', '/%s/_bulk_get?revs=true&attachments=true' % self.db, {'docs': [{'id': 'a'}]},
                                {'Accept': 'multipart/related'})
        self.assertTrue(answer.headers['Content-Type'].startswith('multipart/related; boundary='))
        self.assertIn(b'"follows":true,"encoding":"gzip","encoded_length":', answer.body)
        self.assertIn(b'\r\nX-Doc-Id: a\r\n', answer.body)
        self.assertIn(b'\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b', answer.body)

    def test_a_multipart_put_keeps_digest_length_encoding_and_revpos(self):
        self.couch.put(self.db, {'_id': 'a', '_attachments': {'t': {'content_type': 'text/plain', 'data': cht.in_base64('x' * 999)}}})
        told = json.loads(self.couch.leaves(self.db, 'a')[0])
        stored, encoding = self.couch.attachment(self.db, 'a', told['_rev'], 't')
        self.assertEqual('gzip', encoding)
        attachment = dict(told['_attachments']['t'], follows=True)
        del attachment['stub']
        document = json.dumps(revision('b', 7, ['y', 'z'], _attachments={'t': dict(attachment, revpos=6)}))
        body = b'--q\r\nContent-Type: application/json\r\n\r\n%s\r\n--q\r\n\r\n%s\r\n--q--' % (document.encode(), stored)
        self.couch.ask('PUT', '/%s/b?new_edits=false' % self.db, body, {'Content-Type': 'multipart/related; boundary="q"'})
        now = json.loads(self.couch.leaves(self.db, 'b')[0])['_attachments']['t']
        self.assertEqual(dict(told['_attachments']['t'], revpos=6), now)

    def test_a_stub_needs_an_ancestor_that_has_it(self):
        rev = self.couch.put(self.db, {'_id': 'a', '_attachments': {'t': {'content_type': 'image/png', 'data': 'AAAA'}}})
        stub = {'t': {'stub': True, 'content_type': 'image/png', 'revpos': 1, 'length': 3,
                      'digest': json.loads(self.couch.leaves(self.db, 'a')[0])['_attachments']['t']['digest']}}
        child = revision('a', 2, ['n', rev[2:]], _attachments=stub)
        self.couch.bulk(self.db, [child], new_edits=False)
        stranger = revision('b', 2, ['n', 'm'], _attachments=stub)
        with self.assertRaises(CouchError) as caught:
            self.couch.bulk(self.db, [stranger], new_edits=False)
        self.assertEqual(412, caught.exception.status)

    def test_paths_are_cut_at_revs_limit(self):
        self.couch.set_revs_limit(self.db, 3)
        self.couch.bulk(self.db, [revision('x', 9, list('ihgfedcba'))], new_edits=False)
        self.couch.bulk(self.db, [revision('x', 10, list('jihgfedcba'))], new_edits=False)
        self.assertEqual(['j', 'i', 'h'], json.loads(self.couch.leaves(self.db, 'x')[0])['_revisions']['ids'])

    def path_told(self):
        return self.couch.get('/%s/x' % self.db, revs='true')['_revisions']['ids']

    def test_a_lower_revs_limit_hides_a_path_until_the_document_is_written_again(self):
        self.couch.bulk(self.db, [revision('x', 9, list('ihgfedcba'))], new_edits=False)
        self.couch.set_revs_limit(self.db, 3)
        self.assertEqual(['i', 'h', 'g'], self.path_told())
        self.couch.set_revs_limit(self.db, 1000)
        self.assertEqual(list('ihgfedcba'), self.path_told())
        self.couch.set_revs_limit(self.db, 3)
        self.couch.bulk(self.db, [revision('x', 1, ['z'])], new_edits=False)
        self.couch.set_revs_limit(self.db, 1000)
        self.assertEqual(['i', 'h', 'g'], self.path_told())

    def test_security_and_revs_limit_move_the_sequence_of_an_untouched_database(self):
        self.assertTrue(self.couch.info(self.db)['update_seq'].startswith('0-'))
        self.couch.set_security(self.db, {'admins': {'roles': ['_admin']}, 'members': {'roles': ['_admin']}})
        once = self.couch.info(self.db)['update_seq']
        self.assertFalse(once.startswith('0-'))
        self.couch.set_revs_limit(self.db, 5)
        self.assertNotEqual(once, self.couch.info(self.db)['update_seq'])
        self.assertEqual([], self.ids())

    def test_a_validator_refuses_replicated_writes_but_no_design_documents(self):
        self.couch.put(self.db, {'_id': '_design/v', 'validate_doc_update': "function(doc) { throw({forbidden: 'no'}); }"})
        self.couch.put(self.db, {'_id': '_design/w'})
        answer = self.couch.ask('POST', '/%s/_bulk_docs' % self.db,
                                {'new_edits': False, 'docs': [revision('x', 1, ['a'])]}).json()
        self.assertEqual(('x', 'forbidden'), (answer[0]['id'], answer[0]['error']))
        answer = self.couch.ask('PUT', '/%s/x?new_edits=false' % self.db, revision('x', 1, ['a']), expect=(403,))
        self.assertEqual('forbidden', answer.json()['error'])

    def test_revs_diff_names_what_is_missing(self):
        self.tree()
        answer = self.couch.ask('POST', '/%s/_revs_diff' % self.db, {'x': ['3-c', '2-b', '9-q'], 'y': ['1-a']}).json()
        self.assertEqual({'x': ['9-q'], 'y': ['1-a']}, {id: told['missing'] for id, told in answer.items()})

    def test_a_purge_takes_leaves_away_and_is_remembered(self):
        self.tree()
        self.couch.purge(self.db, 'x', ['3-d', '3-c', '2-f'])
        self.assertEqual([], self.ids())
        infos = self.couch.get('/%s/_purged_infos' % self.db)['purged_infos']
        self.assertEqual([('x', {'3-d', '3-c', '2-f'})], [(info['id'], set(info['revs'])) for info in infos])

    def test_local_documents_are_listed_and_not_in_the_feed(self):
        self.couch.ask('PUT', '/%s/_local/k' % self.db, {'v': 1})
        self.assertEqual([], self.ids())
        self.assertEqual({'_local/k'}, set(self.couch.local_documents(self.db)))

    def test_each_id_belongs_to_a_shard(self):
        ranges = set(self.couch.get('/%s/_shards' % self.db)['shards'])
        found = {self.couch.get('/%s/_shards/doc%d' % (self.db, n))['range'] for n in range(50)}
        self.assertEqual(ranges, found)

    def test_a_design_document_is_asked_for_with_its_slash_as_it_is(self):
        self.couch.put(self.db, {'_id': '_design/v/w', '_attachments': {'t': {'content_type': 'image/png', 'data': 'AAAA'}}})
        for rest in ('v%2Fw', 'v%2Fw/t'):
            self.couch.ask('GET', '/%s/_design/%s' % (self.db, rest))
            answer = self.couch.ask('GET', '/%s/_design%%2F%s' % (self.db, rest), expect=(301,))
            self.assertTrue(answer.headers['Location'].endswith('/%s/_design/%s' % (self.db, rest)))

    def test_numbers_beyond_64_bits_survive(self):
        self.couch.put(self.db, '{"_id":"n","v":123456789012345678901234567890}')
        self.assertIn('123456789012345678901234567890', self.couch.leaves(self.db, 'n')[0])

    def test_a_name_that_is_not_known_is_401(self):
        other = type(self.couch)(self.couch.bare_url.replace('//', '//nobody:wrong@'))
        with self.assertRaises(CouchError) as caught:
            other.get('/_all_dbs')
        self.assertEqual(401, caught.exception.status)

    def test_a_cookie_says_who_asks_and_is_user_time_and_hash(self):
        cookie = log_in(self.couch)
        name, moment, _ = base64.urlsafe_b64decode(cookie.partition('=')[2] + '==').split(b':', 2)
        self.assertEqual(self.couch.user, name.decode())
        self.assertLess(abs(int(moment, 16) - time.time()), 60)
        bare = Couch(self.couch.bare_url)
        told = bare.ask('GET', '/_session', headers={'Cookie': cookie}).json()
        self.assertEqual((self.couch.user, 'cookie'), (told['userCtx']['name'], told['info']['authenticated']))
        bare.ask('PUT', '/%s/c' % self.db, {}, {'Cookie': cookie})

    def test_a_cookie_with_another_hash_is_nobodys(self):
        plain = base64.urlsafe_b64decode(log_in(self.couch).partition('=')[2] + '==')
        cookie = 'AuthSession=' + base64.urlsafe_b64encode(plain[:-1] + bytes([plain[-1] ^ 1])).decode().rstrip('=')
        bare = Couch(self.couch.bare_url)
        self.assertIsNone(bare.ask('GET', '/_session', headers={'Cookie': cookie}).json()['userCtx']['name'])
        bare.ask('PUT', '/%s/c' % self.db, {}, {'Cookie': cookie}, expect=(401,))
        bare.ask('PUT', '/%s/c' % self.db, {}, {'Cookie': 'AuthSession=none'}, expect=(400,))

    def test_who_does_not_know_the_password_gets_no_cookie(self):
        answer = Couch(self.couch.bare_url).ask('POST', '/_session', {'name': self.couch.user, 'password': 'wrong'}, expect=(401,))
        self.assertIsNone(answer.headers['Set-Cookie'])


class Sessions(unittest.TestCase):
    """On two servers, which only the stand-in can be made alike and unlike."""

    def setUp(self):
        self.servers = [server.start_standin() for _ in range(2)]
        for each in self.servers:
            self.addCleanup(each.close)
        self.one, self.other = (each.standin.config for each in self.servers)
        for section, key in (('admins', 'admin'), ('chttpd_auth', 'secret')):
            self.other[section][key] = self.one[section][key]
        self.cookie = log_in(self.servers[0].couch)

    def who(self):
        return Couch(self.servers[1].couch.bare_url).ask('GET', '/_session', headers={'Cookie': self.cookie}).json()['userCtx']['name']

    def test_with_the_same_secret_and_salt_it_is_good_on_both(self):
        self.assertEqual('admin', self.who())

    def test_with_another_secret_it_is_not(self):
        self.other['chttpd_auth']['secret'] = 'another'
        self.assertIsNone(self.who())

    def test_with_another_salt_it_is_not(self):
        self.other['admins']['admin'] = '-pbkdf2:sha256-00,11,600000'
        self.assertIsNone(self.who())

    def test_after_its_time_it_is_not(self):
        self.other['chttpd_auth']['timeout'] = '0'
        self.assertIsNone(self.who())
