"""HTTP as tests need it: bytes as they are, from a host of the LAN, and from any of its addresses.

    web = Web(self, host, '10.66.0.1')
    answer = web.get('/ca.crt')                # status, headers (of http.client), body
    answer, = web.send(b'GET /%2e HTTP/1.1\\r\\n\\r\\n')
    connection = web.connect()                 # a socket
"""

import collections
import http.client
import io
import select
import socket
import time

from .process import PATIENCE

Answer = collections.namedtuple('Answer', 'status headers body')


class _Bytes:
    """What http.client takes for a socket."""

    def __init__(self, stream):
        self.stream = stream

    def makefile(self, mode):
        return self.stream


def parse(data, methods):
    """The answers in `data`, one for each method."""
    stream, answers = io.BufferedReader(io.BytesIO(data)), []
    stream.close = lambda: None  # the next one is in it
    for method in methods:
        if not stream.peek(1):
            break
        response = http.client.HTTPResponse(_Bytes(stream), method=method)
        response.begin()
        answers.append(Answer(response.status, response.headers, response.read()))
    return answers, stream.read()


class Web:
    def __init__(self, test, host, server, port=8080, tls=None, name='clinic.example'):
        self.test, self.host, self.server, self.port, self.tls, self.name = test, host, server, port, tls, name

    def connect(self, source=None):
        with self.host.entered():
            connection = socket.create_connection((self.server, self.port), PATIENCE, (source, 0) if source else None)
        self.test.addCleanup(connection.close)
        return self.tls.wrap_socket(connection, server_hostname=self.name) if self.tls else connection

    def send(self, data, methods=('GET',), source=None):
        """All that comes until the server closes."""
        with self.connect(source) as connection:
            connection.sendall(data)
            answers, rest = parse(read_all(connection), methods)
        self.test.assertEqual(b'', rest)
        return answers

    def request(self, method, path, body=b'', **headers):
        fields = {'Host': '%s:%d' % (self.name, self.port), 'Connection': 'close', **headers}
        if body:
            fields['Content-Length'] = str(len(body))
        head = '%s %s HTTP/1.1\r\n%s\r\n' % (method, path, ''.join('%s: %s\r\n' % field for field in fields.items()))
        return self.send(head.encode('latin-1') + body, (method,))[0]

    def get(self, path, **headers):
        return self.request('GET', path, **headers)


def read_all(connection):
    data = b''
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            part = b''
        if not part:
            return data
        data += part


def is_closed(connection, patience=0):
    """Whether the server closed it, or does within that time."""
    if not select.select([connection], [], [], patience)[0]:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK) == b''
    except ConnectionResetError:
        return True


def wait_closed(test, connections, how_many, patience=PATIENCE):
    """Until that many of them are closed; gives those that are not."""
    begun, left = time.monotonic(), list(connections)
    while len(connections) - len(left) < how_many:
        test.assertLess(time.monotonic() - begun, patience, '%d of %d are open' % (len(left), len(connections)))
        ready = select.select(left, [], [], 1)[0]
        left = [connection for connection in left if connection not in ready or not is_closed(connection)]
    return left
