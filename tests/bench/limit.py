"""The limits: the same requests as ours, made before the clock starts, sent by curl, which does nothing else.

Reading: the listing, then _bulk_get of 1,000 ids each in the order of ids, two at a time; behind each batch the multipart
_bulk_get of the leaves with attachments in it. Answers go to /dev/null. Writing: the batches of 1,000 documents or 1 MB
that lifeboat-restore makes, four at a time; leaves with attachments go as ours do, small ones inline (CouchDB packs them
again) and the others as a multipart PUT.
"""

import base64
import glob
import gzip
import json
import os
import subprocess

import clinic
import measure
from support import rawjson
from support.couch import quote

READ_BATCH, READ_AHEAD = 1000, 2                                 # lib/couch/read/fetch.h
WRITE_DOCUMENTS, WRITE_BYTES, WRITE_AHEAD = 1000, 1 << 20, 4     # lib/couch/write/target.c
INLINE_MAX, INLINE_LEAF_MAX = 64 << 10, 256 << 10
LISTING = '_changes?style=all_docs&seq_interval=100000'
BODIES = '_bulk_get?revs=true&att_encoding_info=true'
ATTACHMENTS = '_bulk_get?revs=true&attachments=true'
BOUNDARY = 'lifeboat-bench-0123456789abcdef'


class Requests:
    """A curl configuration of many requests, each with its body in a file."""

    def __init__(self, couch, folder, ahead):
        self.couch, self.folder, self.ahead = couch, folder, ahead
        self.sections = []
        os.makedirs(folder, exist_ok=True)

    def body_file(self, body):
        path = os.path.join(self.folder, 'body-%06d' % len(self.sections))
        with open(path, 'wb') as file:
            file.write(body)
        return path

    def add(self, path, body=None, method=None, accept='application/json', content_type='application/json', output='/dev/null'):
        lines = ['url = "%s%s"' % (self.couch.bare_url, path), 'user = "%s:%s"' % (self.couch.user, self.couch.password),
                 'header = "Accept: %s"' % accept, 'output = "%s"' % output, 'http1.1', 'globoff', 'path-as-is', 'noproxy = "*"',
                 'write-out = "%{http_code} %{size_download}\\n"']
        if body is not None:
            lines += ['data-binary = "@%s"' % self.body_file(body), 'header = "Content-Type: %s"' % content_type,
                      'header = "Expect:"']
        if method:
            lines.append('request = "%s"' % method)
        self.sections.append('\n'.join(lines) + '\n')

    def run(self, log):
        config = os.path.join(self.folder, 'curl.conf')
        with open(config, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write('next\n'.join(self.sections))
        measured = measure.run(['curl', '--silent', '--show-error', '--parallel', '--parallel-immediate',
                                '--parallel-max', str(self.ahead), '--config', config], self.couch, log)
        codes = [line.split()[0] for _, line in measured.lines]
        if len(codes) != len(self.sections) or any(code not in ('200', '201', '202') for code in codes):
            raise measure.Failed('curl: %d answers for %d requests, of which %d refused' % (
                len(codes), len(self.sections), sum(code[0] != '2' for code in codes)))
        return measured


class Reading:
    """The limit of a snapshot of one database."""

    def __init__(self, couch, name, folder, log):
        self.log = log
        base = '/%s/' % quote(name)
        self.listing = Requests(couch, folder + '/listing', 1)
        self.listing.add(base + LISTING, output=folder + '/listing/changes.json')
        self.listing.run(log)
        with open(folder + '/listing/changes.json') as file:
            ids = [row['id'] for row in json.load(file)['results']]
        ids.sort(key=lambda id: (id.startswith('_design/'), id.encode()))
        self.ids = [id for id in ids if not id.startswith('_design/')]
        batches = [ids[at:at + READ_BATCH] for at in range(0, len(ids), READ_BATCH)]
        owners = self._owners(couch, base, batches, folder + '/looking')
        self.drain = Requests(couch, folder + '/drain', READ_AHEAD)
        for batch, owned in zip(batches, owners):
            self.drain.add(base + BODIES, docs([{'id': id} for id in batch]))
            if owned:
                self.drain.add(base + ATTACHMENTS, docs(owned), accept='multipart/related')

    def _owners(self, couch, base, batches, folder):
        """The leaves with attachments of each batch: what a first, unmeasured drain shows."""
        looking = Requests(couch, folder, READ_AHEAD)
        for number, batch in enumerate(batches):
            looking.add(base + BODIES, docs([{'id': id} for id in batch]), output='%s/answer-%06d' % (folder, number))
        looking.run(self.log)
        for number in range(len(batches)):
            path = '%s/answer-%06d' % (folder, number)
            with open(path) as file:
                leaves = [entry['ok'] for result in json.load(file)['results'] for entry in result['docs']]
            os.unlink(path)
            yield [{'id': leaf['_id'], 'rev': leaf['_rev']} for leaf in leaves if '_attachments' in leaf]

    def run(self):
        listing = self.listing.run(self.log)
        drain = self.drain.run(self.log)
        total = listing + drain
        total.parts = {'listing': listing.wall, 'drain': drain.wall}
        return total


class Writing:
    """The limit of a restore, made of a snapshot of ours with age, zstd and tar."""

    def __init__(self, couch, name, q, site, folder, log):
        self.couch, self.name, self.q, self.log = couch, name, q, log
        unpacked = os.path.join(folder, 'unpacked')
        os.makedirs(unpacked)
        unpack(site, unpacked)
        self.requests = Requests(couch, folder + '/posts', WRITE_AHEAD)
        self.batch, self.size = [], 0
        database, = glob.glob(glob.escape(unpacked) + '/db/*')
        for number in sorted(file[5:11] for file in os.listdir(database) if file.startswith('docs-')):
            with open('%s/docs-%s.json' % (database, number)) as file:
                for document in rawjson.elements(rawjson.member(file.read(), 'docs')):
                    self.add(document)
        for leaf in sorted(glob.glob(glob.escape(database) + '/leaf/*/')):
            self.add_leaf(leaf)
        self.send()

    def add(self, document):
        size = len(document.encode())
        if self.batch and (self.size + size > WRITE_BYTES or len(self.batch) == WRITE_DOCUMENTS):
            self.send()
        self.batch.append(document)
        self.size += size

    def send(self):
        if self.batch:
            self.requests.add('/%s/_bulk_docs' % quote(self.name),
                              ('{"new_edits":false,"docs":[%s]}' % ','.join(self.batch)).encode())
        self.batch, self.size = [], 0

    def add_leaf(self, folder):
        with open(folder + 'doc.json') as file:
            text = file.read()
        document = json.loads(text)
        attachments = list(document['_attachments'].values())
        bodies = []
        for number in range(1, len(attachments) + 1):
            with open(folder + str(number), 'rb') as file:
                bodies.append(file.read())
        if sum(map(len, bodies)) <= INLINE_LEAF_MAX and all(len(body) <= INLINE_MAX for body in bodies):
            for told, body in zip(attachments, bodies):
                plain = gzip.decompress(body) if told.get('encoding') == 'gzip' else body
                for key in ('follows', 'digest', 'length', 'encoding', 'encoded_length'):
                    told.pop(key, None)
                told['data'] = base64.b64encode(plain).decode()
            self.add(json.dumps(document, ensure_ascii=False))
            return
        parts = [b'Content-Type: application/json\r\n\r\n' + text.encode()] + [b'\r\n' + body for body in bodies]
        edge = b'--' + BOUNDARY.encode()
        body = b''.join(edge + b'\r\n' + part + b'\r\n' for part in parts) + edge + b'--'
        self.requests.add('/%s/%s?new_edits=false' % (quote(self.name), quote(document['_id'])), body, 'PUT',
                          content_type='multipart/related; boundary=\\"%s\\"' % BOUNDARY)

    def run(self):
        clinic.remake(self.couch, self.name, self.q)
        return self.requests.run(self.log)


def unpack(site, folder):
    subprocess.run(['bash', '-c', 'set -o pipefail; cat "$1"/lifeboat/snapshots/*/data.* | age -d -i "$2"/identity.age | '
                    'zstd -dq | tar -x -C "$3"', 'unpack', site.store, site.keys, folder], check=True)


def docs(wanted):
    return json.dumps({'docs': wanted}).encode()
