"""What clients see of two nodes while all goes wrong, and whether that may be.

    serving = Serving(self, site)                 # which node would answer at the service address, at any moment
    leases = Leases(self, site)                   # clients on both sides get addresses the whole time
    …
    serving.check(); leases.check()
"""

import contextlib
import random
import socket
import struct
import threading
import time

from .dhcp import ACK, DISCOVER, LEASE, OFFER, REQUEST, REQUESTED, SERVER, Wire, address_bytes
from .pair import SERVICE
from .process import PATIENCE

PORT = 7999
ASK_SECONDS = 0.2
FENCE_SECONDS = 3.0     # from contact to the loser's fence: 1 by SWITCH.md, the rest for a machine that is busy
LIFETIME_SECONDS = 6.5  # of the address of a node that hangs, or whose daemon was killed
SANDWICH_SECONDS = 1.0  # between two answers of one node that the other's is between


class Serving:
    """Asks each node for the service address by a cable of its own. What answers is the test itself, behind that node's fence."""

    def __init__(self, test, site):
        self.test, self.site, self.ended = test, site, threading.Event()
        self.answers = {machine.name: [] for machine in site.machines}  # (begun, ended) of each that was answered
        self.threads = []
        for machine in site.machines:
            with machine.host.entered():
                listener = socket.create_server(('0.0.0.0', PORT), backlog=64)
            test.addCleanup(listener.close)
            for work, argument in ((self._accept, listener), (self._ask, machine)):
                self.threads.append(threading.Thread(target=work, args=(argument,), daemon=True))
                self.threads[-1].start()
        test.addCleanup(self.end)

    def _accept(self, listener):
        listener.settimeout(0.5)
        while not self.ended.is_set():
            with contextlib.suppress(OSError):
                listener.accept()[0].close()

    def _ask(self, machine):
        with machine.asks.entered():
            while not self.ended.is_set():
                begun = time.monotonic()
                with socket.socket() as asker:
                    asker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    asker.settimeout(ASK_SECONDS)
                    if asker.connect_ex((SERVICE, PORT)) == 0:
                        self.answers[machine.name].append((begun, time.monotonic()))
                self.ended.wait(0.03)

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def twice(self):
        """Moments at which both served: an answer of one is between two of the other."""
        merged = sorted((*times, name) for name, times in self.answers.items() for times in times)
        found, last = [], {}
        for begun, ended, name in merged:
            other = 'b' if name == 'a' else 'a'
            if name in last and other in last and last[name][1] < last[other][0] and last[other][1] < begun and \
                    begun - last[name][1] < SANDWICH_SECONDS:
                found.append(begun)
            last[name] = (begun, ended)
        return found

    def contacts(self):
        """(begun, ended) of times in which the nodes surely reached each other."""
        found = []
        for machine in self.site.machines:
            since = None
            for process in machine.runs:
                for moment, line in zip(process.moments, process.lines):
                    if line and 'the other node is reached' in line:
                        since = since or moment
                    elif since and (line is None or 'is not reached any more' in line):
                        found.append((since, moment))
                        since = None
            if since:
                found.append((since, float('inf')))
        return [(met, min([left] + [moment for moment in self.site.disturbed if moment > met])) for met, left in found]

    def _is_upset(self, moment):
        return any(begun <= moment <= ended + LIFETIME_SECONDS for begun, ended in self.site.upset)

    def _may_be(self, moment, contacts):
        """Both may serve after a force during a cut, until the nodes had met; and what was upset has until its address dies."""
        if self._is_upset(moment):
            return bool(self.site.forced)
        for begun, _ in self.site.forced:
            apart = any(cut >= begun for cut in self.site.apart)
            if apart and begun < moment and not any(begun < met and min(left, moment) - met > FENCE_SECONDS for met, left in contacts):
                return True
        return False

    def check(self):
        contacts, twice = self.contacts(), self.twice()
        wrong = [moment for moment in twice if not self._may_be(moment, contacts)]
        self.test.assertFalse(wrong, 'both nodes serve, %d times, first at %.2f, last at %.2f' % (
            len(wrong), (wrong or [0])[0] - self.site.begun, (wrong or [0])[-1] - self.site.begun))
        return twice

    def slowest_fence(self):
        """The most seconds from a contact until one of two that served had fenced itself."""
        twice = self.twice()
        return max((moment - met for met, left in self.contacts() for moment in twice if met < moment < left and not self._is_upset(moment)),
                   default=0.0)


class Leases:
    """Clients that sleep: nobody is answered who asks by ARP whether they have their address still."""

    def __init__(self, test, site, seed):
        self.test, self.site, self.ended, self.lock = test, site, threading.Event(), threading.Lock()
        self.held, self.wrong, self.count = {}, [], 0  # address: (MAC, until)
        self.threads = []
        for number, switch in enumerate((site.lan.first, site.lan.second)):
            wire = Wire(test, site.lan.host('10.66.8.%d/16' % (number + 1), on=switch))
            self.threads.append(threading.Thread(target=self._work, args=(wire, random.Random(seed * 2 + number)), daemon=True))
            self.threads[-1].start()
        test.addCleanup(self.end)

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def _work(self, wire, chance):
        clients = []
        while not self.ended.wait(chance.uniform(0.02, 0.3)):
            if not clients or (chance.random() < 0.4 and len(clients) < 100):
                clients.append(wire.client())
            client = clients[-1] if chance.random() < 0.5 else chance.choice(clients)
            if client.lease and chance.random() < 0.6:
                self._exchange(client, client.packet(REQUEST, {REQUESTED: address_bytes(client.address)}))
                continue
            offer = self._answer(client, client.packet(DISCOVER), OFFER)
            if offer:
                self._exchange(client, client.packet(REQUEST, {REQUESTED: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER]}))

    def _answer(self, client, packet, type):
        def found():
            return [reply for reply in client.wire.replies.get(packet.xid, ()) if reply.type == type]
        client.send(packet)
        with client.wire.arrived:
            client.wire.arrived.wait_for(found, 1.0)
            return next(iter(found()), None)

    def _exchange(self, client, packet):
        answer = self._answer(client, packet, ACK)
        if not answer:
            return
        now, address = time.monotonic(), answer.yiaddr
        until = now + struct.unpack('!I', answer.options[LEASE])[0]
        with self.lock:
            if client.lease and client.address != address:
                self.held.pop(client.address, None)
            holder, its = self.held.get(address, (client.mac, until))
            if holder != client.mac and its > now + 1:
                self.wrong.append('%s at %.2f: %s has it for %.0f s, %s gets it' % (address, now - self.site.begun, holder, its - now, client.mac))
            self.held[address] = (client.mac, until)
            self.count += 1
            client.lease = answer

    def check(self):
        self.test.assertFalse(self.wrong, 'addresses that two clients have')
