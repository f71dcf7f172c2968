"""The pages over HTTP: whatever is asked, and however, by however many."""

import select
import statistics
import threading
import time

from support.case import Case, OneServer
from support.netsvc import Netsvc
from support.web import Web, is_closed, parse, read_all, wait_closed

CLIENTS, SHARE, SECONDS = 256, 16, 10  # of netsvc/web/request.h
SLACK = 3  # seconds
REQUEST = b'GET /health HTTP/1.1\r\nHost: clinic.example\r\n\r\n'
LAST = b'GET /health HTTP/1.1\r\nHost: clinic.example\r\nConnection: close\r\n\r\n'

CONFIGURATION = '''
    [cert]
    name = clinic.example
    networks = 10.66.0.0/16
    [web]
    listen = 10.66.0.1
    '''


class Pages(OneServer):
    configuration = CONFIGURATION

    def setUp(self):
        super().setUp()
        self.crowd = ['10.66.1.%d' % number for number in range(1, 21)]
        self.host, self.other = self.lan.host(*(address + '/16' for address in self.crowd)), self.lan.host('10.66.0.3/16')
        self.web, self.elsewhere = Web(self, self.host, '10.66.0.1'), Web(self, self.other, '10.66.0.1')

    # ---- no certificate yet ----

    def test_before_there_is_a_certificate_it_says_what_to_run(self):
        page = self.web.get('/')
        self.assertEqual((503, 'text/html; charset=utf-8'), (page.status, page.headers['Content-Type']))
        self.assertIn(b'lifeboat cert init', page.body)
        self.assertEqual(503, self.web.get('/ca.crt').status)
        self.assertEqual(403, self.web.get('/server.key').status)
        self.assertEqual((200, b'ok\n'), self.web.get('/health')[::2])
        secure = Web(self, self.host, '10.66.0.1', 8443)
        self.assertTrue(is_closed(secure.connect(), SECONDS))

    # ---- requests ----

    def test_head_has_the_length_of_what_get_gives(self):
        for path in ('/', '/ca.crt', '/ca.pem', '/server.key', '/health', '/nothing'):
            got, head = self.web.get(path), self.web.request('HEAD', path)
            self.assertEqual((got.status, str(len(got.body)), b''), (head.status, head.headers['Content-Length'], head.body), path)

    def test_every_answer_lets_a_browser_fetch_and_guess_nothing(self):
        for path in ('/', '/ca.crt', '/server.key', '/health', '/nothing', '/favicon.ico'):
            headers = self.web.get(path).headers
            self.assertEqual('nosniff', headers['X-Content-Type-Options'], path)
            self.assertTrue(headers['Content-Security-Policy'].startswith("default-src 'none'; "), path)
            self.assertFalse({'server', 'set-cookie'} & {name.lower() for name in headers}, path)

    def test_odd_paths_are_not_there(self):
        for path in ('/../health', '/%2e%2e/health', '//health', '/health/', '/./health', '/%68ealth', '/HEALTH', '/health%00', '/health;a', '\\health',
                     '/\u00ff', '/<script>', 'health', '*', '/a b', 'http:/health', 'x://clinic.example/health'):
            answer = self.web.get(path)
            self.assertIn(answer.status, (400, 404), path)
            self.assertNotIn(b'script', answer.body)
        for path in ('/health?', '/health?a=/../b', 'http://clinic.example:8080/health'):
            self.assertEqual(200, self.web.get(path).status, path)

    def test_what_is_no_request_is_refused(self):
        for data in (b'GET /health\0 HTTP/1.1\r\n\r\n', b'\0' * 100 + b'\r\n\r\n', b'GET\r\n\r\n', b'GET /health HTTP/9.9\r\nHost: x\r\n\r\n',
                     b'GET /health HTTP/1.1\r\nno colon\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'):
            for answer in self.web.send(data):
                self.assertIn(answer.status // 100, (4, 5), data)

    def test_what_is_too_large_is_refused(self):
        self.assertEqual(414, self.web.get('/' + 'a' * 1024).status)
        self.assertEqual(404, self.web.get('/' + 'a' * 1023).status)
        for head in (b'GET /' + b'a' * 8192 + b' HTTP/1.1\r\n\r\n', b'GET /health HTTP/1.1\r\nX: ' + b'a' * 8192 + b'\r\n\r\n',
                     b'GET /health HTTP/1.1\r\n' + b'A: a\r\n' * 3000 + b'\r\n'):
            for answer in self.web.send(head):
                self.assertEqual(4, answer.status // 100)
        head = b'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n'
        for size in (65537, 1 << 31, 1 << 63, 1 << 64):
            self.assertIn(self.web.send(head % size)[0].status, (400, 413), size)

    def test_a_body_without_end_is_cut(self):
        connection = self.web.connect()
        connection.sendall(b'POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        chunk, begun = b'1000\r\n' + b'a' * 4096 + b'\r\n', time.monotonic()
        try:
            while not select.select([connection], [], [], 0)[0]:
                connection.sendall(chunk)
        except ConnectionError:
            pass
        self.assertLess(time.monotonic() - begun, SECONDS - SLACK, 'it was not cut for its size')

    def test_other_methods_are_told_which_there_are(self):
        for method in ('PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT'):
            answer = self.web.request(method, '/health')
            self.assertEqual((405, 'GET, HEAD, POST'), (answer.status, answer.headers['Allow']), method)
        answer = self.web.request('POST', '/ca.crt', b'x')
        self.assertEqual((405, 'GET, HEAD'), (answer.status, answer.headers['Allow']))

    def test_requests_in_one_packet_are_answered_in_order(self):
        paths = ['/health', '/nothing', '/favicon.ico', '/ca.crt'] * 12
        data = b''.join(b'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' % path.encode() for path in paths) + LAST
        answers = self.web.send(data, ['GET'] * (len(paths) + 1))
        self.assertEqual([200, 404, 204, 503] * 12 + [200], [answer.status for answer in answers])

    # ---- many, and slow ones ----

    def test_a_request_byte_by_byte_ends_in_time(self):
        begun = time.monotonic()
        slow = [self.web.connect() for _ in range(SHARE)]
        left, sent = slow, 0
        while left:
            self.assertLess(time.monotonic() - begun, SECONDS + SLACK)
            for connection in left:
                try:
                    connection.send(REQUEST[sent % 10:][:1])
                except ConnectionError:
                    pass  # it is seen below
            sent += 1
            self.assertEqual(200, self.elsewhere.get('/health').status)
            closed = select.select(left, [], [], 0.25)[0]
            left = [connection for connection in left if connection not in closed]
        self.assertGreater(time.monotonic() - begun, SECONDS - SLACK)

    def test_who_takes_no_answer_is_cut(self):
        connection = self.web.connect()
        connection.setsockopt(1, 8, 1024)  # SO_RCVBUF
        connection.setblocking(False)
        begun, asked = time.monotonic(), b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
        try:
            while time.monotonic() - begun < SECONDS + 2 * SLACK:
                if select.select([], [connection], [], 0.2)[1]:
                    connection.send(asked)
                self.assertEqual(200, self.elsewhere.get('/health').status)
        except ConnectionError:
            pass
        self.assertLess(time.monotonic() - begun, SECONDS + 2 * SLACK)

    def test_an_address_has_its_share_and_the_newest_are_served(self):
        connections = [self.web.connect(self.crowd[0]) for _ in range(SHARE + 5)]
        left = wait_closed(self, connections, 5, SECONDS / 2)
        self.assertEqual(connections[5:], left)
        for connection in left:
            connection.sendall(LAST)
        self.assertEqual([200] * SHARE, [parse(read_all(connection), ['GET'])[0][0].status for connection in left])

    def test_of_a_crowd_some_are_refused_and_the_others_served(self):
        begun = time.monotonic()
        connections = [self.web.connect(address) for address in self.crowd[:19] for _ in range(SHARE)]
        left = wait_closed(self, connections, len(connections) - CLIENTS, SECONDS / 2)
        self.assertEqual(CLIENTS, len(left))
        if time.monotonic() - begun < SECONDS / 2:
            self.assertEqual(200, self.until_served().status)

    def until_served(self):
        """By one who comes when all places are taken by others that ask nothing."""
        begun = time.monotonic()
        while True:
            connection = self.elsewhere.connect()
            try:
                connection.sendall(LAST)
                answers = parse(read_all(connection), ['GET'])[0]
                if answers:
                    return answers[0]
            except ConnectionError:
                pass
            self.assertLess(time.monotonic() - begun, SLACK)

    def test_a_flood_of_one_does_not_keep_another_waiting(self):
        ends = threading.Event()

        def flood(source):
            while not ends.is_set():
                try:
                    with self.web.connect(source) as connection:
                        connection.sendall(REQUEST * 50 + LAST)
                        read_all(connection)
                except OSError:
                    pass
        floods = [threading.Thread(target=flood, args=(self.crowd[0],)) for _ in range(2 * SHARE)]
        for thread in floods:
            thread.start()
        try:
            took = []
            for _ in range(50):
                begun = time.perf_counter()
                self.assertEqual(503, self.elsewhere.get('/').status)
                took.append(time.perf_counter() - begun)
        finally:
            ends.set()
            for thread in floods:
                thread.join()
        self.assertLess(statistics.median(took), 0.1)


class OverIPv6(Case):
    def test_pages_are_served_and_places_shared(self):
        server, host, other = self.lan.host('10.66.0.1/16'), self.lan.host('10.66.0.2/16'), self.lan.host('10.66.0.3/16')
        for number, each in enumerate((server, host, other), 1):
            each.ip('addr add fd00:66::%d/64 dev eth0 nodad' % number)
        netsvc = Netsvc(self, server, CONFIGURATION.replace('listen = 10.66.0.1', 'listen = fd00:66::1'))
        web = Web(self, host, 'fd00:66::1')
        self.assertEqual(200, web.get('/health').status)
        self.assertIn(b'key_networks = fd00:66::2', web.get('/key').body)
        connections = [web.connect() for _ in range(SHARE + 2)]
        self.assertEqual(connections[2:], wait_closed(self, connections, 2, SECONDS / 2))
        self.assertEqual(200, Web(self, other, 'fd00:66::1').get('/health').status)
        netsvc.end()
