"""A small CouchDB client for tests: exact bytes in, exact bytes out, one connection a thread."""

import base64
import http.client
import json
import threading
import urllib.parse

from . import rawjson


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return rawjson.decode(self.body)

    def json(self):
        return json.loads(self.body)


class CouchError(Exception):
    def __init__(self, method, path, answer):
        super().__init__('%s %s: %d %s' % (method, path, answer.status, answer.body[:200]))
        self.status = answer.status


def quote(name):
    return urllib.parse.quote(name, safe='', errors='surrogatepass')


class Couch:
    """A server by its URL, credentials inside: http://admin:pass@127.0.0.1:5984"""

    def __init__(self, url):
        split = urllib.parse.urlsplit(url)
        self.url, self.host, self.port = url, split.hostname, split.port or 5984
        self.user = urllib.parse.unquote(split.username or '')
        self.password = urllib.parse.unquote(split.password or '')
        self.local = threading.local()

    @property
    def bare_url(self):
        return 'http://%s:%d' % (self.host, self.port)

    @property
    def authorization(self):
        return 'Basic ' + base64.b64encode(('%s:%s' % (self.user, self.password)).encode()).decode()

    def ask(self, method, path, body=None, headers=None, query=None, expect=None):
        """One request. `path` is quoted already. Raises CouchError unless 2xx, or unless the status is in `expect`."""
        if query:
            path += '?' + urllib.parse.urlencode(query)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = rawjson.encode(body)
        sent = {'Content-Type': 'application/json', 'Accept': 'application/json'}
        if self.user:
            sent['Authorization'] = self.authorization
        sent.update(headers or {})
        for attempt in (1, 2):
            connection = getattr(self.local, 'connection', None)
            if not connection:
                connection = self.local.connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
            try:
                connection.request(method, path, body, sent)
                response = connection.getresponse()
                answer = Answer(response.status, response.headers, response.read())
                break
            except (http.client.HTTPException, ConnectionError):
                self.close()
                if attempt == 2:
                    raise
        if answer.status not in (expect or range(200, 300)):
            raise CouchError(method, path, answer)
        return answer

    def close(self):
        connection = getattr(self.local, 'connection', None)
        if connection:
            connection.close()
            self.local.connection = None

    def get(self, path, **query):
        return self.ask('GET', path, query=query).json()

    # ---- the server ----

    def is_npm(self):
        return 'express-pouchdb' in self.get('/')

    def databases(self):
        return self.get('/_all_dbs')

    # ---- a database ----

    def create(self, name, **query):
        self.ask('PUT', '/' + quote(name), query=query)
        return name

    def delete(self, name):
        self.ask('DELETE', '/' + quote(name), expect=(200, 202, 404))

    def exists(self, name):
        return self.ask('GET', '/' + quote(name), expect=(200, 404)).status == 200

    def info(self, name):
        return self.get('/' + quote(name))

    def set_security(self, name, security):
        self.ask('PUT', '/%s/_security' % quote(name), security)

    def set_revs_limit(self, name, limit):
        self.ask('PUT', '/%s/_revs_limit' % quote(name), str(limit))

    def changes(self, name, **query):
        return self.get('/%s/_changes' % quote(name), **{'style': 'all_docs', **query})

    def leaf_sets(self, name):
        return {row['id']: {c['rev'] for c in row['changes']} for row in self.changes(name)['results']}

    def purge(self, name, id, revs):
        self.ask('POST', '/%s/_purge' % quote(name), {id: revs})

    # ---- documents ----

    @staticmethod
    def path(name, id):
        kind, slash, rest = id.partition('/')
        if slash and kind in ('_design', '_local'):
            return '/%s/%s/%s' % (quote(name), kind, quote(rest))
        return '/%s/%s' % (quote(name), quote(id))

    def put(self, name, document):
        """A new revision of a document, given as a dictionary or as raw text; returns its revision."""
        raw = document if isinstance(document, str) else json.dumps(document)
        id = json.loads(rawjson.member(raw, '_id'), strict=False)
        return self.ask('PUT', self.path(name, id), raw).json()['rev']

    def bulk(self, name, documents, new_edits=True):
        """Many documents, each a dictionary or raw text. Fails on the first one that was refused."""
        raws = [d if isinstance(d, str) else json.dumps(d) for d in documents]
        body = '{%s"docs":[%s]}' % ('' if new_edits else '"new_edits":false,', ','.join(raws))
        refused = [row for row in self.ask('POST', '/%s/_bulk_docs' % quote(name), body).json() if 'error' in row]
        if refused:
            raise AssertionError('refused: %s' % refused[:3])

    def remove(self, name, id, **members):
        """Deletes a document, leaving these members in the tombstone."""
        rev = self.get(self.path(name, id))['_rev']
        return self.put(name, {'_id': id, '_rev': rev, '_deleted': True, **members})

    def attach(self, name, id, rev, attachment, data, content_type):
        query = {'rev': rev} if rev else None
        return self.ask('PUT', '%s/%s' % (self.path(name, id), quote(attachment)), data,
                        {'Content-Type': content_type}, query).json()['rev']

    def leaves(self, name, id):
        """Every leaf's raw text, with revision path and attachment stubs."""
        answer = self.ask('GET', self.path(name, id), query={
            'open_revs': 'all', 'revs': 'true', 'att_encoding_info': 'true'})
        return [rawjson.member(row, 'ok') for row in rawjson.elements(answer.text)]

    def attachment(self, name, id, rev, attachment):
        """Stored bytes and the encoding they are in, or None."""
        answer = self.ask('GET', '%s/%s' % (self.path(name, id), quote(attachment)), query={'rev': rev},
                          headers={'Accept-Encoding': 'gzip', 'Accept': '*/*'})
        return answer.body, answer.headers.get('Content-Encoding')

    def local_documents(self, name):
        """Raw text of every _local document by id."""
        answer = self.ask('GET', '/%s/_local_docs' % quote(name), query={'include_docs': 'true'}, expect=(200, 404))
        if answer.status == 404:
            return {}
        rows = rawjson.elements(rawjson.member(answer.text, 'rows'))
        return {json.loads(rawjson.member(row, 'id')): rawjson.member(row, 'doc') for row in rows}
