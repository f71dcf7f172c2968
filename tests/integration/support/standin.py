"""A stand-in for CouchDB 3: the part of its HTTP interface that Lifeboat and these tests use, in memory.

It answers as CouchDB 3.4 was seen to answer, down to the shape of its multipart bodies. Unlike the real one it can be
told to do what servers do only on bad days: `server.databases[name].shards[0].roll_back(saved)`. The same tests run
against a real CouchDB when LIFEBOAT_TEST_COUCHDB is set, which keeps this file honest.
"""

import base64
import contextlib
import json
import re
import secrets
import socket
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import rawjson, standin_session
from .standin_store import Database, Refused

ADMIN = ('admin', 'pass')
HOST = '127.0.0.1'  # that it listens at
NODE = 'standin@127.0.0.1'
HASHED = {}  # the passwords behind the hashes of all stand-ins
NAME = re.compile(r'^(_users|_replicator|_global_changes|[a-z][a-z0-9_$()+/-]*)$')


class QuietServer(ThreadingHTTPServer):
    """Says nothing when a client hangs up: here they do it on purpose."""

    daemon_threads = True

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, address)


class Standin:
    """The server. Starts on a free port, or on the one given; `stop` and `start` keep the data, as a restart does."""

    def __init__(self, q=2):
        self.q = q
        self.port = 0
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)  # something was written
        self.connections = set()
        self.users = {ADMIN[0]: ADMIN[1]}
        self.read_only = set()  # names of users who may not write
        self.requests = []      # (method, path) of every request
        self.max_document_size = 8000000
        self.version = '3.4.3'
        self.any_name = False   # of databases, as some servers allow that are not CouchDB
        self.wipe()

    def wipe(self):
        """A new, empty machine."""
        self.databases = {name: Database(name, self.q) for name in ('_users', '_replicator')}
        salt = secrets.token_hex(16)
        self.config = {
            'couchdb': {'uuid': secrets.token_hex(16), 'max_document_size': str(self.max_document_size)},
            'chttpd': {'bind_address': '127.0.0.1'},
            'chttpd_auth': {'secret': secrets.token_hex(16), 'hash_algorithms': 'sha256, sha', 'timeout': '600'},
            'admins': {'admin': '-pbkdf2:sha256-%s,%s,600000' % (secrets.token_hex(32), salt)},
            'cluster': {'q': str(self.q), 'n': '1'}}
        HASHED[self.config['admins']['admin']] = ADMIN[1]
        self.peers = {}  # further nodes of the cluster: name -> configuration, or None for one that is down

    def start(self):
        standin = self
        self.running = True

        class Handler(_Handler):
            server_state = standin

        self.http = QuietServer((HOST, self.port), Handler)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
        with self.changed:
            self.running = False
            self.changed.notify_all()
            for connection in list(self.connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self):
        return 'http://%s:%s@127.0.0.1:%d' % (*ADMIN, self.port)


class Feed(Exception):
    """Not an answer but a stream of lines: each call of `more`, under the lock, gives those that are new, or None at the end."""

    def __init__(self, more, heartbeat):
        super().__init__()
        self.more, self.heartbeat = more, heartbeat


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server_state = None

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server_state.connections.add(self.connection)

    def finish(self):
        self.server_state.connections.discard(self.connection)
        super().finish()

    # ---- taking a request ----

    def do(self):
        state = self.server_state
        split = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        self.parts = [urllib.parse.unquote(p, errors='surrogatepass') for p in split.path.split('/')[1:] if p != '']
        self.body = self._read_body()
        state.requests.append((self.command, self.path))
        try:
            with state.lock:
                try:
                    self._authenticate()
                    self._route()
                finally:
                    if self.command != 'GET':
                        state.changed.notify_all()
        except Feed as feed:
            self._feed(feed)
        except Refused as refused:
            self.answer(refused.status, refused.json())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except (KeyError, ValueError, IndexError, TypeError) as error:
            self.answer(400, json.dumps({'error': 'bad_request', 'reason': repr(error)}))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do

    def _read_body(self):
        if self.headers.get('Expect', '').lower() == '100-continue':
            pass  # http.server has answered it already
        if self.headers.get('Transfer-Encoding', '').lower() == 'chunked':
            body = b''
            while True:
                size = int(self.rfile.readline().split(b';')[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def _authenticate(self):
        given = self.headers.get('Authorization', '')
        self.user, self.by = self._session_user(), 'cookie'
        if self.user is None and given.startswith('Basic '):
            name, _, password = base64.b64decode(given[6:]).decode().partition(':')
            self.user, self.by = self._known(name, password), 'default'
        elif self.user is None and self.parts not in ([], ['_up'], ['_session']):
            raise Refused(401, 'unauthorized', 'You are not a server admin.')
        harmless = self.command in ('GET', 'HEAD') or (self.parts[-1:] and self.parts[-1] in (
            '_bulk_get', '_changes', '_dbs_info', '_revs_diff', '_all_docs', '_missing_revs'))
        if self.user in self.server_state.read_only and not harmless:
            raise Refused(403, 'forbidden', 'You are not allowed to write here.')

    def _known(self, name, password):
        if password is None or self.server_state.users.get(name) != password:
            raise Refused(401, 'unauthorized', 'Name or password is incorrect.')
        return name

    def _session_user(self):
        try:
            user = standin_session.user(self.server_state.config, self.headers.get('Cookie', ''))
        except ValueError:
            raise Refused(400, 'bad_request', 'Malformed AuthSession cookie. Please clear your cookies.') from None
        return user if user in self.server_state.users else None

    # ---- answering ----

    def answer(self, status, text, headers=()):
        data = rawjson.encode(text + '\n') if isinstance(text, str) else text
        self.send_response(status)
        names = [name for name, _ in headers]
        if 'Content-Type' not in names:
            self.send_header('Content-Type', 'application/json')
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)
        self.wfile.flush()

    def json(self, value, status=200):
        self.answer(status, json.dumps(value, separators=(',', ':')))

    def chunked_begin(self, content_type):
        self.send_response(200)
        self.send_header('Content-Type', content_type)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        self.wfile.flush()

    def chunked(self, content_type, pieces):
        self.chunked_begin(content_type)
        for piece in pieces:
            if piece:
                self.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece))
        self.wfile.write(b'0\r\n\r\n')
        self.wfile.flush()

    def _feed(self, feed):
        state = self.server_state
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.chunked_begin('application/json')
            while True:
                with state.changed:
                    lines = feed.more()
                    if lines == [] and state.running and not state.changed.wait(feed.heartbeat):
                        lines = ['']
                    if lines is None or not state.running:
                        return self.wfile.write(b'0\r\n\r\n')
                for line in lines:
                    data = rawjson.encode(line + '\n')
                    self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
                self.wfile.flush()

    def end_headers(self):
        if self.close_connection:  # as the client asked
            self.send_header('Connection', 'close')
        super().end_headers()

    def version_string(self):
        return 'CouchDB/%s (Erlang OTP/25)' % self.server_state.version

    def wants(self, content_type):
        return content_type in self.headers.get('Accept', '')

    def flag(self, name):
        return self.query.get(name) == 'true'

    # ---- the server ----

    def _route(self):
        state, parts = self.server_state, self.parts
        if not parts:
            return self.json({'couchdb': 'Welcome', 'version': state.version, 'git_sha': 'standin',
                              'uuid': state.config['couchdb']['uuid'], 'features': ['partitioned'],
                              'vendor': {'name': 'The Apache Software Foundation'}})
        if parts[0].startswith('_') and parts[0] not in state.databases and parts[0] not in ('_global_changes',):
            handler = getattr(self, 'server' + parts[0].replace('-', '_'), None)
            if handler:
                return handler()
        if len(parts) == 1:
            return self._database(parts[0])
        database = state.databases.get(parts[0])
        if not database:
            raise Refused(404, 'not_found', 'Database does not exist.')
        found = re.match(r'(/[^/?]+/_design)%2f', self.path, re.I)
        if found and self.command in ('GET', 'HEAD'):
            there = 'http://127.0.0.1:%d%s/%s' % (state.port, found[1], self.path[found.end():])
            return self.answer(301, b'', [('Location', there)])
        handler = getattr(self, 'database' + parts[1], None) if parts[1].startswith('_') else None
        if handler:
            return handler(database)
        if parts[1].startswith('_') and parts[1] not in ('_design', '_local'):
            raise Refused(404, 'not_found', 'missing')
        return self._document(database)

    def server_up(self):
        self.json({'status': 'ok', 'seeds': {}})

    def server_session(self):
        if self.command == 'POST':
            return self._log_in()
        info = {'authentication_handlers': ['cookie', 'default'], **({'authenticated': self.by} if self.user else {})}
        self.json({'ok': True, 'userCtx': {'name': self.user, 'roles': self._roles()}, 'info': info})

    def _roles(self):
        return ['_admin'] if self.user == 'admin' else []

    def _log_in(self):
        given = json.loads(self.body)
        self.user = self._known(given['name'], given['password'])
        told = json.dumps({'ok': True, 'name': self.user, 'roles': self._roles()}, separators=(',', ':'))
        self.answer(200, told, [('Set-Cookie', standin_session.make(self.server_state.config, self.user))])

    def server_all_dbs(self):
        self.json(sorted(self.server_state.databases, key=rawjson.encode))

    def heartbeat(self):
        return int(self.query.get('heartbeat', 60000)) / 1000

    def server_db_updates(self):
        state = self.server_state
        if '_global_changes' not in state.databases:
            raise Refused(404, 'not_found', 'Database does not exist.')
        if self.query.get('feed') != 'continuous' or self.query.get('since') != 'now':
            raise Refused(400, 'bad_request', 'only what Lifeboat asks')

        def stands():
            return {name: (found.created, found.seq()) for name, found in state.databases.items() if name != '_global_changes'}
        last = [stands()]

        def more():
            before, last[0] = last[0], stands()
            types = {name: 'created' if name not in before else 'deleted' if name not in last[0] else 'updated'
                     for name in {*before, *last[0]} if before.get(name) != last[0].get(name)}
            return ['{"db_name":%s,"type":"%s","seq":null}' % (rawjson.string(name), kind) for name, kind in types.items()]
        raise Feed(more, self.heartbeat())

    def server_dbs_info(self):
        databases = self.server_state.databases
        keys = json.loads(self.body)['keys'] if self.body else sorted(databases)
        self.json([{'key': k, 'info': databases[k].info()} if k in databases else {'key': k, 'error': 'not_found'}
                   for k in keys])

    def server_membership(self):
        peers = self.server_state.peers
        up = [NODE, *(name for name in peers if peers[name] is not None)]
        self.json({'all_nodes': up, 'cluster_nodes': [NODE, *peers]})

    def server_node(self):
        state = self.server_state
        if self.user in state.read_only:
            raise Refused(401, 'unauthorized', 'You are not a server admin.')
        own = self.parts[1] in ('_local', NODE)
        config = state.config if own else state.peers.get(self.parts[1])
        if config is None:
            raise Refused(404, 'not_found', 'no such node: ' + self.parts[1])
        if len(self.parts) == 2:
            return self.json({'name': NODE if own else self.parts[1]})
        if self.parts[2:3] == ['_versions']:
            return self.json({'erlang': {'version': '25.2.3', 'supported_hashes': ['sha256', 'sha']}})
        if self.parts[2:3] != ['_config']:
            raise Refused(404, 'not_found', 'missing')
        place = self.parts[3:]
        if self.command == 'PUT':
            section = config.setdefault(place[0], {})
            old, section[place[1]] = section.get(place[1], ''), json.loads(self.body)
            if own and place[0] == 'admins' and old != section[place[1]]:
                state.users[place[1]] = HASHED.get(section[place[1]])  # one of elsewhere nobody here knows
            return self.json(old)
        value = config
        for name in place:
            if name not in value:
                raise Refused(404, 'not_found', 'unknown_config_value')
            value = value[name]
        self.json(value)

    # ---- a database ----

    def _database(self, name):
        databases = self.server_state.databases
        if self.command == 'PUT':
            if not self.server_state.any_name and not NAME.match(name):
                raise Refused(400, 'illegal_database_name', 'Name: \'%s\'.' % name)
            if name in databases:
                raise Refused(412, 'file_exists', 'The database could not be created, the file already exists.')
            databases[name] = Database(name, int(self.query.get('q', self.server_state.q)), self.flag('partitioned'))
            return self.json({'ok': True}, 201)
        if name not in databases:
            raise Refused(404, 'not_found', 'Database does not exist.')
        if self.command == 'DELETE':
            del databases[name]
            return self.json({'ok': True})
        if self.command == 'POST':
            raw = rawjson.decode(self.body)
            if rawjson.member(raw, '_id') is None:
                raw = rawjson.build([('_id', '"%s"' % secrets.token_hex(16))] + rawjson.members(raw))
            rev = databases[name].put(raw)
            return self.json({'ok': True, 'id': json.loads(rawjson.member(raw, '_id')), 'rev': rev}, 201)
        self.json(databases[name].info())

    def database_security(self, database):
        if self.command == 'PUT':
            if database.name == '_users':
                raise Refused(403, 'forbidden', 'Administration of _users security is disabled.')
            database.security = rawjson.decode(self.body)
            database.move()
            return self.json({'ok': True})
        self.answer(200, database.security)

    def database_revs_limit(self, database):
        if self.command == 'PUT':
            database.revs_limit = int(self.body)
            database.move()
            return self.json({'ok': True})
        self.json(database.revs_limit)

    def database_purged_infos_limit(self, database):
        self.json(1000)

    def database_ensure_full_commit(self, database):
        self.json({'ok': True, 'instance_start_time': database.created}, 201)

    def database_shards(self, database):
        if len(self.parts) > 2:
            shard = database.shard('/'.join(self.parts[2:]))
            return self.json({'range': shard.range, 'nodes': [NODE]})
        self.json({'shards': {s.range: [NODE] for s in database.shards}})

    def database_purge(self, database):
        done = {id: database.purge(id, revs) for id, revs in json.loads(self.body).items()}
        self.json({'purge_seq': None, 'purged': done}, 201)

    def database_purged_infos(self, database):
        self.json({'purged_infos': [{'id': id, 'revs': revs} for id, revs in database.purged]})

    def database_local_docs(self, database):
        ids = sorted(id for s in database.shards for id in s.local)
        rows = ['{"id":%s,"key":%s,"value":{"rev":"%s"}%s}' % (
            rawjson.string(id), rawjson.string(id), database.shard(id).local[id][0],
            ',"doc":' + database.local_text(id) if self.flag('include_docs') else '') for id in ids]
        self.answer(200, '{"total_rows":null,"offset":null,"rows":[\n%s\n]}' % ',\n'.join(rows))

    def database_all_docs(self, database):
        keys = json.loads(self.body).get('keys') if self.body else None
        rows = []
        for id in keys if keys is not None else database.all_ids():
            found = database.document(id)
            if not found or (keys is None and found.winner().deleted):
                if keys is not None:
                    rows.append('{"key":%s,"error":"not_found"}' % rawjson.string(id))
                continue
            winner = found.winner()
            doc = ',"doc":' + database.text(id, winner) if self.flag('include_docs') else ''
            rows.append('{"id":%s,"key":%s,"value":{"rev":"%s"%s}%s}' % (
                rawjson.string(id), rawjson.string(id), winner.rev, ',"deleted":true' if winner.deleted else '', doc))
        self.answer(200, '{"total_rows":%d,"offset":0,"rows":[\n%s\n]}' % (len(rows), ',\n'.join(rows)))

    def database_changes(self, database):
        limit = int(self.query.get('limit', 1 << 60))
        interval = int(self.query.get('seq_interval', 1))
        all_leaves = self.query.get('style') == 'all_docs'
        since = database.seq() if self.query.get('since') == 'now' else self.query.get('since')
        if self.query.get('feed') == 'continuous':
            self._continuous_changes(database, since)
        wanted = json.loads(self.body)['doc_ids'] if self.query.get('filter') == '_doc_ids' else None
        rows, last, left = [], database.seq(), 0
        for number, (id, seq) in enumerate(database.changes(since), 1):
            if wanted is not None and id not in wanted:
                continue
            if len(rows) >= limit:
                left += 1
                continue
            leaves = database.document(id).ranked()
            told = '"%s"' % seq if interval == 1 or number % interval == 0 else 'null'
            revs = ','.join('{"rev":"%s"}' % leaf.rev for leaf in (leaves if all_leaves else leaves[:1]))
            rows.append('{"seq":%s,"id":%s,"changes":[%s]%s%s}' % (
                told, rawjson.string(id), revs, ',"deleted":true' if leaves[0].deleted else '',
                ',"doc":' + database.text(id, leaves[0]) if self.flag('include_docs') else ''))
            last_row = seq
        if left:
            last = last_row
        pieces = [b'{"results":[\n'] + [rawjson.encode(row + (',\n' if i + 1 < len(rows) else '\n'))
                                        for i, row in enumerate(rows)]
        pieces.append(rawjson.encode('],\n"last_seq":"%s","pending":%d}\n' % (last, left)))
        self.chunked('application/json', pieces)

    def _continuous_changes(self, database, since):
        databases, last = self.server_state.databases, [since]

        def more():
            if databases.get(database.name) is not database:
                return None
            rows = [(id, seq) for id, seq in database.changes(last[0])]
            last[0] = database.seq()
            return ['{"seq":"%s","id":%s,"changes":[{"rev":"%s"}]}' % (seq, rawjson.string(id), database.document(id).winner().rev)
                    for id, seq in rows]
        raise Feed(more, self.heartbeat())

    def database_revs_diff(self, database):
        missing = {}
        for id, revs in json.loads(self.body).items():
            found = database.document(id)
            gone = [rev for rev in revs if not found or rev not in found.known()]
            if gone:
                missing[id] = {'missing': gone}
            below = [leaf.rev for leaf in found.leaves.values()
                     if any(leaf.position < int(rev.split('-')[0]) for rev in gone)] if found else []
            if below:
                missing[id]['possible_ancestors'] = below
        self.json(missing)

    def database_missing_revs(self, database):
        self.database_revs_diff(database)

    def database_bulk_docs(self, database):
        text = rawjson.decode(self.body)
        new_edits = rawjson.member(text, 'new_edits') != 'false'
        answers = []
        for raw in rawjson.elements(rawjson.member(text, 'docs')):
            if len(rawjson.encode(raw)) > self.server_state.max_document_size:
                raise Refused(413, 'document_too_large', str(rawjson.member(raw, '_id')))
            if rawjson.member(raw, '_id') is None:
                raw = rawjson.build([('_id', '"%s"' % secrets.token_hex(16))] + rawjson.members(raw))
            id = json.loads(rawjson.member(raw, '_id'))
            try:
                rev = database.put(raw, new_edits)
                if new_edits:
                    answers.append({'ok': True, 'id': id, 'rev': rev})
            except Refused as refused:
                if refused.status in (400, 412):
                    raise
                answers.append({'id': id, 'error': refused.error, 'reason': refused.reason})
        self.json(answers, 201)

    def database_bulk_get(self, database):
        found = []  # (id, leaf or None, rev)
        for asked in json.loads(self.body, strict=False)['docs']:
            document = database.document(asked['id'])
            rev = asked.get('rev')
            if not document:
                found.append((asked['id'], [(None, rev or 'undefined')]))
            elif rev:
                found.append((asked['id'], [(document.find(rev), rev)]))
            else:
                found.append((asked['id'], [(leaf, leaf.rev) for leaf in document.ranked()]))
        if self.wants('multipart/'):
            kind = 'mixed' if self.wants('multipart/mixed') else 'related'
            outer = '--' + secrets.token_hex(16)
            return self.chunked('multipart/%s; boundary="%s"' % (kind, outer), self._bulk_parts(database, found, outer))
        results = []
        for id, leaves in found:
            docs = []
            for leaf, rev in leaves:
                if leaf:
                    docs.append('{"ok":%s}' % self._text(database, id, leaf))
                else:
                    docs.append('{"error":%s}' % self._missing(id, rev))
            results.append('{"id":%s,"docs":[%s]}' % (rawjson.string(id), ','.join(docs)))
        self.answer(200, '{"results":[%s]}' % ','.join(results))

    def _missing(self, id, rev):
        return json.dumps({'rev': rev, 'reason': 'missing', 'id': id, 'error': 'not_found'}, separators=(',', ':'))

    def _text(self, database, id, leaf):
        how = 'data' if self.flag('attachments') else None
        return database.text(id, leaf, self.flag('revs'), how, self.flag('att_encoding_info'))

    def _bulk_parts(self, database, found, outer):
        for id, leaves in found:
            for leaf, rev in leaves:
                yield rawjson.encode('\r\n--%s' % outer)
                if not leaf:
                    yield rawjson.encode('\r\nContent-Type: application/json; error="true"\r\n\r\n%s'
                                         % self._missing(id, rev))
                elif not leaf.attachments or not self.flag('attachments'):
                    yield rawjson.encode('\r\nContent-Type: application/json\r\n\r\n')
                    yield rawjson.encode(database.text(id, leaf, self.flag('revs'), None, True))
                else:
                    inner = '--' + secrets.token_hex(16)
                    yield rawjson.encode('\r\nX-Doc-Id: %s' % id)
                    yield rawjson.encode('\r\nX-Rev-Id: %s' % leaf.rev)
                    yield rawjson.encode('\r\nContent-Type: multipart/related; boundary=%s\r\n\r\n' % inner)
                    yield from self._leaf_parts(database, id, leaf, inner)
        yield rawjson.encode('\r\n--%s--' % outer)

    def _leaf_parts(self, database, id, leaf, boundary):
        """A leaf with its attachments' stored bytes. Names stand unescaped in the headers, as CouchDB has it."""
        text = database.text(id, leaf, self.flag('revs'), 'follows', True)
        yield rawjson.encode('--%s\r\nContent-Type: application/json\r\n\r\n%s\r\n--%s' % (boundary, text, boundary))
        for name, attachment in leaf.attachments.items():
            yield rawjson.encode('\r\nContent-Disposition: attachment; filename="%s"' % name)
            yield rawjson.encode('\r\nContent-Type: %s\r\nContent-Length: %d' % (
                attachment.content_type, len(attachment.stored)))
            if attachment.encoding:
                yield rawjson.encode('\r\nContent-Encoding: %s' % attachment.encoding)
            yield b'\r\n\r\n'
            yield attachment.stored
            yield rawjson.encode('\r\n--%s' % boundary)
        yield b'--'

    # ---- a document ----

    def _document(self, database):
        depth = 3 if self.parts[1] in ('_design', '_local') else 2
        id = '/'.join(self.parts[1:depth])
        if len(self.parts) > depth:
            return self._attachment(database, id, '/'.join(self.parts[depth:]))
        if self.command in ('GET', 'HEAD'):
            return self._get(database, id)
        if self.command == 'DELETE':
            raw = rawjson.build([('_id', rawjson.string(id)), ('_rev', rawjson.string(self.query.get('rev', ''))),
                                 ('_deleted', 'true')])
            return self.json({'ok': True, 'id': id, 'rev': database.put(raw)})
        new_edits = self.query.get('new_edits') != 'false'
        follows = None
        raw = self.body
        if self.headers.get('Content-Type', '').startswith('multipart/related'):
            raw, follows = self._multipart()
        raw = rawjson.decode(raw)
        if len(rawjson.encode(raw)) > self.server_state.max_document_size:
            raise Refused(413, 'document_too_large', id)
        pairs = [(k, v) for k, v in rawjson.members(raw) if k != '_id']
        if 'rev' in self.query and '_rev' not in dict(pairs):
            pairs.append(('_rev', rawjson.string(self.query['rev'])))
        rev = database.put(rawjson.build([('_id', rawjson.string(id))] + pairs), new_edits, follows)
        self.json({'ok': True, 'id': id, 'rev': rev}, 201)

    def _multipart(self):
        """The JSON of a multipart PUT, and a function that gives the next so many stored bytes after it."""
        boundary = re.search(r'boundary="?([^";]+)', self.headers['Content-Type']).group(1).encode()
        start = self.body.index(b'\r\n\r\n') + 4
        end = self.body.index(b'\r\n--' + boundary, start)
        place = [end]

        def follows(length):
            at = self.body.index(b'\r\n\r\n', place[0]) + 4
            data = self.body[at:at + length]
            place[0] = at + length
            if self.body[place[0]:place[0] + len(boundary) + 4] != b'\r\n--' + boundary:
                raise Refused(400, 'bad_request', 'attachment does not have the length that was announced')
            return data
        return self.body[start:end], follows

    def _get(self, database, id):
        if id.startswith('_local/'):
            if id not in database.shard(id).local:
                raise Refused(404, 'not_found', 'missing')
            return self.answer(200, database.local_text(id))
        document = database.document(id)
        if 'open_revs' in self.query:
            return self._open_revs(database, id, document)
        if not document:
            raise Refused(404, 'not_found', 'missing')
        leaf = document.find(self.query['rev']) if 'rev' in self.query else document.winner()
        if not leaf or (leaf.deleted and 'rev' not in self.query):
            raise Refused(404, 'not_found', 'deleted' if leaf else 'missing')
        if self.flag('attachments') and leaf.attachments and not self.wants('application/json'):
            boundary = secrets.token_hex(16)
            return self.answer(200, b''.join(self._leaf_parts(database, id, leaf, boundary)),
                               [('Content-Type', 'multipart/related; boundary="%s"' % boundary)])
        text = self._text(database, id, leaf)
        others = [other.rev for other in document.ranked() if other is not leaf and not other.deleted]
        if self.flag('conflicts') and others:
            text = rawjson.build(rawjson.members(text) + [('_conflicts', json.dumps(others))])
        self.answer(200, text, [('ETag', '"%s"' % leaf.rev)])

    def _open_revs(self, database, id, document):
        if self.query['open_revs'] == 'all':
            if not document:
                raise Refused(404, 'not_found', 'missing')
            leaves = [(leaf, leaf.rev) for leaf in document.ranked()]
        else:
            leaves = [(document and document.find(rev), rev) for rev in json.loads(self.query['open_revs'])]
        if self.wants('application/json'):
            return self.answer(200, '[%s]' % ','.join(
                '{"ok":%s}' % self._text(database, id, leaf) if leaf else '{"missing":"%s"}' % rev
                for leaf, rev in leaves))
        outer = secrets.token_hex(16)
        pieces = []
        for leaf, rev in leaves:
            pieces.append(b'--%s\r\n' % outer.encode())
            if not leaf:
                pieces.append(b'Content-Type: application/json; error="true"\r\n\r\n{"missing":"%s"}\r\n' % rev.encode())
            elif leaf.attachments and self.flag('attachments'):
                inner = secrets.token_hex(16)
                pieces.append(b'Content-Type: multipart/related; boundary="%s"\r\n\r\n' % inner.encode())
                pieces += list(self._leaf_parts(database, id, leaf, inner)) + [b'\r\n']
            else:
                text = rawjson.encode(self._text(database, id, leaf))
                pieces.append(b'Content-Type: application/json\r\n\r\n%s\r\n' % text)
        pieces.append(b'--%s--' % outer.encode())
        self.chunked('multipart/mixed; boundary="%s"' % outer, pieces)

    def _attachment(self, database, id, name):
        document = database.document(id)
        if self.command == 'PUT':
            content_type = self.headers.get('Content-Type', 'application/octet-stream')
            pairs, attachments = [], []
            leaf = document and document.find(self.query.get('rev'))
            if leaf:
                pairs = leaf.body + [('_rev', rawjson.string(leaf.rev))]
                attachments = [(n, '{"stub":true,"content_type":%s}' % rawjson.string(a.content_type))
                               for n, a in leaf.attachments.items() if n != name]
            told = {'content_type': content_type, 'data': base64.b64encode(self.body).decode()}
            attachments.append((name, json.dumps(told)))
            rev = database.put(rawjson.build([('_id', rawjson.string(id))] + pairs
                                             + [('_attachments', rawjson.build(attachments))]))
            return self.json({'ok': True, 'id': id, 'rev': rev}, 201)
        leaf = document and (document.find(self.query['rev']) if 'rev' in self.query else document.winner())
        if not leaf or name not in leaf.attachments:
            raise Refused(404, 'not_found', 'Document is missing attachment')
        attachment = leaf.attachments[name]
        headers = [('Content-Type', attachment.content_type), ('ETag', '"%s"' % attachment.digest[4:])]
        if attachment.encoding and attachment.encoding in self.headers.get('Accept-Encoding', ''):
            return self.answer(200, attachment.stored, headers + [('Content-Encoding', attachment.encoding)])
        self.answer(200, attachment.plain(), headers)
