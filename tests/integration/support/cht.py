"""Data in the shape that the Community Health Toolkit has it: contacts, reports, forms, users, one meta database a user.

`fill` writes a small clinic to a server and returns the names of its databases. All is made from a seed, so that two
servers can be given the same. `odd` is what no well-behaved application writes, and CouchDB takes.
"""

import base64
import json
import random
import struct
import zlib

DATABASES = ('medic', 'medic-sentinel', 'medic-users-meta', 'medic-logs')
FORM = '<h:html xmlns="http://www.w3.org/2002/xforms"><h:head><h:title>%s</h:title></h:head>' + '<p>?</p>' * 300


class Clinic:
    """Writes a clinic into `couch`; `prefix` keeps tests apart that share a server."""

    def __init__(self, couch, prefix='', seed=1, people=40, users=('anna', 'bo')):
        self.couch, self.prefix, self.people, self.users = couch, prefix, people, users
        self.random = random.Random(seed)
        self.npm = couch.is_npm()

    def name(self, database):
        return self.prefix + database

    @property
    def databases(self):
        return [self.name(d) for d in DATABASES] + [self.name('medic-user-%s-meta' % u) for u in self.users]

    def uuid(self):
        return '%032x' % self.random.getrandbits(128)

    def fill(self):
        for database in self.databases:
            self.couch.create(database)
            self.couch.set_security(database, {'admins': {'names': [], 'roles': []},
                                               'members': {'names': [], 'roles': ['medic-access']}})
        self.design_documents()
        self.contacts()
        self.reports()
        self.forms()
        self.conflicts()
        self.deletions()
        self.meta()
        return self.databases

    def design_documents(self):
        views = {'contacts_by_type': {'map': 'function(doc) {\n  emit([doc.type], null); // "é"\n}'}}
        self.couch.put(self.name('medic'), {'_id': '_design/medic', 'views': views})
        self.couch.put(self.name('medic'), {
            '_id': '_design/medic-client', 'language': 'javascript',
            'validate_doc_update': 'function(newDoc) { if (newDoc.forbidden_by_design) throw({forbidden: "no"}); }'})

    def contacts(self):
        area = {'_id': self.uuid(), 'type': 'health_center', 'name': 'Zone Sud — Mbanza'}
        self.contact_ids = []
        documents = [area]
        for number in range(self.people):
            id = self.uuid()
            self.contact_ids.append(id)
            documents.append({
                '_id': id, 'type': 'person', 'name': self.random.choice(['Awa', 'Björn', '花子', 'Ñandú']) + ' %d' % number,
                'phone': '+2557%08d' % number, 'date_of_birth': '19%02d-02-03' % (number % 100),
                'reported_date': 1700000000000 + number, 'parent': {'_id': area['_id']}})
        self.couch.bulk(self.name('medic'), documents)

    def reports(self):
        self.report_ids = [self.uuid() for _ in range(self.people * 2)]
        self.couch.bulk(self.name('medic'), [self.report(id) for id in self.report_ids])

    def report(self, id):
        return {'_id': id, 'type': 'data_record', 'form': self.random.choice(['pregnancy', 'delivery', 'assessment']),
                'fields': {'patient_id': self.random.choice(self.contact_ids), 'weight': self.random.random() * 90,
                           'danger_signs': self.random.sample(['fever', 'bleeding', 'convulsions'], 2),
                           'note': 'té "quoted" \\ back\nslash ' + 'x' * self.random.randrange(300)},
                'reported_date': 1710000000000 + self.random.randrange(10 ** 9), 'geolocation': {'latitude': -6.5}}

    def forms(self):
        for form in ('pregnancy', 'delivery'):
            self.couch.put(self.name('medic'), {
                '_id': 'form:' + form, 'type': 'form', 'title': form, '_attachments': {
                    'xml': {'content_type': 'application/xml', 'data': in_base64(FORM % form)},
                    'model.xml': {'content_type': 'application/xml', 'data': in_base64('<model>%s</model>' % form)}}})
        self.couch.put(self.name('medic'), {
            '_id': 'resources', 'resources': {'icon': 'icon.png'}, '_attachments': {
                'icon.png': {'content_type': 'image/png', 'data': in_base64(picture(self.random))},
                'empty': {'content_type': 'application/octet-stream', 'data': ''}}})

    def conflicts(self):
        """Three leaves: two that contend and a deleted one, with revision paths of their own."""
        id = self.conflict_id = 'conflict-' + self.uuid()
        self.couch.bulk(self.name('medic'), [
            revision(id, 1, ['a1' * 16], type='person', name='first'),
            revision(id, 3, ['c3' * 16, 'b2' * 16, 'a1' * 16], type='person', name='tablet'),
            revision(id, 3, ['d3' * 16, 'b9' * 16, 'a1' * 16], type='person', name='phone'),
            revision(id, 2, ['e2' * 16, 'a1' * 16], _deleted=True, why='merged')], new_edits=False)

    def deletions(self):
        gone = self.deleted_id = self.report_ids.pop()
        self.couch.remove(self.name('medic'), gone, type='data_record', deleted_by='anna', reason='wrong patient')

    def meta(self):
        for user in self.users:
            self.couch.put(self.name('medic-user-%s-meta' % user), {'_id': 'feedback-2026-11-22', 'user': user})
        self.couch.put(self.name('medic-sentinel'), {'_id': self.contact_ids[0] + '-info', 'transitions': {'x': {'ok': True}}})
        if not self.npm:
            self.couch.put(self.name('medic-sentinel'), {'_id': '_local/transitions-seq', 'value': '123-g1AAAA'})
            self.couch.put(self.name('medic'), {'_id': '_local/checkpoint', 'session_id': 'x', 'history': []})

    def change(self):
        """A day's work: new reports, a changed contact, a deleted report, a form with a new attachment."""
        medic = self.name('medic')
        new = [self.uuid() for _ in range(5)]
        self.couch.bulk(medic, [self.report(id) for id in new])
        changed = self.couch.get(self.couch.path(medic, self.contact_ids[3]))
        changed['phone'] = '+255999'
        self.couch.put(medic, changed)
        gone = self.report_ids.pop()
        self.report_ids[:0] = new
        self.couch.remove(medic, gone, reason='duplicate')
        form = self.couch.get(self.couch.path(medic, 'form:delivery'))
        self.couch.attach(medic, 'form:delivery', form['_rev'], 'media/leaf.png', picture(self.random), 'image/png')
        return set(new) | {self.contact_ids[3], gone, 'form:delivery'}


def revision(id, position, path, **members):
    return dict(members, _id=id, _rev='%d-%s' % (position, path[0]), _revisions={'start': position, 'ids': path})


def in_base64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def picture(source, size=40):
    """A PNG of noise, which nothing can compress."""
    rows = b''.join(b'\0' + source.randbytes(size * 3) for _ in range(size))

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', size, size, 8, 2, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


NUMBERS = ['123456789012345678901234567890', '-9223372036854775809', '1.0', '-0.0', '1e-7', '1E+2', '0.1e1',
           '9007199254740993', '1e308', '5e-324']


def odd():
    """Raw texts of documents that no well-behaved application writes."""
    named = lambda id, rest: '{"_id":%s%s}' % (json.dumps(id, ensure_ascii=False), rest)
    texts = [named('number-%d' % i, ',"n":%s,"in":[%s]' % (n, n)) for i, n in enumerate(NUMBERS)]
    texts += [
        named('slash/and?query=1&x#y', ',"v":1'), named('quote"and\\back', ',"v":2'), named("it's", ',"v":3'),
        named('control-\u0001-\u001f-\t-\n', ',"v":4'), named('日本語', ',"v":"テスト"'), named('x' * 300, ',"v":5'),
        named('%2F', ',"v":6'), named('a+b c', ',"v":7'), named('..', ',"v":8'), named('\U0001f600', ',"v":9'),
        named('ÿ', ',"v":10'), named('A', ',"v":11'), named('a', ',"v":12'), named('é', ',"nfc":1'), named('e\u0301', ',"nfd":1'),
        named('escapes', r',"a":"\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\\u0000","b":"é😀/"'),
        named('keys', ',"":1," ":2,"a.b":3,"A":4,"a":5,"\\u0061b":6,"constructor":7,"twice":1,"twice":2'),
        named('nested', ',"n":' + '[' * 200 + ']' * 200), named('objects', ',"n":' + '{"a":' * 200 + '1' + '}' * 200),
        named('empty', ''), named('long', ',"s":"%s"' % ('y' * 300000)),
        named('white', ' , "v" : [ 1 , 2 ] '), named('nulls', ',"a":null,"b":true,"c":false,"d":[],"e":{}')]
    return texts
