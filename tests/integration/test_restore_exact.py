"""What a restore must neither lose nor change without saying so: revision paths, shape, who may read, what the target
has of its own."""

from support.small import Small


class Replicator(Small):
    def test_a_deleted_replication_does_not_start_when_it_is_brought_back(self):
        name = self.couch.create(self.server.name('jobs/_replicator'))
        self.couch.put(name, {'_id': 'nightly', 'source': 'http://127.0.0.1:1/a', 'target': 'http://127.0.0.1:1/b'})
        self.site.snapshot(self.server)
        self.couch.remove(name, 'nightly')
        self.site.restore(self.server, '--doc', name + '/nightly')
        back = self.couch.get(self.couch.path(name, 'nightly'))
        self.assertEqual(('http://127.0.0.1:1/a', 'failed'), (back['source'], back['_replication_state']))


class Local(Small):
    def setUp(self):
        super().setUp()
        self.couch.put(self.medic, {'_id': 'a'})
        self.couch.put(self.medic, {'_id': '_local/x', 'v': 1})
        self.site.snapshot(self.server)

    def change(self):
        self.couch.put(self.medic, {'_id': '_local/x', 'v': 2, '_rev': self.local(self.couch, 'x')['_rev']})

    def test_one_that_differs_stays_and_nobody_says_that_everything_is_there(self):
        self.change()
        for options in (('--doc', self.medic + '/_local/x'), ('--db', self.medic)):
            with self.subTest(options):
                run = self.person(self.server, *options)
                self.assertEqual(2, self.local(self.couch, 'x')['v'])
                self.assert_says(run, '_local/x', 'stays as it is', '--db')
                self.assertNotIn('everything is there', run.said)

    def test_one_that_is_the_same_is_there(self):
        run = self.person(self.server, '--doc', self.medic + '/_local/x')
        self.assert_says(run, 'everything is there')

    def test_dry_run_tells_what_would_become_of_it(self):
        run = self.person(self.server, '--doc', self.medic + '/_local/x', '--dry-run')
        self.assertNotIn('not in this snapshot', run.said)
        self.change()
        run = self.person(self.server, '--doc', self.medic + '/_local/x', '--dry-run')
        self.assert_says(run, '_local/x', 'stays as it is')
