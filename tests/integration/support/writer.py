"""A writer that does whatever a CouchDB lets one do, from a seed, while the server comes and goes.

A database that is made again begins a new age: the ids of its documents begin with the age's number, so that what is
left of an earlier age on a second node can be told from what should not be there.
"""

import http.client
import random
import threading

from .cht import revision
from .couch import Couch, CouchError

DATABASES = 4


class Writer:
    """`start` has it do so many things in a thread of its own, `finish` waits until it has."""

    def __init__(self, url, seed, prefix):
        self.couch, self.random, self.prefix = Couch(url), random.Random(seed), prefix
        self.ages, self.ids, self.attached = {}, {}, []
        self.made = 0  # names of databases, ever
        self.tried, self.refused = 0, 0
        self.kinds = [kind for kind, weight in (
            (self.add, 12), (self.update, 10), (self.conflict, 6), (self.resolve, 2), (self.remove, 5), (self.attach, 8),
            (self.attach_large, 2), (self.keep_attachment, 4), (self.detach, 1), (self.design, 2), (self.local, 3), (self.security, 2),
            (self.limit, 2), (self.make, 2), (self.drop, 1), (self.make_anew, 1), (self.purge, 3), (self.user, 2))
            for _ in range(weight)]

    # ---- its thread ----

    def start(self, steps):
        self.thread = threading.Thread(target=self._work, args=(steps,), daemon=True)
        self.thread.start()

    def _work(self, steps):
        for _ in range(steps):
            while len(self.ids) < DATABASES and self._try(self.make):
                pass
            if self.ids:
                self._try(self.random.choice(self.kinds))
        self.couch.close()

    def finish(self):
        self.thread.join()

    def _try(self, kind):
        self.tried += 1
        try:
            kind()
            return True
        except (CouchError, AssertionError, OSError, http.client.HTTPException):  # away, or it has changed meanwhile
            self.refused += 1
            self.couch.close()
            return False

    def touch(self):
        """One more document in each database: what is no change by itself, such as a _local document, comes along with it."""
        for name in self.databases:
            if self.couch.exists(name):
                self.couch.put(name, {'_id': self.new_id(name)})

    # ---- what it may choose from ----

    @property
    def databases(self):
        return sorted(self.ids)

    def a_database(self):
        return self.random.choice(self.databases)

    def an_id(self, name):
        if not self.ids[name]:
            return self.new_id(name)
        return self.random.choice(self.ids[name])

    def new_id(self, name):
        odd = self.random.choice(('', '', '', '', 'é/', 'a b+', '"', 'x' * 200))
        id = '%d-%s%08x' % (self.ages[name], odd, self.random.getrandbits(32))
        self.ids[name].append(id)
        return id

    def body(self):
        return {'v': self.random.random(), 'text': self.random.choice('aé日') * self.random.randrange(400)}

    def current(self, name, id):
        answer = self.couch.ask('GET', self.couch.path(name, id), expect=(200, 404))
        return answer.json() if answer.status == 200 else {'_id': id}

    def is_of_before(self, name, id):
        """Whether a document is of an earlier age of its database."""
        number = id.removeprefix('_design/').removeprefix('_local/').partition('-')[0]
        return number.isdigit() and int(number) < self.ages[name]

    # ---- what it does ----

    def add(self):
        name = self.a_database()
        self.couch.bulk(name, [{'_id': self.new_id(name), **self.body()} for _ in range(self.random.randrange(1, 40))])

    def update(self):
        name = self.a_database()
        chosen = {self.an_id(name) for _ in range(self.random.randrange(1, 10))}
        self.couch.bulk(name, [{**self.current(name, id), **self.body()} for id in sorted(chosen)])

    def conflict(self):
        name = self.a_database()
        id = self.an_id(name)
        root = '%032x' % self.random.getrandbits(128)
        self.couch.bulk(name, [revision(id, 2, ['%032x' % self.random.getrandbits(128), root], **self.body())
                               for _ in range(self.random.randrange(1, 4))], new_edits=False)

    def resolve(self):
        name = self.a_database()
        rows = [row for row in self.couch.changes(name)['results'] if len(row['changes']) > 1]
        if rows:
            row = self.random.choice(rows)
            self.couch.bulk(name, [{'_id': row['id'], '_rev': row['changes'][-1]['rev'], '_deleted': True}])

    def remove(self):
        name = self.a_database()
        self.couch.remove(name, self.an_id(name), why='gone')

    def _attach(self, size, kind):
        name = self.a_database()
        id = self.an_id(name)
        data = self.random.randbytes(size) if kind == 'image/png' else b'so it goes\n' * (size // 11)
        rev = self.current(name, id).get('_rev')
        self.couch.attach(name, id, rev, self.random.choice(('one', 'two ü', 'three/3')), data, kind)
        self.attached.append((name, id))

    def attach(self):
        self._attach(self.random.choice((0, 10, 3000, 70000)), self.random.choice(('image/png', 'text/plain')))

    def attach_large(self):
        self._attach(self.random.randrange(300000, 3000000), self.random.choice(('image/png', 'text/plain')))

    def _attached(self):
        place = [(name, id) for name, id in self.attached if name in self.ids and not self.is_of_before(name, id)]
        name, id = self.random.choice(place or [(self.databases[0], self.an_id(self.databases[0]))])
        return name, self.current(name, id)

    def keep_attachment(self):
        """A change that leaves the attachments as they are."""
        name, found = self._attached()
        self.couch.put(name, {**found, **self.body()})

    def detach(self):
        name, found = self._attached()
        found.pop('_attachments', None)
        self.couch.put(name, found)

    def design(self):
        name = self.a_database()
        id = '_design/%d-%s' % (self.ages[name], self.random.choice('ab'))
        self.couch.put(name, {**self.current(name, id), 'views': {'v': {'map': 'function(doc) { emit(doc.v, %d); }' % self.random.randrange(99)}}})

    def local(self):
        name = self.a_database()
        id = '_local/%d-%s' % (self.ages[name], self.random.choice('ab'))
        self.couch.put(name, {**self.current(name, id), **self.body()})

    def security(self):
        self.couch.set_security(self.a_database(), {
            'admins': {'names': [], 'roles': []}, 'members': {'names': [], 'roles': [self.random.choice(('medic', 'chw', 'all'))]}})

    def limit(self):
        self.couch.set_revs_limit(self.a_database(), self.random.randrange(200, 1000))

    def make(self):
        name = '%s%d' % (self.prefix, self.made)
        self.made += 1
        self.couch.create(name, q=self.random.choice((1, 2, 4)))
        self.ages[name], self.ids[name] = 1, []

    def drop(self):
        if len(self.ids) > DATABASES // 2:
            name = self.a_database()
            self.couch.delete(name)
            del self.ids[name]

    def make_anew(self):
        name = self.a_database()
        self.couch.delete(name)
        self.ages[name] += 1
        self.ids[name] = []
        self.couch.create(name)

    def purge(self):
        """A whole document, which does not come back."""
        name = self.a_database()
        id = self.an_id(name)
        self.ids[name].remove(id)
        self.attached = [one for one in self.attached if one != (name, id)]
        leaves = sorted(self.couch.leaf_sets(name).get(id, ()))
        if leaves:
            self.couch.purge(name, id, leaves)

    def user(self):
        name = '%s%d' % (self.prefix, self.random.randrange(5))
        id = 'org.couchdb.user:' + name
        self.couch.put('_users', {**self.current('_users', id), 'name': name, 'type': 'user', 'roles': ['chw'], 'seen': self.random.random(),
                                  'password_scheme': 'pbkdf2', 'derived_key': 'ab' * 20, 'salt': 'cd' * 16, 'iterations': 10})
