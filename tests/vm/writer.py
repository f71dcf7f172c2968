"""A client of a pair that writes one document after the other to the service address, and notes what was acknowledged."""

import base64
import contextlib
import http.client
import json
import threading
import time

from pair import PORT, SERVICE

PATIENCE = 120  # seconds until something must have been written
ANSWER = 3      # … until there must be an answer to a request
PAUSE = 0.3     # between requests
HEADERS = {'Content-Type': 'application/json', 'Authorization': 'Basic ' + base64.b64encode(b'admin:pass').decode()}


class Writer:
    """`served`: uuids under which the clients of that address were answered, in order."""

    def __init__(self, test, lan, database):
        self.lan, self.database, self.count = lan, database, 0
        self.acknowledged, self.served, self.refused = set(), [], ''
        self.ended, self.changed = threading.Event(), threading.Condition()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()
        test.addCleanup(self.stop)

    def request(self, connection, method, path, body=None):
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=HEADERS)
        answer = connection.getresponse()
        text = answer.read()
        uuid = answer.getheader('X-UUID')
        with self.changed:
            if uuid and uuid not in self.served[-1:]:
                self.served.append(uuid)
        return answer.status, text

    def connect(self):
        connection = http.client.HTTPConnection(SERVICE, PORT, timeout=ANSWER)
        connection.sock = self.lan.connect(SERVICE, PORT, ANSWER)
        return connection

    def _work(self):
        connection = None
        while not self.ended.wait(PAUSE):
            self.count += 1
            id, database = 'doc-%06d' % self.count, self.database
            try:
                connection = connection or self.connect()
                status, text = self.request(connection, 'PUT', '/%s/%s' % (database, id), {'n': self.count})
                if status == 404:
                    self.request(connection, 'PUT', '/' + database)
            except (OSError, http.client.HTTPException) as error:
                if connection:
                    connection.close()
                connection, status, text = None, 0, repr(error)
            with self.changed:
                if status == 201:
                    self.acknowledged.add((database, id))
                else:
                    self.refused = '%s %s' % (status, text)
                self.changed.notify_all()

    def wait(self, more):
        with self.changed:
            wanted = len(self.acknowledged) + more
            if not self.changed.wait_for(lambda: len(self.acknowledged) >= wanted, PATIENCE):
                raise AssertionError('nothing can be written: %s' % self.refused)

    def missing(self):
        """Of what was acknowledged in this database, what is not there now."""
        with self.changed:
            wanted = {id for database, id in self.acknowledged if database == self.database}
        with contextlib.closing(self.connect()) as connection:
            status, text = self.request(connection, 'GET', '/%s/_all_docs' % self.database)
        assert status == 200, text
        return wanted - {row['id'] for row in json.loads(text)['rows']}

    def stop(self):
        self.ended.set()
        self.thread.join()
