"""A phone: real PouchDB in memory (tests/integration/server/phone.js), in a host of the LAN.

    phone = Phone(self, pair.client('10.66.9.20/16'), pair.path('front.pem'))
    phone.put(['one', 'two'])
    phone.push('https://admin:pass@10.66.0.10/clinic')      # how many the server did not have
"""

import json
import os
import subprocess
import unittest

from .process import PATIENCE

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'integration', 'server')


class Phone:
    def __init__(self, test, host, root):
        if not os.path.isdir(os.path.join(FOLDER, 'node_modules', 'pouchdb-core')):
            raise unittest.SkipTest('PouchDB is not installed: run tests/run')
        self.test = test
        with host.entered():
            self.process = subprocess.Popen(['node', 'phone.js'], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                            env={**os.environ, 'NODE_EXTRA_CA_CERTS': root})
        test.addCleanup(self.close)

    def ask(self, **order):
        self.process.stdin.write(json.dumps({'phone': 'phone', **order}) + '\n')
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "it has ended"}')
        self.test.assertNotIn('error', answer)
        return answer

    def put(self, ids):
        self.test.assertEqual(0, self.ask(do='put', docs=[{'_id': id} for id in ids])['errors'])

    def push(self, url):
        """With the checkpoint on the phone alone."""
        return self.ask(do='sync', url=url, push={'checkpoint': 'source'}, pull=None)['pushed']

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
