"""A database of any size in the shape that the Community Health Toolkit has it, on tests/integration's shapes.

Of the documents 20 % are persons and 77 % reports, with one to ten revisions each; 2 % carry an attachment (an XML
form, which CouchDB compresses, or a picture, which it does not), 1 % are deleted, 0.2 % in conflict. Ids are random,
and the documents arrive in an order that has nothing to do with them, as in life.
"""

import concurrent.futures
import contextlib
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'integration'))
from support.cht import Clinic, FORM, in_base64, picture  # noqa: E402
from support.couch import quote  # noqa: E402

BATCH = 1000
MARK = '_local/lifeboat-bench'  # what the database was filled with


class Collector(list):
    """Takes what Clinic would write."""

    def is_npm(self):
        return False

    def bulk(self, name, documents):
        self.extend(documents)


def documents(count, seed=1):
    """Yields `count` documents, and the second leaves of those in conflict."""
    made = Collector()
    clinic = Clinic(made, seed=seed, people=max(count // 5 - 1, 1))
    source = clinic.random
    clinic.contacts()
    source.shuffle(made)
    area, forms = clinic.uuid(), [FORM % 'form %d' % i + '<bind nodeset="/data/%d"/>' % i * 100 for i in range(20)]
    pictures = [picture(source, size) for size in range(60, 140, 4)]
    for number in range(count):
        if made and source.random() < 0.2:
            document = made.pop()
        else:
            document = clinic.report(clinic.uuid())
            document['contact'] = {'_id': source.choice(clinic.contact_ids), 'parent': {'_id': area, 'parent': {'_id': area}}}
            document['fields'].update({'visit_%d' % i: source.choice(['yes', 'no', '']) for i in range(12)})
        kind = source.random()
        if kind < 0.01:
            document['_attachments'] = {'content': {'content_type': 'application/xml', 'data': in_base64(
                source.choice(forms) + document['_id'])}}
        elif kind < 0.02:
            document['_attachments'] = {'photo.png': {'content_type': 'image/png', 'data': in_base64(
                source.choice(pictures) + bytes.fromhex(document['_id']))}}
        elif kind < 0.03:
            document = {'_id': document['_id'], '_deleted': True, 'type': 'data_record'}
        yield with_history(document, source)
        if 0.03 <= kind < 0.032:
            yield with_history(document, source)


def with_history(document, source):
    length = source.choice([1] * 6 + [2] * 2 + [3, 10])
    path = ['%032x' % source.getrandbits(128) for _ in range(length)]
    return dict(document, _rev='%d-%s' % (length, path[0]), _revisions={'start': length, 'ids': path})


def tiny(count, seed=1):
    source = random.Random(seed)
    for number in range(count):
        yield with_history({'_id': '%032x' % source.getrandbits(128), 'v': number}, source)


def fill(couch, name, q, made):
    """Makes the database, unless it is there already with just this content, and compacts it."""
    mark = '/%s/%s' % (quote(name), MARK)
    wanted = '%s %s' % (made.__name__, ' '.join(map(str, made.gi_frame.f_locals.values())))
    if couch.exists(name):
        answer = couch.ask('GET', mark, expect=(200, 404))
        if answer.status == 200 and answer.json().get('made') == wanted:
            return
    remake(couch, name, q)
    couch.put(name, {'_id': '_design/medic', 'views': {'by_type': {'map': 'function(doc) { emit(doc.type); }'}}})
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        under_way = set()
        batch = []
        for document in made:
            batch.append(document)
            if len(batch) == BATCH:
                under_way.add(pool.submit(couch.bulk, name, batch, False))
                batch = []
            if len(under_way) >= 6:
                done, under_way = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
                for one in done:
                    one.result()
        couch.bulk(name, batch, False)
        for one in under_way:
            one.result()
    compact(couch, name)
    couch.put(name, json.dumps({'_id': MARK, 'made': wanted}))


def remake(couch, name, q):
    """An empty database. One that was just deleted can stay for a moment."""
    couch.delete(name)
    while couch.ask('PUT', '/' + quote(name), query={'q': q}, expect=(201, 202, 412)).status == 412:
        time.sleep(0.1)


def compact(couch, name):
    """Now, so that CouchDB does not begin with it in the midst of a measurement."""
    couch.ask('POST', '/%s/_compact' % quote(name), '{}')
    quiet = 0
    while quiet < 5:
        time.sleep(0.2)
        quiet = 0 if couch.info(name)['compact_running'] else quiet + 1


def change(couch, name, ids, seed):
    """Writes new revisions of these documents."""
    for at in range(0, len(ids), BATCH):
        rows = couch.ask('POST', '/%s/_all_docs' % quote(name), {'keys': ids[at:at + BATCH]},
                         query={'include_docs': 'true'}).json()['rows']
        found = [row['doc'] for row in rows if row.get('doc')]
        for document in found:
            document['changed'] = seed
        couch.bulk(name, found)


def put_large(couch, name, size):
    """One document with one attachment of `size` bytes that nothing can compress."""
    block = random.Random(1).randbytes(1 << 20)

    def pieces():
        for at in range(0, size, len(block)):
            yield block[:min(len(block), size - at)]
    couch.ask('PUT', '/%s/large/%s' % (quote(name), 'film.bin'), pieces(),
              {'Content-Type': 'application/octet-stream', 'Content-Length': str(size)})
    couch.close()




@contextlib.contextmanager
def unlimited_attachments(couch):
    """CouchDB takes 1 GB by default."""
    path = '/_node/_local/_config/couchdb/max_attachment_size'
    before = couch.ask('GET', path, expect=(200, 404))
    couch.ask('PUT', path, '"infinity"')
    try:
        yield
    finally:
        if before.status == 200:
            couch.ask('PUT', path, before.body)
        else:
            couch.ask('DELETE', path)
