"""Phones: real PouchDB in memory, in a Node.js process of its own (server/phone.js)."""

import json
import os
import subprocess
import unittest

from . import server


class Phones:
    """Ends with the test."""

    def __init__(self, test):
        if not os.path.isdir(os.path.join(server.NPM_FOLDER, 'node_modules', 'pouchdb-core')):
            raise unittest.SkipTest('PouchDB is not installed: run tests/run')
        self.test = test
        self.process = subprocess.Popen(['node', 'phone.js'], cwd=server.NPM_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=server.end_with_parent)
        test.addCleanup(self.close)

    def ask(self, **order):
        self.process.stdin.write(json.dumps(order) + '\n')
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "it has ended"}')
        self.test.assertNotIn('error', answer)
        return answer

    def put(self, phone, docs):
        self.test.assertEqual(0, self.ask(do='put', phone=phone, docs=docs)['errors'])

    def sync(self, phone, couch, database, pull=True, push=True):
        """`pull`, `push`: options of PouchDB's replication; True: none, False: not that way."""
        def options(given):
            return {} if given is True else None if given is False else given
        return self.ask(do='sync', phone=phone, url='%s/%s' % (couch.url, database), pull=options(pull), push=options(push))

    def ids(self, phone):
        return self.ask(do='ids', phone=phone)['ids']

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
