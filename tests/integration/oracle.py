"""An independent reader of the snapshot store, written from FORMAT.md alone, sharing no code with the programs.

It checks what a reader could check (signature, sums, encryption, frames, places, hashes, order, digests) and
computes the state that a chain stands for, in the shape of support/compare.py, so that a test can say: what is in
this store is what was on that server. Whatever is not as the format says raises `Wrong`.

As a program it prints what is in a store:  oracle.py STORE IDENTITY-FILE SIGNER
"""

import base64
import glob
import hashlib
import hmac
import io
import json
import os
import re
import sys
import tarfile
import urllib.parse

import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support import rawjson

AGE_CHUNK = 64 * 1024
PART_SIZE = 1 << 30
WINDOW = 2 << 20
ENTRY_SIZE = 4 << 20


class Wrong(Exception):
    """The store is not what FORMAT.md says."""


def check(condition, message, *arguments):
    if not condition:
        raise Wrong(message % arguments)


# ---- age ----

def bech32_bytes(text):
    """The payload of a Bech32 string; the checksum is checked."""
    prefix, _, data = text.strip().lower().rpartition('1')
    values = ['qpzry9x8gf2tvdw0s3jn54khce6mua7l'.index(c) for c in data]
    state = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values:
        top = state >> 25
        state = (state & 0x1ffffff) << 5 ^ value
        for i, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            state ^= generator if top >> i & 1 else 0
    check(state == 1, 'bad Bech32 checksum')
    number = bits = 0
    out = bytearray()
    for value in values[:-6]:
        number, bits = (number << 5 | value) & 0xfff, bits + 5
        if bits >= 8:
            bits -= 8
            out.append(number >> bits & 0xff)
    return bytes(out)


def identity(text):
    """The X25519 key in an age identity file."""
    found = re.search(r'AGE-SECRET-KEY-1[A-Z0-9]+', text)
    check(found, 'no age identity')
    return X25519PrivateKey.from_private_bytes(bech32_bytes(found.group()))


def _unbase64(text):
    return base64.b64decode(text + b'=' * (-len(text) % 4))


def _hkdf(key, salt, info):
    return HKDF(SHA256(), 32, salt, info).derive(key)


def age_decrypt(data, key):
    """All plain bytes of an age v1 file."""
    mac_at = data.index(b'\n--- ')
    lines = data[:mac_at].split(b'\n')
    check(lines[0] == b'age-encryption.org/v1', 'not an age file')
    end = data.index(b'\n', mac_at + 1)
    file_key = None
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    stanzas = [i for i, line in enumerate(lines) if line.startswith(b'-> ')]
    check(len(stanzas) == 2, 'encrypted for %d recipients instead of two', len(stanzas))
    for i in stanzas:
        kind, share = lines[i].split(b' ')[1:3]
        check(kind == b'X25519', 'a recipient of another kind: %r', kind)
        share = _unbase64(share)
        shared = key.exchange(X25519PublicKey.from_public_bytes(share))
        wrap = _hkdf(shared, share + public, b'age-encryption.org/v1/X25519')
        try:
            file_key = ChaCha20Poly1305(wrap).decrypt(bytes(12), _unbase64(lines[i + 1]), None)
        except InvalidTag:
            continue
    check(file_key, 'encrypted for somebody else')
    mac = hmac.digest(_hkdf(file_key, None, b'header'), data[:mac_at + 4], 'sha256')
    check(hmac.compare_digest(mac, _unbase64(data[mac_at + 5:end])), 'the age header was altered')
    nonce, payload = data[end + 1:end + 17], data[end + 17:]
    cipher = ChaCha20Poly1305(_hkdf(file_key, nonce, b'payload'))
    out = []
    count = max(1, -(-len(payload) // (AGE_CHUNK + 16)))
    for i in range(count):
        chunk = payload[i * (AGE_CHUNK + 16):(i + 1) * (AGE_CHUNK + 16)]
        last = b'\1' if i + 1 == count else b'\0'
        try:
            out.append(cipher.decrypt(i.to_bytes(11, 'big') + last, chunk, None))
        except InvalidTag:
            raise Wrong('age chunk %d does not authenticate' % i) from None
    return b''.join(out)


# ---- minisign ----

def minisign_check(public_line, signature_text, data):
    """Checks a prehashed minisign signature and its trusted comment, which is returned."""
    public = base64.b64decode(public_line)
    check(public[:2] == b'Ed' and len(public) == 42, 'not a minisign public key')
    lines = signature_text.split('\n')
    signature = base64.b64decode(lines[1])
    check(lines[0].startswith('untrusted comment: ') and lines[2].startswith('trusted comment: '), 'not a signature')
    check(signature[:2] == b'ED', 'not a prehashed signature')
    check(signature[2:10] == public[2:10], 'signed by another key')
    key = Ed25519PublicKey.from_public_bytes(public[10:])
    try:
        key.verify(signature[10:], hashlib.blake2b(data).digest())
        key.verify(base64.b64decode(lines[3]), signature[10:] + lines[2][len('trusted comment: '):].encode())
    except InvalidSignature:
        raise Wrong('the signature does not match') from None
    return lines[2][len('trusted comment: '):]


# ---- frames and tar ----

def frames(compressed):
    """Decompresses; gives the plain bytes and {place in the plain bytes: place in the compressed ones} of each frame."""
    plain, starts, at = [], {}, 0
    size = 0
    while at < len(compressed):
        parameters = zstandard.get_frame_parameters(compressed[at:at + 18])
        check(parameters.window_size <= WINDOW, 'a zstd window of %d bytes', parameters.window_size)
        starts[size] = at
        stream = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
        data = stream.decompress(compressed[at:])
        check(stream.eof, 'the zstd frame at %d is cut', at)
        plain.append(data)
        size += len(data)
        at = len(compressed) - len(stream.unused_data)
    return b''.join(plain), starts


class Entry:
    def __init__(self, name, data, member, begins_frame, frame):
        self.name, self.data, self.begins_frame, self.frame = name, data, begins_frame, frame
        self.mode, self.owner = member.mode, (member.uid, member.gid, member.uname, member.gname)

    def json(self):
        return json.loads(self.data)


def tar_entries(plain, starts):
    """Every entry in order, with the frame that it lies in."""
    found, names = [], set()
    edges = sorted(starts)
    with tarfile.open(fileobj=io.BytesIO(plain), mode='r:') as tar:
        for member in tar:
            check(member.isfile() or member.isdir() or member.issym(), '%s is of a strange kind', member.name)
            check(not member.name.startswith('/') and '..' not in member.name.split('/'), 'path %s', member.name)
            check(member.name not in names, '%s is there twice', member.name)
            names.add(member.name)
            data = tar.extractfile(member).read() if member.isfile() else b''
            frame = starts[max(edge for edge in edges if edge <= member.offset)]
            found.append(Entry(member.name, data, member, member.offset in starts, frame))
    return found


# ---- one snapshot ----

class Leaf:
    """One leaf as the archive holds it. `stored` maps attachment names to bytes that are here."""

    def __init__(self, raw, stored):
        self.raw, self.stored = raw, stored
        self.body, special = rawjson.body_and_special(raw)
        self.id = json.loads(special['_id'], strict=False)
        self.rev = json.loads(special['_rev'])
        self.deleted = special.get('_deleted') == 'true'
        self.path = json.loads(special['_revisions'])
        self.told = json.loads(special.get('_attachments', '{}'))

    def revisions(self):
        return ['%d-%s' % (self.path['start'] - i, name) for i, name in enumerate(self.path['ids'])]


class Batch:
    """The entries of one number: ids gone, documents without attachments, leaves with attachments."""

    def __init__(self):
        self.gone, self.documents, self.leaves = {}, [], []

    def ids(self):
        return list(self.gone), [leaf.id for leaf in self.documents], [leaf.id for leaf in self.leaves]


class Followed:
    """A leaf of whose attachments some are still to come, each an entry named by its number."""

    def __init__(self, leaf, rest):
        self.leaf, self.folder, self.number = leaf, rest[:-len('doc.json')], 0
        self.left = [name for name, told in leaf.told.items() if told.get('follows')]
        check(leaf.told, '%s has no attachments', rest)
        for name, told in leaf.told.items():
            check(bool(told.get('follows')) != bool(told.get('stub')), '%s: %s is neither here nor a stub', rest, name)
            check('data' not in told, '%s: %s has inline data', rest, name)

    def take(self, snapshot, rest, entry):
        self.number += 1
        name = self.left.pop(0)
        check(rest == '%s%d' % (self.folder, self.number), '%s instead of the bytes of %s', rest, name)
        self.leaf.stored[name] = entry.data
        snapshot.check_attachment(self.leaf, name, entry.data)


def documents_in(entry):
    text = rawjson.decode(entry.data)
    check(rawjson.member(text, 'new_edits') == 'false', '%s lacks new_edits', entry.name)
    leaves = [Leaf(raw, {}) for raw in rawjson.elements(rawjson.member(text, 'docs'))]
    check(not any(leaf.told for leaf in leaves), '%s holds attachments', entry.name)
    check(len(entry.data) < 2 * ENTRY_SIZE or len(leaves) == 1, '%s is %d bytes', entry.name, len(entry.data))
    return leaves


class Database:
    """A database in one snapshot: `documents` maps an id to its leaves, `gone` an id to 'purged' or 'vanished'."""

    def __init__(self, name):
        self.name, self.documents, self.gone, self.entries = name, {}, {}, []
        self.db = self.end = None
        self.local = {}


def archive_order(id):
    return id.startswith('_design/'), rawjson.encode(id)


def digest_of(leaves):
    """The leaf digest of (id, rev) pairs."""
    total = sum(int.from_bytes(hashlib.sha256(rawjson.encode(id) + b'\0' + rev.encode()).digest(), 'big')
                for id, rev in leaves)
    return '%064x' % (total % (1 << 256))


class Snapshot:
    def __init__(self, folder, key, signer):
        self.folder, self.name = folder, os.path.basename(folder)
        self.catalogue = self._catalogue(signer)
        self.encrypted = self._parts()
        self.compressed = age_decrypt(self.encrypted, key)
        self.plain, self.starts = frames(self.compressed)
        self.entries = tar_entries(self.plain, self.starts)
        self.by_name = {entry.name: entry for entry in self.entries}
        self.header = self.by_name['header.json'].json()
        self.manifest = self.by_name['manifest.json'].json()
        self.databases = {}
        self._check_places()
        self._check_catalogue()
        self._read_databases()

    def _read(self, name):
        with open(os.path.join(self.folder, name), 'rb') as file:
            return file.read()

    def _catalogue(self, signer):
        data = self._read('snapshot.json')
        minisign_check(signer, self._read('snapshot.json.minisig').decode(), data)
        return json.loads(data)

    def _parts(self):
        sums = self._read('SHA256SUMS')
        check(hashlib.sha256(sums).hexdigest() == find(self.catalogue, NAMES['sums']), 'SHA256SUMS is not the signed one')
        names, parts = [], []
        for line in sums.decode().splitlines():
            digest, name = line.split('  ')
            names.append(name)
            parts.append(self._read(name))
            check(hashlib.sha256(parts[-1]).hexdigest() == digest, '%s does not match', name)
            check(len(parts[-1]) <= PART_SIZE, '%s is too long', name)
        check(names == ['data.%03d' % i for i in range(len(names))], 'parts are %s', names)
        extra = set(os.listdir(self.folder)) - set(names) - {'SHA256SUMS', 'snapshot.json', 'snapshot.json.minisig'}
        check(not extra, 'unexpected files %s', extra)
        return b''.join(parts)

    def _check_places(self):
        """The manifest names every entry before it, with place, size and hash; what should begin a frame does."""
        check(self.entries[0].name == 'header.json', 'the first entry is %s', self.entries[0].name)
        check(self.entries[-1].name == 'manifest.json', 'the last entry is %s', self.entries[-1].name)
        listed = manifest_entries(self.manifest)
        names = [entry.name for entry in self.entries[:-1]]
        check([e['name'] for e in listed] == names, 'the manifest lists %d entries, the archive has %d',
              len(listed), len(names))
        for told, entry in zip(listed, self.entries):
            check(told['size'] == len(entry.data), '%s: size', entry.name)
            check(told['sha256'] == hashlib.sha256(entry.data).hexdigest(), '%s: hash', entry.name)
            check(told['place'] == entry.frame, '%s: place %s is not %s', entry.name, told['place'], entry.frame)
        for entry in self.entries:
            if re.search(r'/docs-\d+\.json$|/leaf/[^/]+/doc\.json$|^manifest\.json$', entry.name):
                check(entry.begins_frame, '%s does not begin a frame', entry.name)

    def _check_catalogue(self):
        for name in ('format', 'id', 'parent'):
            check(self.catalogue[name] == self.header[name], '%s differs between catalogue and header', name)
        check(self.catalogue['format'] == 1, 'format %s', self.catalogue['format'])
        digits = self.catalogue['id'].replace('-', '')
        check(self.name[-4:] in (digits[i:i + 4] for i in range(0, 32, 4)), 'the folder is not named after the id')
        check(find(self.catalogue, NAMES['manifest']) == self.by_name['manifest.json'].frame, 'place of the manifest')
        text = json.dumps(self.catalogue)
        for name in manifest_databases(self.manifest):
            check(name.startswith('_') or '"%s"' % name not in text, 'database name %s in clear text', name)

    def _read_databases(self):
        order = []
        for entry in self.entries:
            if not entry.name.startswith('db/'):
                continue
            _, quoted, rest = entry.name.split('/', 2)
            name = urllib.parse.unquote(quoted, errors='surrogatepass')
            if name not in self.databases:
                order.append(name)
                self.databases[name] = Database(name)
            self.databases[name].entries.append((rest, entry))
        check(order == sorted(order, key=rawjson.encode), 'databases are not in order: %s', order)
        listed = manifest_databases(self.manifest)
        for name, database in list(self.databases.items()):
            told = listed.get(name, {})
            if told.get('status') == 'read' or 'place' in told:  # a merged one holds those that it only passed on, too
                self._read_database(database)
            else:  # the source failed, or dropped it, in the middle: what came before counts for nothing
                check(database.entries[-1][0] != 'end.json', '%s is whole, yet the manifest does not say so', name)
                del self.databases[name]

    def _read_database(self, database):
        check(database.entries[0][0] == 'db.json', '%s begins with %s', database.name, database.entries[0][0])
        check(database.entries[-1][0] == 'end.json', '%s ends with %s', database.name, database.entries[-1][0])
        batches, followed = {}, None
        for rest, entry in database.entries:
            if followed and followed.left:
                followed.take(self, rest, entry)
            elif rest == 'db.json':
                database.db = entry.json()
            elif rest == 'local.json':
                database.local = local_documents(entry.data)
            elif rest == 'end.json':
                database.end = entry.json()
            else:
                found = re.fullmatch(r'(gone|docs)-(\d{6,})\.json|(leaf)/(\d{6,})-\d+/doc\.json', rest)
                check(found, 'unknown entry %s', entry.name)
                batch = batches.setdefault(int(found[2] or found[4]), Batch())
                if found[1] == 'gone':
                    batch.gone = gone_ids(entry.json())
                elif found[1] == 'docs':
                    batch.documents = documents_in(entry)
                else:
                    leaf = Leaf(rawjson.decode(entry.data), {})
                    batch.leaves.append(leaf)
                    followed = Followed(leaf, rest)
        check(not (followed and followed.left), '%s: attachments of the last leaf are missing', database.name)
        self._take_batches(database, batches)

    def _take_batches(self, database, batches):
        """Puts the batches together: each holds a range of ids, and each of its three lists is in order."""
        last, seen = None, []
        check(list(batches) == sorted(batches), '%s: batches are not in order', database.name)
        for number, batch in batches.items():
            places = [[archive_order(id) for id in ids] for ids in batch.ids()]
            for listed in places:
                check(listed == sorted(listed), '%s: ids of batch %d are not in order', database.name, number)
                check(not listed or last is None or listed[0] >= last, '%s: batch %d begins before the last one ended',
                      database.name, number)
            check(any(places), '%s: batch %d is empty', database.name, number)
            last = max(listed[-1] for listed in places if listed)
            design = {place[0] for listed in places for place in listed}
            check(len(design) == 1, '%s: batch %d mixes design documents with others', database.name, number)
            database.gone.update(batch.gone)
            for leaf in batch.documents + batch.leaves:
                database.documents.setdefault(leaf.id, []).append(leaf)
                seen.append((leaf.id, leaf.rev))
        check(len(set(seen)) == len(seen), '%s: a leaf is there twice', database.name)
        told = find(database.end, NAMES['leaf_digest'])
        check(told == digest_of(seen), '%s: leaf digest %s is not %s', database.name, told, digest_of(seen))

    def check_attachment(self, leaf, name, data):
        told = leaf.told[name]
        length = told['encoded_length'] if 'encoding' in told else told['length']
        check(length == len(data), '%r %s: %s has %d bytes, not %d', leaf.id, leaf.rev, name, len(data), length)
        if any((row['id'], row['rev']) == (leaf.id, leaf.rev) for row in self.manifest['unread']):
            return  # named as damaged: zeros stand for what the source did not give
        digest = 'md5-' + base64.b64encode(hashlib.md5(data).digest()).decode()
        check(told['digest'] == digest, '%r %s: digest of %s', leaf.id, leaf.rev, name)


# ---- the JSON that FORMAT.md describes but does not spell: its member names, in this one place ----

NAMES = {
    'sums': ('sums',),                 # snapshot.json: SHA-256 of SHA256SUMS
    'manifest': ('manifest',),         # snapshot.json: place of the manifest's frame
    'leaf_digest': ('digest',),        # end.json: of this snapshot's leaves
}


def find(value, path):
    for name in path:
        check(isinstance(value, dict) and name in value, 'no %s in %.200s', '.'.join(path), value)
        value = value[name]
    return value


STATUSES = ('read', 'unchanged', 'pending', 'excluded', 'failed')


def manifest_entries(manifest):
    """[{'name', 'place', 'size', 'sha256'}] in the archive's order."""
    return manifest['entries']


def manifest_databases(manifest):
    """{name: how it was read}"""
    return {d['name']: d for d in manifest['databases']}


def local_documents(data):
    """{id: list of raw members}"""
    found = {}
    text = rawjson.decode(data)
    for raw in rawjson.elements(rawjson.member(text, 'docs')):
        body, special = rawjson.body_and_special(raw)
        found[json.loads(special['_id'])] = body
    return found


def gone_ids(value):
    return {row['id']: row['how'] for row in value['gone']}


# ---- a chain ----

class Store:
    """All sealed snapshots of a store. `key` and `signer` as text, from the node's folder or the recovery sheet."""

    def __init__(self, folder, key, signer):
        self.folder = folder
        with open(os.path.join(folder, 'store.json')) as file:
            self.about = json.load(file)
        check(self.about['format'] == 1, 'store of format %s', self.about['format'])
        self.snapshots = {}
        for path in sorted(glob.glob(os.path.join(folder, 'snapshots', '*'))):
            if os.path.exists(os.path.join(path, 'snapshot.json.minisig')):
                self._take(Snapshot(path, identity(key), signer))

    def _take(self, snapshot):
        """Where two have one id a merged one wins over its originals, and of those the one that stands further back."""
        other = self.snapshots.get(snapshot.catalogue['id'])
        if not other or self._standing(snapshot) > self._standing(other):
            self.snapshots[snapshot.catalogue['id']] = snapshot

    def _standing(self, snapshot):
        parent = self.snapshots.get(snapshot.catalogue['parent'])
        return snapshot.catalogue['kind'] == 'merged', -parent.catalogue['number'] if parent else 0

    @classmethod
    def of(cls, site):
        """The store of a support.lifeboat.Site, read with its node's keys."""
        with open(os.path.join(site.keys, 'identity.age')) as file:
            return cls(site.lifeboat_folder, file.read(), site.signer)

    def tip(self):
        """The newest snapshot whose chain is whole."""
        whole = [s for s in self.snapshots.values() if self.is_whole(s)]
        check(whole, 'no snapshot has a whole chain')
        return max(whole, key=lambda s: s.catalogue['number'])

    def is_whole(self, snapshot):
        parent = snapshot.catalogue['parent']
        return parent is None or (parent in self.snapshots and self.is_whole(self.snapshots[parent]))

    def chain(self, snapshot):
        """From the snapshot to its full one, newest first."""
        found = [snapshot]
        while found[-1].catalogue['parent'] is not None:
            check(found[-1].catalogue['parent'] in self.snapshots, 'a parent is missing')
            found.append(self.snapshots[found[-1].catalogue['parent']])
        return found

    def state(self, snapshot=None):
        """{database: {'leaves': …, 'local': …}} at a snapshot, as support.compare.capture has it."""
        chain = self.chain(snapshot or self.tip())
        found = {}
        for name, told in manifest_databases(chain[0].manifest).items():
            check(told['status'] in STATUSES, '%s: status %s', name, told['status'])
            if told['status'] == 'read' or told.get('at'):
                found[name] = self._database_state(chain, name)
        return found

    def _database_state(self, chain, name):
        leaves, decided, state = {}, set(), {'local': None}
        resume = None  # the id of the snapshot that it stands at: those before are passed over
        for place, snapshot in enumerate(chain):
            if resume not in (None, snapshot.catalogue['id']):
                continue
            told = manifest_databases(snapshot.manifest).get(name)
            if told is None:
                break
            database = snapshot.databases.get(name)
            if not database:
                ids = [older.catalogue['id'] for older in chain[place + 1:]]
                resume = told['at'] if told.get('at') in ids else None
                continue
            resume = None
            if state['local'] is None:
                state.update(local=database.local, security=database.db['security'],
                             revs_limit=database.db['revs_limit'])
            for id, documents in database.documents.items():
                if id in decided:
                    continue
                decided.add(id)
                for leaf in documents:
                    leaves[leaf.id, leaf.rev] = self._described(chain[place:], name, leaf)
            decided |= set(database.gone)
            if database.db['base'] == 'fresh':
                break
        digest = chain[0].databases[name].end.get('state_digest') if name in chain[0].databases else None
        if digest:
            check(digest == digest_of(leaves), '%s: state digest', name)
        return dict(state, leaves=leaves)

    def _described(self, chain, name, leaf):
        attachments = {}
        for attachment, told in leaf.told.items():
            stored = leaf.stored.get(attachment)
            if stored is None:
                stored = self._stored_before(chain[1:], name, leaf, attachment)
            kept = {k: v for k, v in told.items() if k not in ('stub', 'follows')}
            attachments[attachment] = dict(kept, sha256=hashlib.sha256(stored).hexdigest(), sent_as=told.get('encoding'))
        return {'rev': leaf.rev, 'body': leaf.body, 'deleted': leaf.deleted, 'path': leaf.path, 'attachments': attachments}

    def _stored_before(self, chain, name, leaf, attachment):
        """The bytes of a stub, from an ancestor of the leaf in an older snapshot."""
        told, path = leaf.told[attachment], leaf.revisions()
        for snapshot in chain:
            database = snapshot.databases.get(name)
            for older in database.documents.get(leaf.id, []) if database else []:
                stored = older.stored.get(attachment)
                if older.rev in path and stored is not None and older.told[attachment]['digest'] == told['digest']:
                    return stored
        raise Wrong('%s: no older snapshot holds %s of %r' % (name, attachment, leaf.id))


def main(folder, key_file, signer):
    with open(key_file) as file:
        store = Store(os.path.join(folder, 'lifeboat'), file.read(), signer)
    for snapshot in reversed(store.chain(store.tip())):
        print(snapshot.name, snapshot.catalogue['kind'], '%d entries' % len(snapshot.entries))
    for name, database in store.state().items():
        print('  %s: %d leaves' % (name, len(database['leaves'])))


if __name__ == '__main__':
    main(*sys.argv[1:])
