"""The documents of the stand-in server: revision trees, attachments, shards and sequences as CouchDB 3 has them.

A database is cut into shards by the CRC-32 of the id. Each shard numbers its own changes; a database's sequence is
the list of its shards' numbers, opaque to clients. That is what makes a shard that was rolled back keep sequences
that look right, and tests can do just that: `Shard.save` and `Shard.roll_back`.

Only the leaves' paths are kept: a document is a set of leaves, each with the revision ids from itself to its root.
Old revisions keep their content (until `compact`), because a stub may refer to an ancestor's attachment.
"""

import base64
import copy
import gzip
import hashlib
import json
import re
import secrets
import time
import zlib

from . import rawjson

FORBIDS_ALL = re.compile(r'function\s*\(\w*\)\s*\{\s*throw\(\{forbidden:')  # the one validator that is understood
COMPRESSIBLE = ('text/', 'application/javascript', 'application/json', 'application/xml')


class Refused(Exception):
    """What CouchDB answers instead of doing it."""

    def __init__(self, status, error, reason):
        super().__init__(reason)
        self.status, self.error, self.reason = status, error, reason

    def json(self):
        return json.dumps({'error': self.error, 'reason': self.reason})


class Attachment:
    """Stored bytes and what is told about them. With `encoding`, `length` speaks of the decoded bytes."""

    def __init__(self, content_type, stored, encoding=None, length=None, revpos=0):
        self.content_type, self.stored, self.encoding, self.revpos = content_type, stored, encoding, revpos
        self.length = len(stored) if length is None else length
        self.digest = 'md5-' + base64.b64encode(hashlib.md5(stored).digest()).decode()

    @classmethod
    def of_plain(cls, content_type, data, revpos):
        if content_type.startswith(COMPRESSIBLE):
            packed = gzip.compress(data, 8, mtime=0)
            return cls(content_type, packed, 'gzip', len(data), revpos)
        return cls(content_type, data, None, None, revpos)

    def plain(self):
        return gzip.decompress(self.stored) if self.encoding == 'gzip' else self.stored

    def describe(self, encoding_info, **how):
        told = {'content_type': self.content_type, 'revpos': self.revpos, 'digest': self.digest}
        if 'data' not in how:
            told['length'] = self.length
        told.update(how)
        if encoding_info and self.encoding and 'data' not in how:
            told.update(encoding=self.encoding, encoded_length=len(self.stored))
        return told


class Leaf:
    """One revision with its content. `path` runs from itself to the root."""

    def __init__(self, position, path, deleted, body, attachments):
        self.position, self.path, self.deleted = position, path, deleted
        self.body, self.attachments = body, attachments

    @property
    def rev(self):
        return '%d-%s' % (self.position, self.path[0])

    def revisions(self):
        """Every revision on the path, itself first."""
        return ['%d-%s' % (self.position - i, name) for i, name in enumerate(self.path)]

    def rank(self):
        return (not self.deleted, self.position, self.path[0])


class Document:
    def __init__(self):
        self.leaves = {}   # rev -> Leaf
        self.old = {}      # rev -> Leaf that has descendants by now

    def ranked(self):
        return sorted(self.leaves.values(), key=Leaf.rank, reverse=True)

    def winner(self):
        return self.ranked()[0]

    def known(self):
        return {rev for leaf in self.leaves.values() for rev in leaf.revisions()}

    def find(self, rev):
        return self.leaves.get(rev) or self.old.get(rev)

    def add(self, leaf, revs_limit):
        """Puts a leaf in its place in the tree. FALSE when that revision was there already."""
        if leaf.rev in self.known():
            return False
        holders = {rev: other for other in self.leaves.values() for rev in other.revisions()}
        own = leaf.revisions()
        for place, ancestor in enumerate(own[1:], 1):
            other = holders.get(ancestor)
            if other:
                leaf.path = leaf.path[:place] + other.path[other.revisions().index(ancestor):]
                if ancestor == other.rev:
                    self.old[other.rev] = self.leaves.pop(other.rev)
                break
        self._store(leaf, revs_limit)
        return True

    def _store(self, leaf, revs_limit):
        self.leaves[leaf.rev] = leaf
        for each in self.leaves.values():  # every write cuts the whole tree, not the new branch only
            each.path = each.path[:revs_limit]


class Shard:
    def __init__(self, first, last):
        self.range = '%08x-%08x' % (first, last)
        self.first, self.last = first, last
        self.documents, self.local = {}, {}
        self.designs = {}  # those of the documents
        self.changed = {}  # id -> sequence of its latest change, oldest first
        self.sequence = 0
        self.file = secrets.token_hex(8)  # what a sequence of another file begins from zero by

    def touch(self, id):
        self.sequence += 1
        self.changed.pop(id, None)
        self.changed[id] = self.sequence

    def save(self):
        return copy.deepcopy(self.__dict__)

    def roll_back(self, saved):
        """As if an older copy of the shard's file had been put back."""
        self.__dict__.update(copy.deepcopy(saved))


class Database:
    def __init__(self, name, q=2, partitioned=False):
        self.name, self.q, self.n, self.partitioned = name, q, 1, partitioned
        edges = [(i << 32) // q for i in range(q + 1)]
        self.shards = [Shard(edges[i], edges[i + 1] - 1) for i in range(q)]
        self.security = '{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}'
        self.revs_limit = 1000
        self.purged = []   # (id, [rev…]) in order
        self.created = str(int(time.time()))

    def shard(self, id):
        place = zlib.crc32(rawjson.encode(id))
        return next(s for s in self.shards if s.first <= place <= s.last)

    def document(self, id):
        return self.shard(id).documents.get(id)

    def all_ids(self):
        return sorted((id for s in self.shards for id in s.documents), key=rawjson.encode)

    def save(self):
        return [s.save() for s in self.shards]

    def roll_back(self, saved):
        for shard, old in zip(self.shards, saved):
            shard.roll_back(old)

    # ---- sequences ----

    def move(self):
        """What a new _security or _revs_limit does to the sequence: it moves, and no row comes."""
        for shard in self.shards:
            shard.sequence += 1

    def seq(self, numbers=None):
        numbers = numbers or [s.sequence for s in self.shards]
        packed = base64.urlsafe_b64encode(json.dumps([[s.file for s in self.shards], numbers]).encode()).decode().rstrip('=')
        return '%d-%s' % (sum(numbers), packed)

    def parse_seq(self, text):
        if text in (None, '', '0', 0):
            return [0] * self.q
        try:
            packed = text.split('-', 1)[1]
            files, numbers = json.loads(base64.urlsafe_b64decode(packed + '=' * (-len(packed) % 4)))
        except Exception:
            raise Refused(400, 'bad_request', 'Malformed sequence supplied in \'since\' parameter.') from None
        return [number if shard.file == file else 0 for shard, file, number in zip(self.shards, files, numbers)] \
            if len(numbers) == self.q else [0] * self.q

    def changes(self, since):
        """(id, sequence then) for what changed, shard by shard as the real thing interleaves it: any order."""
        numbers = list(self.parse_seq(since))
        rows = []
        for i, shard in enumerate(self.shards):
            for id, number in shard.changed.items():
                if number > numbers[i] and id in shard.documents:
                    rows.append((i, id, number))
        for i, id, number in rows:
            numbers[i] = number
            yield id, self.seq(list(numbers))

    # ---- writing ----

    def put(self, raw, new_edits=True, follows=None):
        """Writes one document; the new revision's text, or Refused. `follows` gives attachments' stored bytes."""
        body, special = rawjson.body_and_special(raw)
        for name in [name for name in special if name.startswith('_replication_')]:
            body.append((name, special.pop(name)))  # the replicator's own members count as the document's
        for name in special:
            if name not in ('_id', '_rev', '_revisions', '_deleted', '_attachments', '_local_seq', '_conflicts'):
                raise Refused(400, 'doc_validation', 'Bad special document member: %s' % name)
        id = json.loads(special['_id'], strict=False)
        if not isinstance(id, str) or not id:
            raise Refused(400, 'illegal_docid', 'Document id must not be empty')
        if id.startswith('_') and not id.startswith(('_design/', '_local/')):
            raise Refused(400, 'illegal_docid', 'Only reserved document ids may start with underscore.')
        if id.startswith('_local/'):
            return self.put_local(id, body, special)
        self._validate(id)
        shard = self.shard(id)
        document = shard.documents.get(id) or Document()
        deleted = special.get('_deleted') == 'true'
        if new_edits:
            position, path = self._next_revision(document, body, special, deleted)
        else:
            position, path = self._given_revision(special)
        leaf = Leaf(position, path, deleted, body, {})
        if leaf.rev not in document.known():
            if self.name == '_users' and not new_edits and not deleted:
                self._validate_account(document, leaf)
            leaf.attachments = self._attachments(document, leaf, special, follows)
        if document.add(leaf, self.revs_limit):
            shard.documents[id] = document
            if id.startswith('_design/'):
                shard.designs[id] = document
            shard.touch(id)
        return leaf.rev

    def _validate(self, id):
        """Validators see every write but a design document's; replicated ones too."""
        for shard in self.shards if not id.startswith('_design/') else ():
            for other, document in shard.designs.items():
                winner = document.winner()
                if not winner.deleted:
                    function = json.loads(dict(winner.body).get('validate_doc_update', '""'))
                    if FORBIDS_ALL.match(function):
                        raise Refused(403, 'forbidden', 'the validator of %s' % other)

    @staticmethod
    def _validate_account(document, leaf):
        """CouchDB's own validator is shown the newest ancestor that is here; a deleted one only where the write is replicated."""
        before = next(filter(None, map(document.find, leaf.revisions()[1:])), None)
        if before and dict(before.body).get('name') != dict(leaf.body).get('name'):
            raise Refused(403, 'forbidden', 'Usernames can not be changed.')

    def _next_revision(self, document, body, special, deleted):
        given = json.loads(special.get('_rev', 'null'))
        winner = document.winner() if document.leaves else None
        parent = document.leaves.get(given) if given else (winner if winner and winner.deleted else None)
        if (given and not parent) or (not given and winner and not winner.deleted):
            raise Refused(409, 'conflict', 'Document update conflict.')
        seed = rawjson.encode('%s%s%s%s' % (parent and parent.rev, deleted, rawjson.build(body), special.get('_attachments')))
        path = [hashlib.md5(seed).hexdigest()] + (parent.path if parent else [])
        return (parent.position + 1 if parent else 1), path

    def _given_revision(self, special):
        try:
            position, name = json.loads(special.get('_rev', '""')).split('-', 1)
            position = int(position)
        except ValueError:
            raise Refused(400, 'bad_request', 'Invalid rev format') from None
        path = [name]
        if '_revisions' in special:
            told = json.loads(special['_revisions'])
            position, path = told['start'], told['ids']
            if path[0] != name:
                raise Refused(400, 'doc_validation', 'RevId isn\'t in _revisions')
        return position, path

    def _attachments(self, document, leaf, special, follows):
        made = {}
        for name, raw in rawjson.members(special.get('_attachments', '{}')):
            told = json.loads(raw)
            content_type = told.get('content_type', 'application/octet-stream')
            revpos = told.get('revpos', leaf.position if 'stub' not in told else 0)
            if told.get('stub'):
                made[name] = self._from_ancestor(document, leaf, name, told)
            elif told.get('follows'):
                stored = follows(told.get('encoded_length', told.get('length')))
                if told.get('encoding'):
                    made[name] = Attachment(content_type, stored, told['encoding'], told['length'], revpos)
                else:
                    made[name] = Attachment.of_plain(content_type, stored, revpos)
            else:
                made[name] = Attachment.of_plain(content_type, base64.b64decode(told['data']), revpos)
            if 'digest' in told and told['digest'] != made[name].digest and told.get('encoding'):
                raise Refused(412, 'content_md5_mismatch', 'Possible message corruption.')
        return made

    def _from_ancestor(self, document, leaf, name, told):
        for rev in leaf.revisions():
            ancestor = document.find(rev)
            if ancestor and name in ancestor.attachments:
                found = ancestor.attachments[name]
                if 'digest' not in told or told['digest'] == found.digest:
                    return found
        raise Refused(412, 'missing_stub', 'Invalid attachment stub in %s for %s' % ('document', name))

    def put_local(self, id, body, special):
        shard = self.shard(id)
        number = int(shard.local.get(id, ('0-0', ''))[0].split('-')[1]) + 1
        shard.local[id] = ('0-%d' % number, rawjson.build(body))
        if special.get('_deleted') == 'true':
            del shard.local[id]
        return '0-%d' % number

    def local_text(self, id):
        rev, body = self.shard(id).local[id]
        return rawjson.build([('_id', rawjson.string(id)), ('_rev', '"%s"' % rev)] + rawjson.members(body))

    def purge(self, id, revs):
        shard = self.shard(id)
        document = shard.documents.get(id)
        gone = [rev for rev in revs if document and document.leaves.pop(rev, None)]
        if gone:
            self.purged.append((id, gone))
            shard.touch(id)
            if not document.leaves:
                del shard.documents[id]
                shard.designs.pop(id, None)
        return gone

    # ---- telling ----

    def text(self, id, leaf, revs=False, attachments=None, encoding_info=False):
        """A document's JSON. `attachments`: None for stubs, 'follows' or 'data'."""
        pairs = [('_id', rawjson.string(id)), ('_rev', rawjson.string(leaf.rev))] + leaf.body
        if leaf.deleted:
            pairs.append(('_deleted', 'true'))
        if revs:
            told = {'start': leaf.position, 'ids': leaf.path[:self.revs_limit]}  # longer ones are kept, and not told
            pairs.append(('_revisions', json.dumps(told, separators=(',', ':'))))
        if leaf.attachments:
            how = {'follows': lambda a: {'follows': True},
                   'data': lambda a: {'data': base64.b64encode(a.plain()).decode()}}.get(
                       attachments, lambda a: {'stub': True})
            told = {name: a.describe(encoding_info, **how(a)) for name, a in leaf.attachments.items()}
            pairs.append(('_attachments', json.dumps(told, separators=(',', ':'), ensure_ascii=False)))
        return rawjson.build(pairs)

    def info(self):
        winners = [d.winner() for s in self.shards for d in s.documents.values()]
        return {'instance_start_time': self.created, 'db_name': self.name,
                'purge_seq': '%d-%s' % (len(self.purged), 'p'), 'update_seq': self.seq(),
                'sizes': {'file': 1, 'external': 1, 'active': 1},
                'props': {'partitioned': True} if self.partitioned else {},
                'doc_del_count': sum(w.deleted for w in winners),
                'doc_count': sum(not w.deleted for w in winners), 'disk_format_version': 8,
                'compact_running': False, 'cluster': {'q': self.q, 'n': self.n, 'w': 1, 'r': 1}}
