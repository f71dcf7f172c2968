"""Off-site copies in an S3-compatible bucket: what is in a store is in the bucket, and comes back from there.

With LIFEBOAT_TEST_FULL set (tests/campaign kill) they are killed at every request, else at each third.
"""

import json
import os
import shutil
import time

from support import bucket, faulty
from support.bucket import signature
from support.lifeboat import DAMAGED, FAILED, INCOMPLETE, LATER, Site
from support.offsite import Offsite, part_number

REQUESTS = range(1, 100, 1 if os.environ.get('LIFEBOAT_TEST_FULL') else 3)


class There_and_back(Offsite):
    def test_a_store_comes_back_as_it_was(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        run = self.push()
        self.assertEqual((2, 2, 0), tuple(run.summary[name] for name in ('snapshots', 'copied', 'removed')))
        self.assert_copied()
        self.assertEqual(self.files(self.site.store), self.files(self.fetched()))
        self.assertEqual([], self.bucket.refused)

    def test_on_a_bare_machine_the_sheet_and_the_bucket_are_enough(self):
        before = self.capture()
        self.push()
        to = self.site.path('bare')
        run = self.site.run('lifeboat', *self.arguments('fetch', to), '--signer', self.site.signer)
        self.assertTrue(run.summary['checked'])
        target = self.empty_target()
        self.site.run('lifeboat-restore', 'run', to, '--target', target.url, '--key', self.site.recovery_file,
                      '--signer', self.site.signer)
        self.assert_same(before, self.capture(target.couch))

    def test_what_others_signed_does_not_come(self):
        self.push()
        other = Site(self, 'clinic')
        plain = [a for a in self.arguments('fetch', self.site.path('plain'), '--signer', other.signer) if a != '--json']
        run = self.site.run('lifeboat', *plain, expect=DAMAGED)
        self.assert_says(run, 'is not fetched', 'NOTHING THAT CAN BE RESTORED')
        self.assertNotIn('to check them', run.said)
        run = self.fetch(self.site.path('to'), '--signer', other.signer, expect=DAMAGED)
        self.assert_says(run, 'signed by a key that is not trusted')
        self.assertEqual([], os.listdir(self.site.path('to', 'lifeboat', 'snapshots')))

    def test_the_second_time_nothing_is_sent(self):
        self.push()
        self.bucket.clear()
        run = self.push()
        self.assertEqual((1, 0, 0), tuple(run.summary[name] for name in ('snapshots', 'copied', 'bytes')))
        self.assertEqual(0, self.bucket.count('PUT|POST|DELETE', ''))

    def test_the_next_snapshot_is_all_that_is_sent_the_next_time(self):
        self.push()
        self.clinic.change()
        self.site.snapshot(self.server)
        self.bucket.clear()
        self.assertEqual(1, self.push().summary['copied'])
        self.assertEqual(4, self.puts())
        self.assert_copied()

    def test_the_list_tells_what_stands_there_and_how_old_it_is(self):
        self.list(expect=DAMAGED)
        self.push()
        run = self.list()
        self.assertEqual(['ok'], [line['state'] for line in run.lines if line['event'] == 'snapshot'])
        with open(os.path.join(self.site.snapshot_folder(self.site.snapshots()[0]), 'snapshot.json')) as file:
            self.assertEqual(json.load(file)['started'], run.summary['newest'])
        plain = self.site.run('lifeboat', *[a for a in self.arguments('list') if a != '--json'])
        self.assert_says(plain, "site 'clinic', 1 snapshot,", '0 hours ago')

    def test_a_fetch_into_a_folder_with_another_store_changes_nothing(self):
        self.push()
        other = Site(self, 'clinic')
        other.snapshot(self.server)
        before = self.files(other.store)
        self.assert_says(self.fetch(other.store, expect=FAILED), 'holds another store')
        self.assertEqual(before, self.files(other.store))

    def test_there_is_one_push_at_a_time(self):
        second = []
        self.bucket.on('PUT', r'data\.000', faulty.first(lambda: second.append(self.push(expect=LATER))))
        self.push()
        self.assert_says(second[0], "in use: 'lifeboat offsite push'")
        self.assert_copied()

    def test_it_is_no_faster_than_it_may_be(self):
        self.couch.attach(self.medic, 'noise', None, 'film', os.urandom(300000), 'video/mp4')
        self.site.snapshot(self.server)
        began = time.monotonic()
        self.push('--rate', '200')
        self.assertGreater(time.monotonic() - began, 0.5)
        self.assert_copied()

    def test_without_a_key_all_is_fetched_and_that_is_said(self):
        self.push()
        to, nothing = self.site.path('to'), self.site.path('no-keys')
        arguments = [nothing if a == self.site.keys else a for a in self.arguments('fetch', to)]
        self.assertFalse(self.site.run('lifeboat', *arguments).summary['checked'])
        self.assertEqual(self.files(self.site.store), self.files(to))
        arguments = [nothing if a == self.site.keys else a for a in self.arguments('list') if a != '--json']
        self.assert_says(self.site.run('lifeboat', *arguments), 'unchecked', 'no signature was checked')

    def test_a_server_without_lists_of_uploads_will_do(self):
        self.add_large()
        self.bucket.bare, self.patience = True, 3
        asked = self.bucket.on('GET', 'uploads=', faulty.Exchange.pass_on, times=None)
        self.push()
        self.assertEqual(2, asked.hits, 'once for what to go on with, once for what to clear away')
        self.assert_copied()
        self.fetched()

    def test_a_list_of_many_pages_is_read_to_its_end(self):
        for i in range(1100):
            self.bucket.put(self.folder[1:] + '/lifeboat/else/%04d' % i if self.folder else 'lifeboat/else/%04d' % i, b'')
        self.push()
        self.bucket.clear()
        self.assertEqual(0, self.push().summary['copied'])
        self.assertEqual(1, self.bucket.count('GET', 'continuation-token'))


class In_a_folder(There_and_back):
    """All the same in a folder of the bucket, with a name that must be escaped."""

    folder = '/our clinics/north+1'
    test_a_list_of_many_pages_is_read_to_its_end = None  # once is enough for that

    def arguments(self, *arguments, url=None, **how):
        return super().arguments(*arguments, url=url or self.bucket.url + '/our%20clinics/north%2B1', **how)


class In_parts(Offsite):
    def setUp(self):
        super().setUp()
        self.add_large()

    def test_a_large_file_goes_in_parts_and_comes_back(self):
        self.push()
        self.assertGreaterEqual(self.puts('partNumber'), 3)
        self.assert_copied()
        self.fetched()

    def test_killed_between_two_parts_it_goes_on_with_the_third(self):
        self.bucket.on('PUT', 'partNumber=3', lambda x: x.hang_up(reset=True), times=None)
        self.push(expect=LATER)
        self.bucket.clear()
        self.assertLess(self.push().summary['bytes'], 6 << 20)
        sent = [part_number(path) for method, path, _ in self.bucket.requests if method == 'PUT' and 'partNumber' in path]
        self.assertNotIn(1, sent)
        self.assertIn(3, sent)
        self.assert_copied()

    def test_killed_at_requests_throughout_the_bucket_can_be_restored_from(self):
        self.site.prune('--keep-last', '1')
        for number in range(4, 100, 3):
            self.folder = '/%d' % number
            came_so_far = self.killed_at(number, *self.push_arguments())
            if self.bucket.sealed(self.folder[1:] + '/lifeboat/'):
                self.fetched()
            self.bucket.clear()
            self.push()
            self.assert_copied()
            self.assertEqual({}, self.bucket.uploads)
            if not came_so_far:
                break
        self.assertGreater(number, 15)

    def test_a_part_that_is_not_the_files_is_sent_again(self):
        self.bucket.on('PUT', 'partNumber=3', lambda x: x.hang_up(reset=True), times=None)
        self.push(expect=LATER)
        [(_, parts)] = self.bucket.uploads.values()
        parts[1] = ('"%s"' % ('0' * 32), parts[1][1])
        self.bucket.clear()
        self.push()
        self.assertEqual(1, self.puts('partNumber=1&'))
        self.assertEqual(0, self.puts('partNumber=2&'))
        self.assert_copied()

    def test_when_the_answer_to_the_end_is_lost_it_is_seen_to_be_done(self):
        self.patience = 60
        self.bucket.on('POST', 'uploadId', lambda x: (self.bucket._serve(_Silent(x)), x.hang_up(reset=True)))
        self.push()
        self.assertEqual(2, self.bucket.count('POST', 'uploadId'))
        self.assert_copied()

    def test_the_end_that_fails_behind_a_200_is_asked_again(self):
        self.patience = 60
        self.bucket.on('POST', 'uploadId', bucket.error(200, 'InternalError'))
        self.push()
        self.assert_copied()

    def test_what_rots_while_it_is_sent_does_not_count(self):
        first, large = self.site.snapshots()

        def rot():
            with open(os.path.join(self.site.snapshot_folder(large), 'data.000'), 'r+b') as file:
                file.seek(-4, os.SEEK_END)
                file.write(b'rot!')
        self.bucket.on('PUT', 'partNumber=1&', lambda x: (rot(), self.bucket._serve(x)))
        run = self.push(expect=INCOMPLETE)
        self.assert_says(run, large, 'is damaged')
        self.assertEqual(([first], {}), (self.bucket.sealed(), self.bucket.uploads))

    def test_what_nobody_goes_on_with_is_ended(self):
        self.bucket.on('PUT', 'partNumber=3', lambda x: x.hang_up(reset=True), times=None)
        self.push(expect=LATER)
        self.bucket.clear()
        self.assertEqual(1, len(self.bucket.uploads))
        large = self.site.snapshots()[-1]
        shutil.rmtree(self.site.snapshot_folder(large))
        self.push()
        self.assertEqual({}, self.bucket.uploads)
        self.assert_copied()

    def test_a_fetch_goes_on_in_the_middle_of_a_file(self):
        self.push()
        to = self.site.path('to')
        self.bucket.on('GET', r'%s/data\.000' % self.site.snapshots()[-1], faulty.cut(9 << 20, chunked=False))
        self.fetch(to, expect=LATER)
        self.bucket.clear()
        run = self.fetch(to)
        self.assertLess(run.summary['bytes'], 15 << 20)
        self.site.run('lifeboat-restore', 'verify', to, '--keys', self.site.keys)

    def test_what_was_left_of_another_file_is_fetched_anew(self):
        self.push()
        to, name = self.site.path('to'), self.site.snapshots()[-1]
        os.makedirs(os.path.join(to, 'lifeboat', 'snapshots', name))
        with open(os.path.join(to, 'lifeboat', 'snapshots', name, 'data.000.partial'), 'wb') as file:
            file.write(os.urandom(1 << 20))
        self.fetch(to)
        self.assertEqual(self.files(self.site.store), self.files(to))


class _Silent:
    """An exchange whose answer does not reach the client."""

    def __init__(self, exchange):
        self.exchange = exchange

    def __getattr__(self, name):
        return getattr(self.exchange, name)

    def send(self, *_):
        pass


class Whose(Offsite):
    """A place in a bucket belongs to one store."""

    def other_store(self):
        other = self.site.path('other')
        os.mkdir(other)
        self.site.run('lifeboat', 'snapshot', '--source', self.server.url, '--to', other, '--keys', self.site.keys,
                      *self.server.options)
        return other

    def test_another_stores_copy_is_refused_and_left_alone(self):
        self.push()
        before = self.copied()
        run = self.push(store=self.other_store(), expect=FAILED)
        self.assert_says(run, 'holds another store', 'left alone', 'hint: name a folder')
        self.assertEqual(before, self.copied())

    def test_so_it_is_when_its_store_json_was_lost(self):
        self.push()
        self.bucket.remove('lifeboat/store.json')
        before = self.copied()
        self.assert_says(self.push(store=self.other_store(), expect=FAILED), 'holds another store')
        self.assertEqual(before, self.copied())
        self.push()
        self.assert_copied()

    def test_another_sites_copy_is_refused_and_left_alone(self):
        other = Site(self, 'elsewhere')
        other.snapshot(self.server)
        self.push()
        before = self.copied()
        run = self.site.run('lifeboat', 'offsite', 'push', '--store', other.store, '--keys', other.keys, '--bucket',
                            self.bucket.url, '--credentials', self.credentials, '--state', other.state, expect=FAILED)
        self.assert_says(run, "of site 'clinic'", 'left alone')
        self.assertEqual(before, self.copied())

    def test_each_has_its_own_folder(self):
        other = self.other_store()
        for folder, store in (('/a', self.site.store), ('/b', other)):
            self.folder = folder
            self.push(store=store)
            self.assertEqual(self.files(store), self.copied())

    def test_of_two_that_begin_at_once_one_finds_the_others(self):
        other = self.other_store()
        with open(os.path.join(other, 'lifeboat', 'store.json'), 'rb') as file:
            theirs = file.read()
        for when in ('before', 'after'):
            with self.subTest(when=when):
                def meanwhile(x):
                    x.pass_on()
                    self.bucket.put('lifeboat/store.json', theirs)
                self.bucket.on('PUT', 'README' if when == 'after' else r'store\.json', meanwhile)
                self.assert_says(self.push(expect=FAILED), 'holds another store')
                self.bucket.clear()
                self.bucket.remove('lifeboat/store.json')

    def test_what_an_unknown_signer_put_there_is_left_alone(self):
        self.push()
        other = Site(self, 'clinic')
        other.snapshot(self.server)
        [name] = other.snapshots()
        for file, data in self.files(other.snapshot_folder(name)).items():
            self.bucket.put('lifeboat/snapshots/%s9/%s' % (name[:-1], file), data)
        before = self.copied()
        self.assert_says(self.push(expect=DAMAGED), 'unknown signer', 'left alone')
        self.assertEqual(before, self.copied())


class Damage(Offsite):
    def damage(self, name, file='data.000'):
        path = os.path.join(self.site.snapshot_folder(name), file)
        with open(path, 'r+b') as data:
            data.seek(100)
            byte = data.read(1)[0]
            data.seek(100)
            data.write(bytes([byte ^ 1]))

    def test_what_is_damaged_here_does_not_go_and_is_named(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        first, second = self.site.snapshots()
        self.damage(second)
        run = self.push(expect=INCOMPLETE)
        self.assert_says(run, second, 'damaged')
        self.assertEqual([first], self.bucket.sealed())
        self.fetched()

    def test_what_was_copied_before_it_was_damaged_stays_good_there(self):
        self.push()
        before = self.copied()
        for file in ('data.000', 'snapshot.json'):
            self.damage(self.site.snapshots()[0], file)
            self.push(expect=None)
        self.assertEqual(before, self.copied())
        self.fetched()

    def test_what_was_lost_here_and_is_needed_stays_there(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        self.push()
        before = self.copied()
        shutil.rmtree(self.site.snapshot_folder(self.site.snapshots()[0]))
        self.push()
        self.assertEqual(before, self.copied())
        self.fetched()

    def test_what_is_newer_there_stays_there(self):
        older = self.site.path('older')
        shutil.copytree(self.site.store, older)
        self.clinic.change()
        self.site.snapshot(self.server)
        self.push()
        before = self.copied()
        self.push(store=older)
        self.assertEqual(before, self.copied())

    def test_what_is_damaged_there_is_sent_again(self):
        self.push()
        name = self.site.snapshots()[0]
        for file in ('data.000', 'snapshot.json', 'snapshot.json.minisig', 'SHA256SUMS'):
            with self.subTest(file=file):
                key = 'lifeboat/snapshots/%s/%s' % (name, file)
                self.bucket.put(key, self.bucket.get(key)[:-1])
                self.push()
                self.assert_copied()

    def test_what_is_not_ours_in_the_bucket_stays(self):
        for key in ('notes.txt', 'lifeboat/notes.txt', 'lifeboat/snapshots/notes.txt', 'lifeboat/snapshots/x/data.000'):
            self.bucket.put(key, b'?')
        self.push()
        self.clinic.change()
        self.site.snapshot(self.server)
        self.site.prune('--keep-last', '1')
        self.push()
        for key in ('notes.txt', 'lifeboat/notes.txt', 'lifeboat/snapshots/notes.txt', 'lifeboat/snapshots/x/data.000'):
            self.assertEqual(b'?', self.bucket.get(key))
        self.fetched()


class Pruned(Offsite):
    """A store of four snapshots, copied, and then pruned to two."""

    def setUp(self):
        super().setUp()
        for i in range(3):
            self.couch.put(self.medic, {'_id': 'more-%d' % i, 'text': 'x' * 20000})
            self.site.snapshot(self.server)
        self.before = self.site.path('before')
        shutil.copytree(self.site.store, self.before)
        self.site.prune('--keep-last', '1')
        self.assertLess(len(self.site.snapshots()), 4)

    def test_what_went_goes_there_too(self):
        self.push(store=self.before)
        run = self.push()
        self.assertGreaterEqual(run.summary['removed'], 2)
        self.assert_copied()
        self.fetched()

    def test_a_full_one_that_all_older_ones_made_way_for(self):
        self.push(store=self.before)
        self.site.snapshot(self.server, '--full')
        self.site.prune('--keep-last', '1')
        self.assertEqual(1, len(self.site.snapshots()))
        self.push()
        self.assert_copied()
        self.fetched()

    def test_killed_at_every_request_the_bucket_can_be_restored_from(self):
        for number in REQUESTS:
            self.folder = '/%d' % number
            self.push(store=self.before)
            self.bucket.clear()
            came_so_far = self.killed_at(number, *self.push_arguments())
            self.fetched()
            self.push()
            self.assert_copied()
            if not came_so_far:
                break
        self.assertGreater(number, 15)


class Killed(Offsite):
    def test_killed_at_every_request_the_bucket_can_be_restored_from(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        for number in REQUESTS:
            self.folder = '/%d' % number
            came_so_far = self.killed_at(number, *self.push_arguments())
            sealed = self.bucket.sealed(self.folder[1:] + '/lifeboat/')
            self.assertEqual(sorted(self.site.snapshots()[:len(sealed)]), sealed)
            if sealed:
                self.fetched()
            self.push()
            self.assert_copied()
            if not came_so_far:
                break
        self.assertGreater(number, 15)

    def test_a_fetch_killed_at_every_request_goes_on(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        self.push()
        for number in REQUESTS:
            to = self.site.path('to-%d' % number)
            came_so_far = self.killed_at(number, 'fetch', to)
            if any(path.endswith('.minisig') for path in self.files(to)):
                self.site.run('lifeboat-restore', 'verify', to, '--keys', self.site.keys)
            self.fetch(to)
            self.assertEqual(self.files(self.site.store), self.files(to))
            if not came_so_far:
                break
        self.assertGreater(number, 10)


class Signatures(Offsite):
    """The checker itself: examples that AWS has published (Signature Calculations for the Authorization Header)."""

    KEY = 'AKIAIOSFODNN7EXAMPLE'
    SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
    EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

    def setUp(self):
        pass

    def signed(self, method, target, names, **more):
        headers = {'host': 'examplebucket.s3.amazonaws.com', 'x-amz-date': '20130524T000000Z',
                   'x-amz-content-sha256': self.EMPTY, **{name.replace('_', '-'): value for name, value in more.items()}}
        headers['authorization'] = 'AWS4-HMAC-SHA256 Credential=%s/20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, ' \
                                   'Signature=?' % (self.KEY, names)
        return signature(method, target, headers, self.SECRET)

    def test_they_are_those_that_aws_gives(self):
        self.assertEqual('f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41', self.signed(
            'GET', '/test.txt', 'host;range;x-amz-content-sha256;x-amz-date', range='bytes=0-9'))
        self.assertEqual('34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7', self.signed(
            'GET', '/?max-keys=2&prefix=J', 'host;x-amz-content-sha256;x-amz-date'))
        self.assertEqual('98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd', self.signed(
            'PUT', '/test%24file.text', 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
            date='Fri, 24 May 2013 00:00:00 GMT', x_amz_storage_class='REDUCED_REDUNDANCY',
            x_amz_content_sha256='44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'))
