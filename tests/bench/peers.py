"""Lifeboat and the tools that it is compared with, each as one measured run."""

import http.client
import json
import os
import shutil
import subprocess

import clinic
import measure
from support.couch import Couch, quote
from support.lifeboat import build_folder

HERE = os.path.dirname(os.path.abspath(__file__))
NO_CONFIGURATION = ['--config', '/dev/null']


class Site:
    """Our programs with keys, and a fresh store for each full snapshot."""

    def __init__(self, folder, log):
        self.folder, self.log = folder, log
        build = build_folder()
        self.lifeboat = os.path.join(build, 'replicator', 'lifeboat')
        self.restorer = os.path.join(build, 'restore', 'lifeboat-restore')
        self.keys, self.store, self.state = folder + '/keys', folder + '/store', folder + '/state'
        subprocess.run([self.lifeboat, 'key', 'init', '--keys', self.keys, '--site', 'bench', *NO_CONFIGURATION], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def snapshot(self, couch, name, full=True):
        if full:
            for folder in (self.store, self.state):
                shutil.rmtree(folder, ignore_errors=True)
                os.mkdir(folder)
        measured = measure.run([self.lifeboat, 'snapshot', '--source', couch.url, '--to', self.store, '--include', name,
                                '--keys', self.keys, '--state', self.state, '--json', *NO_CONFIGURATION,
                                *(['--full'] if full else [])], couch, self.log)
        told = self.summary(measured)
        measured.parts = {'documents': told['documents'], 'bytes': told['bytes']}
        return measured

    def restore(self, couch, name, target):
        measured = measure.run([self.restorer, 'run', self.store, '--target', couch.url, '--db', '%s=%s' % (name, target),
                                '--keys', self.keys, '--json', *NO_CONFIGURATION], couch, self.log)
        if not self.summary(measured)['verified']:
            raise measure.Failed('lifeboat-restore did not verify; see ' + self.log)
        measured.parts = {'verification': verification(measured.lines)}
        return measured

    @staticmethod
    def summary(measured):
        return json.loads(measured.lines[-1][1])


def verification(lines):
    """Seconds between the first word of 'checking' and the event that ends the database. Progress comes once a second:
    when none came, the time since the last 'restoring', which is too much rather than too little."""
    begun = 0.0
    for at, line in lines:
        event = json.loads(line)
        if event.get('doing') == 'restoring':
            begun = at
        elif event.get('doing') == 'checking':
            return next(end for end, other in lines if '"event":"database"' in other) - (at - event['seconds'])
        elif event['event'] == 'database':
            return at - begun
    return 0.0


def couchbackup_folder():
    folder = os.path.join(HERE, 'peers')
    if not os.path.isdir(folder + '/node_modules/@cloudant/couchbackup'):
        subprocess.run(['npm', 'ci', '--ignore-scripts', '--loglevel=error'], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder + '/node_modules/@cloudant/couchbackup/bin/'


def couchbackup(couch, name, file, log):
    if os.path.exists(file):
        os.unlink(file)
    return measure.run(['node', couchbackup_folder() + 'couchbackup.bin.js', '--attachments', '--db', name, '--output', file],
                       couch, log, environment={'COUCH_URL': couch.url, 'NODE_NO_WARNINGS': '1'})


def couchrestore(couch, name, q, file, log):
    clinic.remake(couch, name, q)
    return measure.run(['node', couchbackup_folder() + 'couchrestore.bin.js', '--attachments', '--db', name], couch, log,
                       stdin=file, environment={'COUCH_URL': couch.url, 'NODE_NO_WARNINGS': '1'})


def replication(source, name, couch, target, q):
    """CouchDB's own, once from one end to the other; it runs in the target."""
    clinic.remake(couch, target, q)

    def replicate():
        waiting = Couch(couch.url)
        waiting.local.connection = http.client.HTTPConnection(couch.host, couch.port)  # no time limit
        answer = waiting.ask('POST', '/_replicate', {'source': '%s/%s' % (source.url, quote(name)),
                                                     'target': '%s/%s' % (couch.url, target)}).json()
        waiting.close()
        if not answer.get('ok') or answer.get('history', [{}])[0].get('doc_write_failures'):
            raise measure.Failed('replication: %s' % json.dumps(answer)[:300])
    return measure.run_here(replicate, couch)
