"""Off-site copies in an S3-compatible bucket: `lifeboat offsite push`, `fetch` and `list`."""

import os

from support import bucket
from support.bucket import Bucket
from support.case import Case
from support.lifeboat import DAMAGED, DONE, FAILED, INCOMPLETE, LATER, USAGE


class Offsite(Case):
    """A store with a snapshot, and an empty bucket."""

    people = 5
    folder = ''  # in the bucket

    def setUp(self):
        super().setUp()
        self.bucket = Bucket(self)
        self.credentials = self.site.path('bucket-credentials')
        with open(self.credentials, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write('%s:%s\n' % (bucket.KEY, bucket.SECRET))
        self.site.snapshot(self.server)

    def ask(self, command, *arguments, url=None, **how):
        return self.site.run('lifeboat', 'offsite', command, *arguments, '--bucket', url or self.bucket.url + self.folder,
                             '--credentials', self.credentials, '--keys', self.site.keys, '--json', '--patience', '0', **how)

    def push(self, *options, **how):
        return self.ask('push', '--store', self.site.store, '--state', self.site.state, *options, **how)

    def fetch(self, to, *options, **how):
        return self.ask('fetch', to, *options, **how)

    def fetched(self):
        """A folder with what stands in the bucket, which verifies."""
        to = self.site.path('fetched-%d' % len(os.listdir(self.site.folder)))
        self.fetch(to)
        self.site.run('lifeboat-restore', 'verify', to, '--keys', self.site.keys)
        return to

    def files(self, folder):
        """The files of a store by their paths in it, but for locks and what nodes tell."""
        found = {}
        for path, _, names in os.walk(folder):
            for name in names:
                key = os.path.relpath(os.path.join(path, name), folder)
                if os.path.basename(key) not in ('lock', 'offsite.lock'):
                    with open(os.path.join(path, name), 'rb') as file:
                        found[key] = file.read()
        return found


class There_and_back(Offsite):
    def test_a_store_comes_back_as_it_was(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        run = self.push()
        self.assertEqual((2, 2, 0), tuple(run.summary[name] for name in ('snapshots', 'copied', 'removed')))
        self.assertEqual(self.files(self.site.store), self.files(self.fetched()))
        self.assertEqual([], self.bucket.refused)
