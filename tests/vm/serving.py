"""Whether both nodes of a pair serve at once: each is asked for the service address all the time, by a cable of its own."""

import socket
import threading
import time

ASK_SECONDS = 1.0
PAUSE = 0.4
SANDWICH_SECONDS = 3.0  # between two answers of one node that the other's is between
QUESTION = b'GET / HTTP/1.0\r\n\r\n'


class Serving:
    def __init__(self, test, pair):
        self.pair, self.ended = pair, threading.Event()
        self.answers = {node.name: [] for node in pair.nodes}  # (begun, ended) of each that was answered
        self.threads = [threading.Thread(target=self._ask, args=(node,), daemon=True) for node in pair.nodes]
        for thread in self.threads:
            thread.start()
        test.addCleanup(self.end)

    def _ask(self, node):
        while not self.ended.wait(PAUSE):
            begun = time.monotonic()
            if node.is_on and is_answered(node.service):
                self.answers[node.name].append((begun, time.monotonic()))

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def answers_of(self, node):
        """How many there were."""
        return len(self.answers[node.name])

    def twice(self):
        """Moments at which both served: an answer of one is between two of the other."""
        merged = sorted((*times, name) for name, all in self.answers.items() for times in all)
        found, last = [], {}
        for begun, ended, name in merged:
            other = 'b' if name == 'a' else 'a'
            if name in last and other in last and last[name][1] < last[other][0] and last[other][1] < begun and \
                    begun - last[name][1] < SANDWICH_SECONDS:
                found.append(begun - self.pair.begun)
            last[name] = begun, ended
        return found


def is_answered(port):
    try:
        with socket.create_connection(('127.0.0.1', port), ASK_SECONDS) as asker:
            asker.settimeout(ASK_SECONDS)
            asker.sendall(QUESTION)
            return asker.recv(1) != b''
    except OSError:
        return False
