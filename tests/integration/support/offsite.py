"""What the tests of off-site copies begin with: a store with a snapshot, and an empty bucket."""

import os
import re

from . import bucket
from .bucket import Bucket
from .case import Case
from .lifeboat import DONE

KILLED = -9


class Offsite(Case):
    people = 6
    folder = ''  # in the bucket, with a slash before it
    patience = 0

    def setUp(self):
        super().setUp()
        self.bucket = Bucket(self)
        self.credentials = self.write_credentials('%s:%s' % (bucket.KEY, bucket.SECRET))
        self.site.snapshot(self.server)

    def write_credentials(self, text, mode=0o600):
        path = self.site.path('bucket-credentials-%d' % len(os.listdir(self.site.folder)))
        with open(path, 'w', opener=lambda p, f: os.open(p, f, mode)) as file:
            file.write(text + '\n')
        return path

    # ---- commands ----

    def arguments(self, command, *arguments, url=None, credentials=None):
        return ('offsite', command, *arguments, '--bucket', url or self.bucket.url + self.folder,
                '--credentials', credentials or self.credentials, '--keys', self.site.keys, '--json',
                '--patience', self.patience)

    def ask(self, *arguments, url=None, credentials=None, **how):
        return self.site.run('lifeboat', *self.arguments(*arguments, url=url, credentials=credentials), **how)

    def push_arguments(self, store=None):
        return 'push', '--store', store or self.site.store, '--state', self.site.state

    def push(self, *options, store=None, **how):
        return self.ask(*self.push_arguments(store), *options, **how)

    def fetch(self, to, *options, **how):
        return self.ask('fetch', to, *options, **how)

    def list(self, *options, **how):
        return self.ask('list', *options, **how)

    def fetched(self, **how):
        """A folder with what stands in the bucket, all of which verifies."""
        to = self.site.path('fetched-%d' % len(os.listdir(self.site.folder)))
        self.fetch(to, **how)
        self.site.run('lifeboat-restore', 'verify', to, '--keys', self.site.keys)
        return to

    # ---- what there is ----

    def files(self, folder):
        """The files of a store by their paths in it, but for locks."""
        found = {}
        for path, _, names in os.walk(folder):
            for name in names:
                if name not in ('lock', 'offsite.lock'):
                    with open(os.path.join(path, name), 'rb') as file:
                        found[os.path.relpath(os.path.join(path, name), folder)] = file.read()
        return found

    def copied(self):
        """The same of the bucket."""
        prefix = self.folder[1:] + '/' if self.folder else ''
        return {key[len(prefix):]: self.bucket.get(key) for key in self.bucket.keys(prefix)}

    def assert_copied(self):
        """The bucket holds what the store does, and nothing else."""
        self.assertEqual(self.files(self.site.store), self.copied())

    def puts(self, pattern=''):
        return self.bucket.count('PUT', pattern)

    def add_large(self, size=20 << 20):
        """The store gets a snapshot whose file goes in parts."""
        rev = self.couch.put(self.medic, {'_id': 'large'})
        self.couch.attach(self.medic, 'large', rev, 'film', os.urandom(size), 'video/mp4')
        self.site.snapshot(self.server)

    # ---- killed ----

    def killed_at(self, number, *arguments):
        """Runs a command that is killed as its request of that number comes. Whether it came so far."""
        process = []
        rule = self.bucket.on('.*', '', lambda x: (process[0].kill(), x.hang_up(reset=True)), after=number - 1)
        process.append(self.site.start('lifeboat', *self.arguments(*arguments)))
        code = self.site.finish(process[0]).code
        self.bucket.clear()
        self.assertEqual(KILLED if rule.hits else DONE, code)
        return rule.hits > 0


def part_number(path):
    return int(re.search(r'partNumber=(\d+)', path).group(1))
