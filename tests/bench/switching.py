"""What tests/bench/failover compares: pairs of servers of which one takes over the other's address, and clients that write all the time.

    trial = Planned(options).begin()         # both serve, and all clients write
    trial.switch()                           # until whoever hears broadcasts has written to the other server
    trial.end()                              # until all have: {'kept, awake': seconds, …}, and seconds of the command

Both contenders have the servers of tests/lab/support/pair.py: nginx with TLS before a CouchDB (its stand-in), in namespaces of a LAN of their own.

This file is also the client, a small program so that clients do not wait for each other: switching.py FOLDER KEPT AUTHORIZATION writes one document after
the other and prints, for each that was acknowledged, when it was begun and when it was acknowledged.
"""

import http.client
import json
import os
import secrets
import socket
import ssl
import sys
import time

NAME, SERVICE, DATABASE = 'clinic.example', '10.66.0.10', 'clinic'
CONNECT_SECONDS = 0.2  # then a client that found nobody tries again
KEPT_SECONDS, ANEW_SECONDS = 2.0, 0.5  # for an answer, then it is asked for again
AGAIN_SECONDS = 0.005  # after it was refused


def connected(context, patience):
    connection = http.client.HTTPSConnection(NAME, 443, timeout=patience, context=context)
    raw = socket.create_connection((SERVICE, 443), CONNECT_SECONDS)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.settimeout(patience)
    connection.sock = context.wrap_socket(raw, server_hostname=NAME)
    return connection


def write_all_the_time(certificate, kept, authorization):
    context, connection, headers = ssl.create_default_context(cafile=certificate), None, {'Content-Type': 'application/json', 'Authorization': authorization}
    while True:
        begun = time.monotonic()
        try:
            connection = connection or connected(context, KEPT_SECONDS if kept else ANEW_SECONDS)
            connection.request('PUT', '/%s/%s' % (DATABASE, secrets.token_hex(8)), body=json.dumps({'at': begun}), headers=headers)
            answer = connection.getresponse()
            answer.read()
            done = answer.status in (201, 202)
        except (OSError, http.client.HTTPException):
            done = False
        if done:
            print('%.4f %.4f' % (begun, time.monotonic()), flush=True)
        if connection and not (done and kept):
            connection.close()
            connection = None
        if not done:
            time.sleep(AGAIN_SECONDS)


if __name__ == '__main__':
    write_all_the_time(sys.argv[1], sys.argv[2] == 'kept', sys.argv[3])

import unittest  # noqa: E402

from support.address import sleeps  # noqa: E402
from support.clients import Udhcpc  # noqa: E402
from support.pair import Pair, basic  # noqa: E402
from support.process import Process  # noqa: E402

KINDS = tuple((kept, hears) for hears in ('awake', 'asleep') for kept in ('kept', 'anew'))
SETTLED_SECONDS = 30
FORGOTTEN_SECONDS = 180  # until a client that hears no broadcast has asked anew who has an address

KEEPALIVED = '''
global_defs {
    router_id %(name)s
}
vrrp_instance clinic {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 66
    priority %(priority)d
    advert_int %(interval)s
    virtual_ipaddress {
        10.66.0.10/32 dev eth0
    }
}
'''


class Failed(Exception):
    """A contender did not do its job."""


class Client:
    """In a host of its own; `asleep`: what is sent to all does not reach it."""

    def __init__(self, trial, kept, hears, number):
        self.name, self.hears = '%s, %s' % (kept, hears), hears
        self.test, self.host = trial.test, trial.pair.lan.host()
        self.address = trial.lease(self.host, number)
        if hears == 'asleep':
            sleeps(self.host, self.address)
        command = [sys.executable, os.path.abspath(__file__), trial.pair.path('front.pem'), kept, basic(trial.pair.a.account)]
        self.process = Process(self.test, self.host, command)

    def writes(self):
        """[(begun, acknowledged)]"""
        return [tuple(map(float, line.split())) for line in self.process.lines if line]

    def wait(self, since, patience=SETTLED_SECONDS):
        """Until it has written something that was begun after that moment; gives when that was acknowledged."""
        def found():
            line = self.process.lines[-1] if self.process.lines else None
            return line is not None and float(line.split()[0]) > since
        with self.process.arrived:
            if not self.process.arrived.wait_for(found, patience):
                raise Failed("client '%s' has not written within %d s\n%s" % (self.name, patience, self.process.log[-500:]))
        return self.first(since)

    def first(self, since):
        return next(end for begin, end in self.writes() if begin > since)

    def outage(self, begun, until):
        """The longest time between two writes that were acknowledged, the later one between these moments."""
        ends = [end for _, end in self.writes() if end <= until]
        return max(later - sooner for sooner, later in zip(ends, ends[1:]) if later >= begun)

    def end(self):
        """So that it keeps nobody from his work."""
        self.process.process.kill()


class Trial:
    """One switch in a LAN of its own."""

    lost = False  # nobody serves before the command

    def __init__(self):
        self.test, self.begun, self.commanded, self.done, self.moved = unittest.TestCase(), None, None, None, None

    def begin(self):
        self.serve()
        self.clients = [Client(self, kept, hears, number) for number, (kept, hears) in enumerate(KINDS)]
        since = time.monotonic()
        for client in self.clients:
            client.wait(since)
        self.settle()
        return self

    def settle(self):
        pass

    def switch(self):
        self.begun = time.monotonic()
        self.move()
        self.pair.b.wait_until(lambda: self.pair.b.has_service() and not self.pair.a.has_service(), 'the address has not moved')
        self.moved = time.monotonic()
        for client in self.clients:
            if client.hears == 'awake':
                client.wait(self.moved)
                client.end()

    def end(self):
        """Seconds of all, by name."""
        found = {}
        for client in self.clients:
            if client.hears == 'asleep':
                client.wait(self.moved, FORGOTTEN_SECONDS)
                client.end()
            found[client.name] = client.outage(self.begun, client.first(self.moved))
            if self.lost:
                first = client.first(self.commanded)
                found[client.name + ', of the command'] = first - self.commanded
                found[client.name + ', after the command'] = max(0.0, first - self.done)
        if self.commanded:
            found['command'] = self.done - self.commanded
        return found

    def close(self):
        self.test.doCleanups()


class Lifeboat(Trial):
    def serve(self):
        self.pair = Pair(self.test)
        self.pair.a.ask('PUT', '/' + DATABASE)

    def lease(self, host, _number):
        return Udhcpc(self.test, host).wait('bound').address

    def settle(self):
        self.pair.ready()


class Planned(Lifeboat):
    name = 'lifeboat failover'
    kind = 'planned'

    def move(self):
        self.commanded = time.monotonic()
        self.pair.a.do('failover', '--yes')
        self.done = time.monotonic()


class Forced(Lifeboat):
    """The operator gives the command as soon as the other node's loss is shown."""

    name = 'lifeboat failover --force'
    kind = 'unplanned'
    lost = True

    def move(self):
        self.pair.a.kill()
        self.pair.b.wait_until(lambda: not self.pair.b.status().get('link', {}).get('connected'), 'the other node is still seen')
        self.commanded = time.monotonic()
        self.pair.b.do('failover', '--force', '--yes')
        self.done = time.monotonic()


class Keepalived(Trial):
    interval = '1'

    def serve(self):
        self.pair, self.daemons = Pair(self.test, start=False), {}
        for node in self.pair.nodes:
            node.ask('PUT', '/' + DATABASE)
            node.host.run(node.path('start'))
            self.configure(node, 150 if node is self.pair.a else 100)
            self.daemons[node] = Process(self.test, node.host, ['keepalived', '--dont-fork', '--log-console', '--vrrp', '--use-file', node.path('keepalived.conf'),
                                                                '--pid', node.path('pid'), '--vrrp_pid', node.path('vrrp.pid')])
        self.pair.a.wait_until(lambda: self.pair.a.has_service() and not self.pair.b.has_service(), 'nobody has the address')

    def configure(self, node, priority):
        node.write('keepalived.conf', KEEPALIVED % {'name': node.name, 'priority': priority, 'interval': self.interval})

    def lease(self, host, number):
        host.move('10.66.1.%d/16' % (number + 1))
        return host.address


class Stopped(Keepalived):
    name = 'keepalived stopped'
    kind = 'planned'

    def move(self):
        self.daemons[self.pair.a].send(15)


class Lowered(Keepalived):
    name = "keepalived's priority lowered"
    kind = 'planned'

    def move(self):
        self.configure(self.pair.a, 50)
        self.daemons[self.pair.a].send(1)


class Killed(Keepalived):
    name = 'keepalived killed'
    kind = 'unplanned'

    def move(self):
        self.pair.a.kill()


def tuned(kind):
    """Ten adverts a second, not one."""
    return type('Tuned' + kind.__name__, (kind,), {'name': kind.name + ', 0.1 s', 'interval': '0.1'})


TRIALS = {kind.name: kind for kind in (Planned, Stopped, Lowered, tuned(Stopped), tuned(Lowered), Forced, Killed, tuned(Killed))}
