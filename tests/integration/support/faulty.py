"""A server that misbehaves on demand: a proxy in front of a good one.

    with Faulty(server.url) as proxy:
        proxy.on('GET', r'/medic/_changes', cut(0.5), times=1)
        …run against proxy.url…
        proxy.count('GET', '/medic/_changes')

Each rule spoils the requests that it matches, `times` times (None: always), after letting `after` of them pass. A fault is a function of an
Exchange: it may ask the good server, change the answer, send part of it, wait, or hang up. Every request is recorded.
"""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

from . import rawjson
from .standin import QuietServer

UNTIL_HANG_UP = 60  # seconds that a stalled answer waits at most


class Faulty:
    def __init__(self, url):
        split = urllib.parse.urlsplit(url)
        self.upstream = (split.hostname, split.port)
        self.credentials = split.netloc.rpartition('@')[0]
        self.rules, self.requests, self.lock = [], [], threading.Lock()
        self.cuts = []
        self.closing = threading.Event()
        self.arrived = threading.Condition(self.lock)
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self.http = QuietServer(('127.0.0.1', 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()

    @property
    def url(self):
        return 'http://%s@127.0.0.1:%d' % (self.credentials, self.port)

    def on(self, method, path, fault, times=1, after=0):
        """`path`: a regular expression over the path with its query. Returns the fault, whose `hits` one can read."""
        rule = _Rule(method, path, fault, times, after)
        self.rules.append(rule)
        return rule

    def cut_upload(self, method, path, size, times=1):
        """Hangs up after so many bytes of such a request's body. Returns the rule, whose `hits` one can read."""
        rule = _Rule(method, path, size, times, 0)
        self.cuts.append(rule)
        return rule

    def clear(self):
        with self.lock:
            self.rules.clear()
            self.cuts.clear()
            self.requests.clear()

    def count(self, method, path):
        with self.lock:
            return sum(1 for m, p, _ in self.requests if re.fullmatch(method, m) and re.search(path, p))

    def bodies(self, method, path):
        """The JSON bodies of such requests."""
        with self.lock:
            return [json.loads(body) for m, p, body in self.requests
                    if body and re.fullmatch(method, m) and re.search(path, p)]

    def fetched(self, database):
        """The ids whose documents were asked for, by whatever request."""
        ids = {doc['id'] for body in self.bodies('POST', '/%s/_bulk_get' % database) for doc in body['docs']}
        with self.lock:
            for m, p, _ in self.requests:
                split = urllib.parse.urlsplit(p)
                parts = [urllib.parse.unquote(part) for part in split.path.split('/')[1:]]
                if m == 'GET' and parts[0] == database and len(parts) > 1 and (
                        not parts[1].startswith('_') or (parts[1] == '_design' and len(parts) > 2)):
                    ids.add('/'.join(parts[1:3]) if parts[1] == '_design' else parts[1])
        return ids

    def wait_for(self, method, path, seconds=30):
        """Waits until such a request has come."""
        pattern = re.compile(path)
        with self.arrived:
            return self.arrived.wait_for(
                lambda: any(re.fullmatch(method, m) and pattern.search(p) for m, p, _ in self.requests), seconds)

    def close(self):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _take(self, exchange):
        with self.arrived:
            self.requests.append((exchange.method, exchange.path, exchange.body))
            self.arrived.notify_all()
            for rule in self.rules:
                if rule.takes(exchange):
                    return rule.fault
        return Exchange.pass_on


class _Rule:
    def __init__(self, method, path, fault, times, after):
        self.method, self.path, self.fault, self.times, self.after = re.compile(method), re.compile(path), fault, times, after
        self.hits = 0

    def takes(self, exchange):
        if not self.method.fullmatch(exchange.method) or not self.path.search(exchange.path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


class Exchange:
    """One request and the ways to answer it."""

    def __init__(self, handler, body):
        self.handler, self.method, self.path, self.body = handler, handler.command, handler.path, body
        self.proxy = handler.owner

    def ask(self):
        """The good server's answer: status, headers without those of transport, body."""
        with self.asking() as (answer, headers):
            return answer.status, headers, answer.read()

    @contextlib.contextmanager
    def asking(self):
        connection = http.client.HTTPConnection(*self.proxy.upstream, timeout=120)
        headers = {k: v for k, v in self.handler.headers.items()
                   if k.lower() not in ('host', 'transfer-encoding', 'connection', 'content-length', 'expect')}
        try:
            connection.request(self.method, self.path, self.body or None, headers)
            answer = connection.getresponse()
            yield answer, [(k, v) for k, v in answer.getheaders()
                           if k.lower() not in ('transfer-encoding', 'content-length', 'connection')]
        finally:
            connection.close()

    def send(self, status, headers, body, length=None):
        """A whole answer; `length` other than the body's is a lie."""
        self.head(status, headers + [('Content-Length', str(len(body) if length is None else length))])
        self.raw(body if self.method != 'HEAD' else b'')

    def head(self, status, headers):
        lines = ['HTTP/1.1 %d Scripted' % status] + ['%s: %s' % header for header in headers]
        self.raw(('\r\n'.join(lines) + '\r\n\r\n').encode('utf-8', 'surrogateescape'))

    def raw(self, data):
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def hang_up(self, reset=False):
        """Closes the connection, with a reset when asked."""
        if reset:
            self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.handler.close_connection = True

    def pass_on(self):
        if 'feed=continuous' in self.path:
            self.pass_feed_on()
        else:
            self.send(*self.ask())

    def pass_feed_on(self):
        """As it comes, until either side ends."""
        with self.asking() as (answer, headers):
            self.head(answer.status, headers + [('Transfer-Encoding', 'chunked')])
            while piece := answer.read1(65536):
                self.raw(b'%x\r\n%s\r\n' % (len(piece), piece))
            self.raw(b'0\r\n\r\n')


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    owner = None

    def log_message(self, *_):
        pass

    def do(self):
        for rule in self.owner.cuts:
            if rule.takes(Exchange(self, b'')):
                self.rfile.read(rule.fault)
                return Exchange(self, b'').hang_up(reset=True)
        if self.headers.get('Transfer-Encoding', '').lower() == 'chunked':
            body = b''
            while True:
                size = int(self.rfile.readline().split(b';')[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    break
        else:
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        exchange = Exchange(self, body)
        try:
            self.owner._take(exchange)(exchange)
        except (http.client.HTTPException, ConnectionError, TimeoutError):
            exchange.hang_up(reset=True)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do


# ---- faults ----

def status(code, body='{"error":"scripted","reason":"scripted"}', headers=()):
    """Answers with an error instead of asking the good server."""
    return lambda x: x.send(code, [('Content-Type', 'application/json'), *headers], body.encode())


def cut(part, chunked=True):
    """Sends that part of the answer (a fraction, or bytes when above 1), then hangs up in the middle."""
    def fault(x):
        code, headers, body = x.ask()
        size = int(len(body) * part) if part <= 1 else int(part)
        if chunked:
            x.head(code, headers + [('Transfer-Encoding', 'chunked')])
            x.raw(b'%x\r\n%s' % (len(body), body[:size]))
        else:
            x.head(code, headers + [('Content-Length', str(len(body)))])
            x.raw(body[:size])
        x.hang_up()
    return fault


def cut_cleanly(part):
    """Sends that part of the answer and ends it as if it were whole."""
    def fault(x):
        code, headers, body = x.ask()
        x.send(code, headers, body[:int(len(body) * part)])
    return fault


def cut_after_rows(rows):
    """Ends a feed in the middle of the line after so many rows."""
    def fault(x):
        code, headers, body = x.ask()
        lines = body.split(b'\n')
        x.head(code, headers + [('Transfer-Encoding', 'chunked')])
        data = b'\n'.join(lines[:rows + 1]) + b'\n' + lines[rows + 1][:len(lines[rows + 1]) // 2]
        x.raw(b'%x\r\n%s\r\n' % (len(data), data))
        x.hang_up()
    return fault


def stall(until, part=0.5):
    """Sends part of the answer, then nothing until the event is set (or the test is over)."""
    def fault(x):
        code, headers, body = x.ask()
        x.head(code, headers + [('Content-Length', str(len(body)))])
        x.raw(body[:int(len(body) * part)])
        end = time.monotonic() + UNTIL_HANG_UP
        while not until.wait(0.05) and not x.proxy.closing.is_set() and time.monotonic() < end:
            pass
        x.raw(body[int(len(body) * part):])
    return fault


def wrong_length(difference):
    """Announces more (+) or fewer (-) bytes than come, then hangs up."""
    def fault(x):
        code, headers, body = x.ask()
        x.send(code, headers, body, max(0, len(body) + difference))
        x.hang_up()
    return fault


def edited(change):
    """Passes the good answer's body through a function of bytes."""
    def fault(x):
        code, headers, body = x.ask()
        x.send(code, headers, change(body))
    return fault


def invalid_json():
    """A raw control byte and a broken word in the middle of the answer."""
    return edited(lambda body: body[:len(body) // 2] + b'\x00nul,,' + body[len(body) // 2:])


def feed_without_rows(keep):
    """A feed that tells its last_seq, but has lost all rows after the first `keep`."""
    def change(body):
        feed = json.loads(body)
        feed['results'] = feed['results'][:keep]
        return json.dumps(feed).encode()
    return edited(change)


def feed_without(*members):
    """A feed without its last_seq, or whatever else is named."""
    def change(body):
        feed = json.loads(body)
        for name in members:
            feed.pop(name, None)
        return json.dumps(feed).encode()
    return edited(change)


def truncated_chunk():
    """Chunked coding that ends in the middle of a chunk's size."""
    def fault(x):
        code, headers, body = x.ask()
        x.head(code, headers + [('Transfer-Encoding', 'chunked')])
        half = body[:len(body) // 2]
        x.raw(b'%x\r\n%s\r\n%x' % (len(half), half, 0xffffff))
        x.hang_up()
    return fault


def first(action):
    """Does something behind the client's back (the document is deleted, the server changes), then passes it on."""
    def fault(x):
        action()
        x.pass_on()
    return fault


def bulk_get_error(id, error='forbidden'):
    """The answer has an error for one document. Works on both forms that _bulk_get answers in."""
    told = {'id': id, 'rev': 'undefined', 'error': error, 'reason': 'scripted'}

    def change(body):
        if body.lstrip().startswith(b'{'):
            answer = rawjson.decode(body)
            results = []
            for row in rawjson.elements(rawjson.member(answer, 'results')):
                if json.loads(rawjson.member(row, 'id')) == id:
                    row = json.dumps({'id': id, 'docs': [{'error': told}]})
                results.append(row)
            return rawjson.encode('{"results":[%s]}' % ','.join(results))
        boundary = body.lstrip().split(b'\r\n', 1)[0]
        parts = body.split(b'\r\n' + boundary)
        for i, part in enumerate(parts):
            if b'"_id":' + json.dumps(id).encode() in part:
                parts[i] = b'\r\nContent-Type: application/json; error="true"\r\n\r\n' + json.dumps(told).encode()
        return (b'\r\n' + boundary).join(parts)
    return edited(change)


def endless_headers(size=64 << 20):
    """Headers that never end."""
    def fault(x):
        x.raw(b'HTTP/1.1 200 OK\r\n')
        line = b'X-More: ' + b'y' * 8000 + b'\r\n'
        for _ in range(size // len(line)):
            x.raw(line)
        x.hang_up()
    return fault


def hang_up():
    """No answer at all."""
    return lambda x: x.hang_up(reset=True)
