"""A link between a client and a server that can be disturbed, and that counts what was written over it.

    link = Link(couch.url)
    …follow link.url…
    link.cut(); link.heal()

    cut        all connections end, and no new one comes about
    reset      all connections are reset; new ones work
    hold       half open: connections stay, and nothing gets through
    slow       so many bytes in a second get through, in each direction of a connection
    cut_within every connection is reset in the midst of its next answer, after so many bytes
"""

import json
import re
import select
import socket
import struct
import threading
import urllib.parse

PIECE = 65536
BODY_MAX = 64 << 20  # bytes of a request that are looked at
POLL = 0.05          # seconds between two looks at whether it still is to go on


class Link:
    def __init__(self, url):
        split = urllib.parse.urlsplit(url)
        self.upstream = (split.hostname, split.port or 5984)
        self.credentials = split.netloc.rpartition('@')[0]
        self.lock = threading.Lock()
        self.connections = set()
        self.flowing, self.closing = threading.Event(), threading.Event()
        self.flowing.set()
        self.is_cut, self.rate, self.within = False, None, None
        self.written, self.repeated, self.disturbed = set(), 0, 0
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return 'http://%s@127.0.0.1:%d' % (self.credentials, self.port)

    # ---- disturbances ----

    def cut(self):
        self.is_cut = True
        self._end_all(reset=False)

    def reset(self):
        self._end_all(reset=True)

    def hold(self):
        self.flowing.clear()

    def slow(self, rate):
        self.rate = rate

    def cut_within(self, size):
        self.within = size

    def heal(self):
        self.is_cut, self.rate, self.within = False, None, None
        self.flowing.set()

    def close(self):
        self.closing.set()
        self.flowing.set()
        self.listener.close()
        self._end_all(reset=True)

    def _end_all(self, reset):
        with self.lock:
            self.disturbed += 1
            for connection in self.connections:
                connection.end(reset)

    # ---- connections ----

    def _accept(self):
        while not self.closing.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.is_cut:
                    raise ConnectionError
                server = socket.create_connection(self.upstream)
            except OSError:
                _reset(client)
                continue
            with self.lock:
                connection = _Connection(self, client, server)
                self.connections.add(connection)
            connection.start()

    def note(self, names):
        """The server has answered a request that wrote these."""
        with self.lock:
            self.repeated += bool(self.written & names)
            self.written |= names


class _Connection:
    def __init__(self, link, client, server):
        self.link, self.client, self.server = link, client, server
        self.requests = _Requests()
        self.ended = False

    def start(self):
        for pump in (self._upwards, self._downwards):
            threading.Thread(target=self._run, args=(pump,), daemon=True).start()

    def end(self, reset):
        self.ended = True
        for one in (self.client, self.server):
            if reset:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _run(self, pump):
        try:
            pump()
        except OSError:
            pass
        self.end(reset=False)
        with self.link.lock:
            last = self not in self.link.connections
            self.link.connections.discard(self)
        if last:
            self.client.close()
            self.server.close()

    def _pieces(self, source):
        """What comes, as fast as the link lets it through."""
        link = self.link
        while not self.ended:
            if not select.select([source], [], [], POLL)[0]:
                continue
            rate = link.rate
            data = source.recv(max(1, int(rate * POLL)) if rate else PIECE)
            while not link.flowing.wait(POLL) and not self.ended:
                pass
            if not data or self.ended:
                return
            yield data
            if rate:
                link.closing.wait(len(data) / rate)

    def _upwards(self):
        for data in self._pieces(self.client):
            self.requests.sent(data)
            self.server.sendall(data)

    def _downwards(self):
        got = 0
        for data in self._pieces(self.server):
            written = self.requests.answered(data)
            got += len(data)
            if self.link.within is not None and got > self.link.within:
                self.client.sendall(data[:len(data) // 2])
                self.link.disturbed += 1
                return self.end(reset=True)
            self.client.sendall(data)
            if written:
                self.link.note(written)


class _Requests:
    """The requests of one connection, one after the other: which revisions they write."""

    HEAD = re.compile(rb'([A-Z]+) /([^/? ]+)/?([^? ]*)([^ ]*) HTTP/1.1\r\n')
    LENGTH = re.compile(rb'\r\ncontent-length: *(\d+)', re.I)

    def __init__(self):
        self.lock = threading.Lock()
        self.text, self.writes = b'', None

    def sent(self, data):
        with self.lock:
            self.text += data
            head, end, body = self.text.partition(b'\r\n\r\n')
            if not end:
                return
            found = self.LENGTH.search(head)
            if len(body) < (int(found[1]) if found else 0) and len(body) < BODY_MAX:
                return
            self.writes, self.text = self._writes(head + end, body), b''

    def answered(self, data):
        """The revisions that are in the target as it says now."""
        with self.lock:
            writes, self.writes = self.writes, None
            return writes if data.startswith((b'HTTP/1.1 201', b'HTTP/1.1 202')) else None

    def _writes(self, head, body):
        found = self.HEAD.match(head)
        if not found:
            return None
        method, database, rest, query = found.groups()
        if rest == b'_bulk_docs':
            return {(database, doc['_id'], doc['_rev']) for doc in json.loads(body, strict=False)['docs'] if '_rev' in doc}
        if method == b'PUT' and b'new_edits=false' in query:
            rev = re.search(rb'"_rev":"([^"]+)"', body)
            return {(database, urllib.parse.unquote(rest.decode()), rev[1].decode())} if rev else None
        return None


def _reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()
