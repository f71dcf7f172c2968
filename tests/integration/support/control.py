"""A daemon's control socket with nobody behind it: answers what the test says."""

import json
import os
import socket
import threading


class Control:
    """`answers`: what is asked → the answer. `asked`: all requests."""

    def __init__(self, test, path, **answers):
        self.path, self.asked = path, []
        self.answers = {'status': {'stores': [], 'drives': [], 'unknown': []}}
        self.answers.update({name.replace('_', ' '): answer for name, answer in answers.items()})
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client, client.makefile() as lines:
                request = json.loads(lines.readline())
                self.asked.append(request)
                answer = self.answers.get(request['ask'], {'error': 'not asked for in this test'})
                client.sendall(json.dumps(answer).encode() + b'\n')

    def of(self, what):
        return [request for request in self.asked if request['ask'] == what]

    def close(self):
        if self.socket.fileno() < 0:
            return
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        if os.path.exists(self.path):
            os.unlink(self.path)
