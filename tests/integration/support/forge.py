"""Makes snapshots by hand, signed and encrypted with a site's own keys: what an attacker who has them, or a bug,
could put on a drive. Entries come out exactly as given, whatever they say.

    forged = Forged(site)
    forged.add('../../etc/passwd', b'…')
    forged.seal()
"""

import base64
import hashlib
import io
import json
import os
import re
import struct
import subprocess
import tarfile
import uuid

import zstandard
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

FINE = b'{"new_edits":false,"docs":[\n{"_id":"a","_rev":"1-aa","_revisions":{"start":1,"ids":["aa"]},"v":1.0}]}\n'


class Forged:
    def __init__(self, site, parent=None):
        self.site, self.parent = site, parent
        self.id = str(uuid.uuid4())
        self.started = '2099-01-01T00:00:00Z'
        self.compressed, self.entries, self.databases = b'', [], []
        self.window_log = 20
        header = {'format': 1, 'id': self.id, 'parent': parent, 'node': 'a',
                  'source': {'uuid': 'forged', 'version': '3.4.3'}, 'started': self.started}
        self.add('header.json', json.dumps(header).encode(), list_it=True)

    def add(self, name, data=b'', kind=tarfile.REGTYPE, link='', size=None, list_it=True, raw_header=None):
        """An entry in a frame of its own. `size` may lie in the manifest; `raw_header` replaces the tar header."""
        info = tarfile.TarInfo(name)
        info.size, info.type, info.linkname, info.mode = len(data), kind, link, 0o600
        header = raw_header or info.tobuf(tarfile.PAX_FORMAT, errors='surrogateescape')
        self.frame(header + data + b'\0' * (-len(data) % 512), name, data, list_it, size)

    def frame(self, plain, name, data, list_it=True, size=None):
        place = len(self.compressed)
        parameters = zstandard.ZstdCompressionParameters(window_log=self.window_log)
        self.compressed += zstandard.ZstdCompressor(compression_params=parameters).compress(plain)
        if list_it:
            self.entries.append({'name': name, 'place': place, 'size': len(data) if size is None else size,
                                 'sha256': hashlib.sha256(data).hexdigest()})
        return place

    def pad(self, to):
        """A frame that readers skip, so that the archive is so many bytes long."""
        size = to - len(self.compressed) - 8
        self.compressed += struct.pack('<II', 0x184D2A50, size) + bytes(size)

    def add_zeros(self, name, size):
        """An entry of so many zeros, never held whole."""
        info = tarfile.TarInfo(name)
        info.size = size
        place, stream = len(self.compressed), zstandard.ZstdCompressor().compressobj()
        block, digest = bytes(1 << 20), hashlib.sha256()
        packed = [stream.compress(info.tobuf(tarfile.PAX_FORMAT))]
        for _ in range(size >> 20):
            packed.append(stream.compress(block))
            digest.update(block)
        self.compressed += b''.join(packed) + stream.flush()
        self.entries.append({'name': name, 'place': place, 'size': size, 'sha256': digest.hexdigest()})

    def database(self, name, docs=FINE, folder=None):
        """A small database with one batch of documents; counts and digest are those of FINE, whatever is given."""
        folder = 'db/' + (folder or name)
        self.add(folder + '/db.json', json.dumps({
            'base': 'fresh', 'q': 2, 'n': 1, 'partitioned': False, 'revs_limit': 1000, 'security': {},
            'purge_seq': '0', 'instance_start_time': '0', 'since': None}).encode())
        place = self.entries[-1]['place']
        self.add(folder + '/local.json', b'{"docs":[]}')
        self.add(folder + '/docs-000001.json', docs)
        self.add(folder + '/end.json', json.dumps({
            'last_seq': '0', 'tokens': {}, 'documents': 1, 'leaves': 1, 'attachments': 0, 'gone': 0, 'unread': 0,
            'digest': hashlib.sha256(b'a\0001-aa').hexdigest(), 'quiet': True}).encode())
        self.databases.append({'name': name, 'status': 'read', 'at': self.id, 'place': place,
                               'end': self.entries[-1]['place']})

    def seal(self, manifest=None):
        """Writes the folder into the site's store; returns its name."""
        place = self.finish(manifest)
        data = self._encrypt(self.compressed)
        sums = '%s  data.000\n' % hashlib.sha256(data).hexdigest()
        catalogue = self._catalogue(place, len(data), sums)
        name = '20990101T000000Z-' + self.id[:4]
        folder = self.site.snapshot_folder(name)
        os.mkdir(folder)
        for file, content in (('data.000', data), ('SHA256SUMS', sums.encode()), ('snapshot.json', catalogue),
                              ('snapshot.json.minisig', sign(self.site, catalogue))):
            with open(os.path.join(folder, file), 'wb') as out:
                out.write(content)
        return name

    def finish(self, manifest=None):
        """The archive's end; returns the manifest's place."""
        text = manifest if manifest is not None else json.dumps({
            'format': 1, 'snapshot': self.id, 'entries': self.entries, 'databases': self.databases, 'unread': []}).encode()
        place = len(self.compressed)
        self.add('manifest.json', text, list_it=False)
        self.frame(bytes(1024), '', b'', list_it=False)
        return place

    def put_in_place_of(self, signed, name):
        """Replaces the parts of another's snapshot, whose signature stays: what somebody can do who has no signing key."""
        with open(os.path.join(self.site.snapshot_folder(name), 'snapshot.json')) as file:
            place = json.load(file)['manifest']
        self.pad(place)
        self.finish()
        self.pad(len(signed.compressed))
        with open(os.path.join(self.site.snapshot_folder(name), 'data.000'), 'wb') as out:
            out.write(self._encrypt(self.compressed))

    def _catalogue(self, place, stored, sums):
        with open(os.path.join(self.site.lifeboat_folder, 'store.json')) as file:
            store = json.load(file)
        counts = dict.fromkeys(('databases', 'documents', 'leaves'), len(self.databases))
        counts.update(attachments=0, gone=0, unread=0, failed=0)
        return json.dumps({
            'format': 1, 'id': self.id, 'parent': self.parent, 'store': store['store'], 'site': store['site'], 'node': 'a',
            'kind': 'increment' if self.parent else 'full', 'number': 1000000, 'complete': True, 'started': self.started,
            'finished': self.started, 'versions': {'lifeboat': '0', 'couchdb': '3.4.3'}, 'counts': counts,
            'bytes': {'plain': 0, 'compressed': len(self.compressed), 'stored': stored}, 'manifest': place,
            'sums': hashlib.sha256(sums.encode()).hexdigest()}).encode() + b'\n'

    def _encrypt(self, data):
        """With the real age, for the site's two recipients."""
        shown = self.site.run('lifeboat', 'key', 'show', '--keys', self.site.keys).out
        command = ['age']
        for recipient in re.findall(r'age1[0-9a-z]+', shown):
            command += ['-r', recipient]
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def sign(site, data):
    """A minisign signature by the site's node."""
    with open(os.path.join(site.keys, 'signing.pem'), 'rb') as file:
        key = load_pem_private_key(file.read(), None)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = base64.b64decode(site.signer)[2:10]
    assert base64.b64decode(site.signer)[10:] == public
    signature = key.sign(hashlib.blake2b(data).digest())
    comment = b'forged'
    both = key.sign(signature + comment)
    return b'untrusted comment: forged\n%s\ntrusted comment: %s\n%s\n' % (
        base64.b64encode(b'ED' + key_id + signature), comment, base64.b64encode(both))


def cut(site, name, size):
    """Cuts a snapshot's archive into parts of that size, as one of many gigabytes would be."""
    folder = site.snapshot_folder(name)
    with open(os.path.join(folder, 'data.000'), 'rb') as file:
        data = file.read()
    sums = ''
    for number, at in enumerate(range(0, len(data), size)):
        part = data[at:at + size]
        with open(os.path.join(folder, 'data.%03d' % number), 'wb') as file:
            file.write(part)
        sums += '%s  data.%03d\n' % (hashlib.sha256(part).hexdigest(), number)
    with open(os.path.join(folder, 'snapshot.json')) as file:
        catalogue = json.load(file)
    catalogue['sums'] = hashlib.sha256(sums.encode()).hexdigest()
    text = json.dumps(catalogue, separators=(',', ':')).encode() + b'\n'
    for file, content in (('SHA256SUMS', sums.encode()), ('snapshot.json', text), ('snapshot.json.minisig', sign(site, text))):
        with open(os.path.join(folder, file), 'wb') as out:
            out.write(content)
