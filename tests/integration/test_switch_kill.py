"""Each step of a switch is killed at its requests to this node's server, before and after they arrive: asked for again, it comes to
the same end."""

import json
import os
import subprocess

from support import faulty
from support.couch import quote
from support.pair import Pair

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
TRIED = 6  # of each step's requests, evenly spread, unless all are
PATIENCE = 60


class Killed(Pair):
    people = 3

    def setUp(self):
        super().setUp()
        self.proxy = faulty.Faulty(self.other.url)
        self.addCleanup(self.proxy.close)
        self.config = self.site.path('b.conf')
        with open(self.config, 'w') as file:
            file.write('[source]\nurl = %s\n[node]\nname = b\nstate = %s\n[peer a]\naddresses = 127.0.0.1\ncouchdb = %s\n'
                       '[peer b]\naddresses = 127.0.0.1\n' % (self.proxy.url, self.site.state, self.couch.url))
            if self.server.prefix:
                file.write('[standby]\ninclude = %s*\n' % self.server.prefix)
        self.number = 0

    def start_step(self, *arguments):
        return subprocess.Popen([self.site.program('lifeboat-replicator'), 'switch', *arguments, '--config', self.config, '--json'],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def whole(self, *arguments):
        process = self.start_step(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(0, process.returncode, out + err)
        self.assertNotIn('Sanitizer', err)
        return json.loads(out.splitlines()[-1])['answer']

    def kill_at(self, place, arrives, *arguments):
        """Whether it came to that request."""
        started = []

        def fault(x):
            started[0].kill()
            if arrives:
                x.ask()
            x.hang_up()
        rule = self.proxy.on('PUT|POST|DELETE', '.', fault, after=place)
        started.append(self.start_step(*arguments))
        started[0].communicate(timeout=PATIENCE)
        self.proxy.rules.clear()
        return rule.hits > 0

    def requests_of(self, *arguments):
        self.proxy.clear()
        self.whole(*arguments)
        return self.proxy.count('PUT|POST|DELETE', '.')

    def places(self, count):
        self.assertGreater(count, 0)
        wanted = count if FULL else min(TRIED, count)
        return sorted({i * (count - 1) // max(1, wanted - 1) for i in range(wanted)})

    def survive(self, prepare, arguments, judge):
        """`prepare` makes something to do, with a number that is a new one each time."""
        self.number += 1
        prepare(self.number)
        for place in self.places(self.requests_of(*arguments(self.number))):
            for arrives in (False, True):
                with self.subTest(place=place, arrives=arrives):
                    self.number += 1
                    prepare(self.number)
                    self.kill_at(place, arrives, *arguments(self.number))
                    judge(self.number, self.whole(*arguments(self.number)))

    # ---- the steps ----

    def test_pull(self):
        def prepare(n):
            self.couch.bulk(self.medic, [{'_id': 'new-%d-%d' % (n, i)} for i in range(20)])
            self.couch.put(self.medic, {'_id': '_local/kept-%d' % n, 'value': n})
            self.leave('pull-%d' % n, self.sequence())
            self.leave('push-%d' % n, n)

        def judge(n, answer):
            self.assertEqual(self.uuid(self.couch), answer['uuid'])
            self.assertTrue(self.standby.has(self.medic, 'new-%d-19' % n))
            self.assertEqual(n, self.checkpoint('kept-%d' % n)['value'])
            self.assertEqual(self.sequence(self.other), self.checkpoint('pull-%d' % n)['last_seq'])
            self.assertEqual(n, self.checkpoint('push-%d' % n)['last_seq'])
        self.whole('pull', '00')
        self.survive(prepare, lambda n: ('pull', '%02x' % n), judge)

    def test_adopt(self):
        def judge(n, answer):
            self.assertEqual('%032x' % n, self.uuid(self.other))
            self.assertIsNone(self.checkpoint('push-%d' % n))
        self.other.create(self.medic)
        self.survive(lambda n: self.leave('push-%d' % n, n, couch=self.other), lambda n: ('adopt', '%032x' % n), judge)

    def test_fresh(self):
        seen = set()

        def judge(n, answer):
            self.assertEqual(answer['uuid'], self.uuid(self.other))
            self.assertNotIn(answer['uuid'], seen)
            seen.add(answer['uuid'])
            self.assertIsNone(self.checkpoint('push-%d' % n))
            with open(os.path.join(self.site.state, 'switch.json')) as file:
                self.assertEqual(answer['uuid'], json.load(file)['uuid'])
        self.other.create(self.medic)
        self.survive(lambda n: self.leave('push-%d' % n, n, couch=self.other), lambda n: ('fresh', 'token-%d' % n), judge)

    def test_merge(self):
        def prepare(n):
            self.couch.bulk(self.medic, [{'_id': 'a-%d-%d' % (n, i)} for i in range(20)])
            for couch, where in ((self.couch, 'a'), (self.other, 'b')):
                couch.put(self.medic, {'_id': 'clash-%d' % n, 'where': where})

        def judge(n, answer):
            self.assertTrue(self.standby.has(self.medic, 'a-%d-19' % n))
            path = answer['report'] or self.merged_before()
            with open(path) as file:
                lines = [json.loads(line) for line in file]
            self.assertEqual(20, sum(line['id'].startswith('a-%d-' % n) for line in lines))
            self.assertEqual(['clash-%d' % n], [line['id'] for line in lines if line['conflict']])
            self.assertEqual(1, len(self.other.get('/%s/clash-%d' % (quote(self.medic), n), conflicts='true')['_conflicts']))
        self.whole('pull', '00')
        self.survive(prepare, lambda n: ('merge',), judge)

    def merged_before(self):
        """The one that was killed had done all."""
        with open(os.path.join(self.site.state, 'merged.json')) as file:
            return json.load(file)['report']
