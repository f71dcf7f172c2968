"""What the tests of `lifeboat prune` stand on: a story of snapshots at given times, and all that each restore point gives."""

import calendar
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time

import oracle

from . import compare, faulty
from .case import Case
from .cht import in_base64, picture, revision
from .lifeboat import DONE, INCOMPLETE

HERE = os.path.dirname(os.path.abspath(__file__))


def tree(folder, plain=lambda name, data: data):
    """{path: SHA-256} of all files in a folder."""
    found = {}
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            with open(path, 'rb') as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(plain(name, file.read())).hexdigest()
    return found


def but_for_base(name, data):
    """On what a database's entries in one snapshot are based says nothing of its state."""
    return data.replace(b'"base":"parent"', b'"base":"fresh"') if name == 'db.json' else data


class Pruning(Case):
    people = 6

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix='lifeboat-world-')
        cls.addClassCleanup(folder.cleanup)
        cls.world = os.path.join(folder.name, 'world.so')
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', cls.world, os.path.join(HERE, 'world.c')],
                       check=True)

    def in_world(self, at=None, room=None):
        """What makes a program see another time, and room of so many bytes on its disk."""
        env = {'LD_PRELOAD': self.world, 'ASAN_OPTIONS': 'verify_asan_link_order=0:detect_leaks=0:exitcode=99'}
        if at:
            env['WORLD_TIME'] = str(calendar.timegm(time.strptime(at, '%Y-%m-%dT%H:%M:%SZ')))
        if room is not None:
            env['WORLD_ROOM'] = str(room)
        return env

    def snapshot_at(self, at, *options, server=None, **how):
        """A snapshot that begins at a time; returns its id."""
        if isinstance(server, str):
            options = (*self.server.options, *options)
        return self.site.snapshot(server or self.server, *options, env=self.in_world(at), **how).summary['snapshot']

    # ---- what there is ----

    def entries(self):
        """The signed entries of all sealed folders, by number; of two with one id the merged one."""
        found = {}
        for name in self.site.snapshots():
            with open(os.path.join(self.site.snapshot_folder(name), 'snapshot.json')) as file:
                entry = dict(json.load(file), folder=name)
            if entry['id'] not in found or entry['kind'] == 'merged':
                found[entry['id']] = entry
        return sorted(found.values(), key=lambda entry: entry['number'])

    def ids(self):
        return [entry['id'] for entry in self.entries()]

    def points(self):
        """The restore points as an operator sees them, the oldest first."""
        rows = [row for row in self.site.list(expect=None).lines if row['event'] == 'snapshot']
        return [row['id'] for row in rows if row.get('restorable') and row['complete']]

    def seen(self, store, id):
        """All that a restore point gives: to the independent reader, and to lifeboat-restore."""
        to = self.site.path('extracted')
        shutil.rmtree(to, ignore_errors=True)
        run = self.site.extract(to, '--snapshot', id, '--json', expect=None)
        self.assertIn(run.code, (DONE, INCOMPLETE), str(run))
        snapshot = store.snapshots[id]
        told = {name: {key: row.get(key) for key in ('status', 'at', 'reason', 'unread', 'unfinished')}
                for name, row in oracle.manifest_databases(snapshot.manifest).items()}
        server = {entry.name: (entry.data, entry.mode, entry.owner) for entry in snapshot.entries
                  if entry.name.startswith('server/')}
        entry = {key: snapshot.catalogue.get(key) for key in ('started', 'finished', 'number', 'complete', 'node', 'heals')}
        return {'state': store.state(snapshot), 'tree': tree(to, but_for_base), 'code': run.code, 'told': told, 'server': server,
                'entry': entry, 'unread': snapshot.manifest['unread'], 'source': snapshot.header['source']}

    def all_seen(self):
        store = oracle.Store.of(self.site)
        return {id: self.seen(store, id) for id in self.points()}

    def assert_seen(self, before, ids=None):
        """The points left, or those of `ids`, give what they gave before."""
        store = oracle.Store.of(self.site)
        for id in self.points() if ids is None else ids:
            now = self.seen(store, id)
            with self.subTest(id=id):
                self.assertEqual(sorted(before[id]['state']), sorted(now['state']))
                for name, state in before[id]['state'].items():
                    compare.assert_same(self, state, now['state'][name])
                for key in ('tree', 'code', 'told', 'server', 'entry', 'unread', 'source'):
                    self.assertEqual(before[id][key], now[key], key)

    def assert_chain_is_whole(self):
        """Verify finds the failures that the source had, and no others."""
        self.assertIn(self.site.verify(expect=None).code, (DONE, INCOMPLETE))
        folders = os.listdir(os.path.join(self.site.lifeboat_folder, 'snapshots'))
        self.assertEqual(sorted(self.site.snapshots()), sorted(folders), 'a rest was left')
        self.assertEqual(len(folders), len(self.entries()), 'originals were left')

    # ---- a story ----

    def put_picture(self, id, size=40):
        document = {'_id': id, '_attachments': {'a.png': {'content_type': 'image/png', 'data': in_base64(
            picture(self.clinic.random, size))}}}
        self.couch.put(self.medic, document)

    def edit(self, id, **members):
        self.server.settle()  # a copy without the attachment would refuse its stub
        document = self.couch.get(self.couch.path(self.medic, id))
        self.couch.put(self.medic, dict(document, **members))

    def purge(self, id):
        self.couch.purge(self.medic, id, list(self.couch.leaf_sets(self.medic)[id]))

    def recreate_logs(self):
        logs = self.clinic.name('medic-logs')
        self.couch.delete(logs)
        self.couch.create(logs)
        self.couch.put(logs, {'_id': 'anew'})

    def fail_sentinel(self, at):
        self.edit('with-picture', n=5)
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/%s(/|$)' % self.clinic.name('medic-sentinel'), faulty.status(
                404, '{"error":"not_found","reason":"shard is missing"}'), times=0)
            proxy.on('GET', '/%s/_changes' % self.clinic.name('medic-sentinel'), faulty.status(
                400, '{"error":"bad_request","reason":"strike"}'), times=None)
            return self.snapshot_at(at, '--patience', '0', server=proxy.url, expect=INCOMPLETE)

    def tell_story(self):
        """Twelve snapshots over weeks; the clock goes back once. Returns their ids."""
        sentinel, meta = self.clinic.name('medic-sentinel'), self.clinic.name('medic-user-anna-meta')
        ids = [self.snapshot_at('2026-10-01T08:00:00Z')]
        self.clinic.change()
        self.put_picture('with-picture')
        ids.append(self.snapshot_at('2026-11-02T08:00:00Z'))
        self.edit('with-picture', n=1)  # its attachment is a stub
        self.couch.put(sentinel, {'_id': 'sent', 'n': 1})
        ids.append(self.snapshot_at('2026-11-02T20:00:00Z'))
        self.couch.bulk(self.medic, [revision(self.clinic.conflict_id, 4, ['f4' * 16, 'c3' * 16, 'b2' * 16, 'a1' * 16],
                                              type='person', name='later')], new_edits=False)
        self.purge(self.clinic.report_ids.pop())
        ids.append(self.snapshot_at('2026-11-03T08:00:00Z'))
        self.recreate_logs()
        self.edit('with-picture', n=2)
        ids.append(self.snapshot_at('2026-11-09T08:00:00Z'))
        ids.append(self.fail_sentinel('2026-11-10T08:00:00Z'))
        self.couch.put(sentinel, {'_id': 'sent-2', 'n': 1})
        self.couch.put(self.medic, {'_id': '_design/new', 'views': {'a': {'map': 'function(d) {}'}}})
        ids.append(self.snapshot_at('2026-11-10T09:00:00Z'))
        self.clinic.change()
        self.couch.set_security(self.medic, {'admins': {'names': ['x'], 'roles': []}, 'members': {'names': [], 'roles': []}})
        ids.append(self.snapshot_at('2026-11-05T08:00:00Z'))  # the clock went back
        self.couch.delete(meta)
        self.purge(self.clinic.report_ids.pop())
        ids.append(self.snapshot_at('2026-11-11T08:00:00Z'))
        self.couch.create(meta)
        self.couch.put(meta, {'_id': 'again'})
        self.couch.remove(self.medic, 'with-picture', why='wrong')
        ids.append(self.snapshot_at('2026-11-12T08:00:00Z'))
        self.put_picture('another', 10)
        ids.append(self.snapshot_at('2026-11-12T09:00:00Z'))
        self.edit('another', n=1)
        ids.append(self.snapshot_at('2026-11-12T10:00:00Z'))
        return ids
