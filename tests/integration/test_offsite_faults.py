"""Off-site copies with a bucket's server that is away, busy, wrong or hostile: nothing is lost, and every message says why."""

import os
import re
import shutil
import threading

from support import bucket, faulty
from support.lifeboat import DAMAGED, FAILED, INCOMPLETE, LATER, USAGE
from support.offsite import Offsite


class Refused(Offsite):
    """What asking again does not mend is asked once."""

    def once(self, status, code, *texts, message='scripted', expect=FAILED):
        self.bucket.clear()
        self.bucket.on('.*', '', bucket.error(status, code, message), times=None)
        self.patience = 60
        run = self.push(expect=expect)
        self.assertEqual(1, len(self.bucket.requests))
        self.assert_says(run, self.bucket.url, 'status %d, %s: %s' % (status, code, message), *texts)

    def test_no_refusal_is_asked_again_and_each_says_what_to_do(self):
        self.once(403, 'AccessDenied', 'hint: the credentials must allow to list')
        self.once(403, 'RequestTimeTooSkewed', "hint: this server's clock",
                  message='The difference between the request time and the current time is too large.')
        self.once(404, 'NoSuchBucket', 'hint: make the bucket first')
        self.once(301, 'PermanentRedirect', 'hint: the bucket is in another region')
        self.once(418, 'Teapot')

    def test_a_wrong_secret_or_key_is_told_and_not_shown(self):
        self.patience = 60
        self.site.secrets.append('NOTTHESECRET')
        wrong = self.write_credentials('%s:NOTTHESECRET' % bucket.KEY)
        self.assert_says(self.push(credentials=wrong, expect=FAILED), 'SignatureDoesNotMatch', 'hint: check the secret')
        wrong = self.write_credentials('NOBODY:%s' % bucket.SECRET)
        self.assert_says(self.push(credentials=wrong, expect=FAILED), 'InvalidAccessKeyId', 'hint: check the key')
        self.assertEqual(2, len(self.bucket.refused))

    def test_a_wrong_region_is_told(self):
        self.assert_says(self.push('--region', 'mars-1', expect=FAILED), 'AuthorizationHeaderMalformed', 'hint: check `region`')

    def test_mistakes_in_the_settings_are_told(self):
        self.assert_says(self.push(credentials=self.write_credentials('a:b', 0o644), expect=USAGE), 'chmod 600')
        self.assert_says(self.push(url='http://127.0.0.1:1', expect=USAGE), 'names no bucket')
        self.assert_says(self.push(url='127.0.0.1/x', expect=USAGE), 'is no URL')
        self.assert_says(self.push(url='http://a:b@127.0.0.1/x', expect=USAGE), 'credentials')
        self.assert_says(self.push(url='ftp://127.0.0.1/x', expect=USAGE), 'http')
        self.assert_says(self.site.run('lifeboat', 'offsite', 'list', expect=USAGE), '--bucket', '[offsite]')
        self.assert_says(self.push(store=self.site.path('nothing'), expect=DAMAGED), 'there is no store')

    def test_what_the_server_says_cannot_steer_the_terminal(self):
        self.bucket.on('GET', '', bucket.error(400, 'Bad', 'x\x1b[2Jy\nhint: evil'), times=None)
        self.bucket.on('.*', '', bucket.error(418, 'A&#27;[2J', 'b&#10;hint: c'), times=None)
        run = self.push(expect=None)
        self.assertNotIn('\x1b', run.said)
        self.assertNotIn('\nhint:', run.err)


class Away(Offsite):
    """What passes is asked again, as long as the patience lasts."""

    def test_nobody_answers(self):
        self.assert_says(self.push(url='http://127.0.0.1:1/clinic', expect=LATER), '127.0.0.1:1')

    def test_busy_cut_and_gone_for_a_while(self):
        self.patience = 60
        for method, path, fault in (
                ('GET', 'list-type', bucket.error(503, 'SlowDown')),
                ('GET', 'list-type', faulty.cut(0.5)),
                ('GET', r'store\.json', bucket.error(500, 'InternalError')),
                ('PUT', r'store\.json', faulty.hang_up()),
                ('PUT', r'data\.000', bucket.error(400, 'RequestTimeout')),
                ('PUT', 'SHA256SUMS', bucket.error(429, 'TooManyRequests')),
                ('PUT', r'snapshot\.json$', bucket.error(409, 'OperationAborted'))):
            self.bucket.on(method, path, fault)
        self.push()
        self.assertEqual([], [rule.path.pattern for rule in self.bucket.rules if not rule.hits])
        self.assert_copied()

    def test_a_connection_that_dies_in_the_middle_of_an_upload(self):
        self.add_large(12 << 20)
        for pattern in (r'data\.000$', 'partNumber=2'):
            rule = self.bucket.cut_upload('PUT', pattern, 10000, times=None)
            self.push(expect=LATER)
            self.assertLess(0, rule.hits)
            self.bucket.clear()
        self.patience = 60
        rule = self.bucket.cut_upload('PUT', 'partNumber=2', 3 << 20, times=2)
        self.push()
        self.assertEqual(2, rule.hits)
        self.assert_copied()

    def test_what_stays_away_ends_the_run_and_the_next_one_goes_on(self):
        self.bucket.on('PUT', 'SHA256SUMS', bucket.error(503, 'SlowDown'), times=None)
        self.assert_says(self.push(expect=LATER), 'SlowDown')
        self.assertEqual([], self.bucket.sealed())
        self.bucket.clear()
        self.push()
        self.assertEqual(0, self.puts(r'data\.000'))
        self.assert_copied()

    def test_a_server_that_says_nothing_is_hung_up_on(self):
        released = threading.Event()
        self.addCleanup(released.set)
        self.bucket.on('GET', 'list-type', faulty.stall(released, 0), times=None)
        self.push('--stall', '1', expect=LATER)

    def test_a_download_that_is_cut_goes_on_where_it_was(self):
        self.push()
        self.patience = 60
        size = len(self.copied()['lifeboat/snapshots/%s/data.000' % self.site.snapshots()[0]])
        self.bucket.on('GET', r'data\.000', faulty.cut(size // 2, chunked=False))
        to = self.site.path('to')
        self.assertEqual(size, self.fetch(to).summary['bytes'])
        self.assertEqual(2, self.bucket.count('GET', r'data\.000'))
        self.assertEqual(self.files(self.site.store), self.files(to))

    def test_told_to_stop_it_stops(self):
        process = self.site.start('lifeboat', *self.arguments(*self.push_arguments()))
        self.bucket.on('PUT', r'data\.000', lambda x: (process.terminate(), x.hang_up()))
        self.assertEqual(LATER, self.site.finish(process).code)
        self.push()
        self.assert_copied()


class Wrong(Offsite):
    """A server that does not keep what it was given, or gives something else."""

    def test_what_it_keeps_wrongly_is_seen_and_removed(self):
        key = 'lifeboat/snapshots/%s/data.000' % self.site.snapshots()[0]

        def spoil(x):
            x.pass_on()
            self.bucket.put(key, b'x' * len(x.body))
        self.bucket.on('PUT', r'data\.000', bucket.other_etag(spoil))
        run = self.push(expect=FAILED)
        self.assert_says(run, key, 'was not what was sent')
        self.assertIsNone(self.bucket.get(key))
        self.assertEqual([], self.bucket.sealed())
        self.push()
        self.assert_copied()

    def test_etags_that_are_no_md5_will_do(self):
        self.bucket.on('PUT', '', bucket.other_etag(), times=None)
        self.push()
        self.assertLess(0, self.bucket.count('GET', r'data\.000'))
        self.assert_copied()

    def test_bytes_that_change_on_their_way_back_are_not_taken(self):
        self.push()
        spoilt = faulty.edited(lambda body: body[:-20] + bytes([body[-20] ^ 1]) + body[-19:])
        for file, code in ((r'data\.000', DAMAGED), ('SHA256SUMS', DAMAGED), (r'snapshot\.json$', DAMAGED), ('minisig', DAMAGED)):
            with self.subTest(file=file):
                to = self.site.path('to')
                self.bucket.on('GET', file, spoilt, times=None)
                self.fetch(to, expect=code)
                self.assertEqual([], [path for path in self.files(to) if path.endswith('minisig')])
                self.bucket.clear()
                self.fetch(to)
                self.assertEqual(self.files(self.site.store), self.files(to))
                shutil.rmtree(to)

    def test_what_is_another_text_the_second_time_does_not_count(self):
        self.push()
        for file in (r'snapshot\.json$', 'minisig'):
            with self.subTest(file=file):
                to = self.site.path('to')
                self.bucket.on('GET', file, faulty.edited(lambda body: body[:-20] + bytes([body[-20] ^ 1]) + body[-19:]), after=1)
                self.assert_says(self.fetch(to, expect=DAMAGED), 'is not what was signed')
                self.bucket.clear()
                self.assertEqual([], [path for path in self.files(to) if path.endswith('minisig')])
                self.fetch(to)
                self.assertEqual(self.files(self.site.store), self.files(to))
                shutil.rmtree(to)

    def test_one_damaged_snapshot_holds_no_other_up(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        self.push()
        second = self.site.snapshots()[1]
        self.bucket.put('lifeboat/snapshots/%s/data.000' % second,
                        b'x' * len(self.bucket.get('lifeboat/snapshots/%s/data.000' % second)))
        to = self.site.path('to')
        run = self.fetch(to, expect=INCOMPLETE)
        self.assert_says(run, second, 'damaged')
        self.site.run('lifeboat-restore', 'verify', to, '--keys', self.site.keys)

    def test_a_file_that_is_longer_than_said_is_not_taken(self):
        self.push()
        self.bucket.on('GET', r'data\.000', faulty.edited(lambda body: body + b'x' * (1 << 20)), times=None)
        self.assert_says(self.fetch(self.site.path('to'), expect=DAMAGED), 'longer than')

    def test_a_file_that_is_gone_by_then_holds_no_other_up(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        self.push()
        second = self.site.snapshots()[1]
        self.bucket.on('GET', r'%s/data\.000' % second, bucket.error(404, 'NoSuchKey'), times=None)
        run = self.fetch(self.site.path('to'), expect=INCOMPLETE)
        self.assert_says(run, second, 'NoSuchKey')
        self.assertEqual(1, run.summary['snapshots'])

    def test_a_server_without_ranges_will_do(self):
        self.push()
        to, name = self.site.path('to'), self.site.snapshots()[0]
        self.bucket.on('GET', r'data\.000', faulty.cut(100, chunked=False))
        self.fetch(to, expect=LATER)
        whole = self.bucket.get('lifeboat/snapshots/%s/data.000' % name)
        self.bucket.on('GET', r'data\.000', lambda x: x.send(200, [], whole), times=None)
        self.fetch(to)
        self.assertEqual(self.files(self.site.store), self.files(to))

    def test_another_range_than_asked_for_is_not_taken(self):
        self.push()
        to = self.site.path('to')
        self.bucket.on('GET', r'data\.000', faulty.cut(100, chunked=False))
        self.fetch(to, expect=LATER)
        self.bucket.on('GET', r'data\.000', lambda x: x.send(206, [('Content-Range', 'bytes 7-9/10')], b'abc'), times=None)
        self.assert_says(self.fetch(to, expect=DAMAGED), 'gives another part')


class Lists(Offsite):
    """Lists that lie."""

    def lie(self, text, *texts, expect=FAILED, status=200):
        body = text if isinstance(text, bytes) else text.encode()
        self.bucket.clear()
        self.bucket.on('GET', 'list-type', lambda x: x.send(status, [('Content-Type', 'application/xml')], body), times=None)
        run = self.push(expect=expect)
        self.assert_says(run, *texts)
        self.assertLess(len(self.bucket.requests), 20)
        self.assertEqual(0, self.bucket.count('PUT|POST|DELETE', ''))

    @staticmethod
    def result(inside):
        return '<?xml version="1.0"?><ListBucketResult>%s</ListBucketResult>' % inside

    def test_what_is_no_list_is_told(self):
        self.lie('', 'no XML', expect=LATER)
        self.lie('{"ok":true}', 'no XML', expect=LATER)
        self.lie('<html><body><p>Welcome to the hotel!</body></html>', 'no XML', expect=LATER)
        self.lie('<html><body>Welcome to the hotel!</body></html>', 'it is no list')
        self.lie(self.result('<Contents><Key>a</Key>')[:40], 'no XML', expect=LATER)
        self.lie(b'<ListBucketResult>\xff\xfe</ListBucketResult>', 'no XML', expect=LATER)
        self.lie('<!DOCTYPE x [<!ENTITY a "b">]>' + self.result('<Contents><Key>&a;</Key></Contents>'), 'no XML', expect=LATER)

    def test_what_is_too_much_is_not_taken(self):
        self.lie('<a>' * 100 + '</a>' * 100, 'nested too deep', expect=LATER)
        self.lie(self.result('<Contents><Key>%s</Key></Contents>' % ('k' * 10000)), 'longer than', expect=LATER)
        self.lie(self.result(' ' * (5 << 20)), 'larger than')
        self.lie(self.result('x' * (3 << 20)), 'longer than', expect=LATER)

    def test_what_was_not_asked_for_is_not_taken(self):
        self.folder = '/ours'
        self.lie(self.result('<Contents><Key>theirs/lifeboat/store.json</Key><Size>3</Size></Contents>'), 'not asked for')
        self.lie(self.result('<Contents><Key>ours/lifeboat/store.json</Key><Size>-3</Size></Contents>'), 'without key or size')
        self.lie(self.result('<Contents><Key>ours/lifeboat/store.json</Key></Contents>'), 'without key or size')
        self.lie(self.result('<Contents><Size>3</Size></Contents>'), 'without key or size')

    def test_a_list_that_does_not_end_is_given_up(self):
        self.lie(self.result('<IsTruncated>true</IsTruncated>'), 'does not tell where it goes on')
        self.lie(self.result('<IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>'),
                 'does not tell where it goes on')

    def test_paths_that_lead_elsewhere_are_not_followed(self):
        self.push()
        evil = ''.join('<Contents><Key>lifeboat/%s</Key><Size>3</Size></Contents>' % path for path in (
            'snapshots/../../../evil/data.000', 'snapshots/20261122T081500Z-7f3a/../evil', 'signers/../evil.pub', 'signers/.pub',
            'snapshots/20261122T081500Z-7f3a/evil', '../evil', 'signers/a/../../evil.pub'))
        self.bucket.on('GET', 'list-type', faulty.edited(lambda body: body.replace(b'</Name>', b'</Name>' + evil.encode())))
        to = self.site.path('deep', 'to')
        self.fetch(to)
        self.assertEqual(self.files(self.site.store), self.files(to))
        self.assertEqual(['to'], os.listdir(self.site.path('deep')))

    def test_sizes_that_cannot_be_are_not_believed(self):
        self.push()
        name = self.site.snapshots()[0].encode()
        for size in (0, 1, (1 << 30) + 1, (1 << 63) - 1):
            with self.subTest(size=size):
                self.bucket.on('GET', 'list-type', faulty.edited(lambda body: re.sub(
                    rb'(<Key>lifeboat/snapshots/%s/data\.000</Key>.*?<Size>)\d+' % name, rb'\g<1>%d' % size, body, flags=re.S)))
                self.fetch(self.site.path('to-%d' % size), expect=DAMAGED)
