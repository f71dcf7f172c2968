"""What tests of the service address have in common: servers that hold it, and clients that look for it.

    server = Server(test, '10.66.0.1/16').open()     # address/take, address/open, and address/keep every 2 s
    Echo(test, server.host)                          # what clients talk to
    say(connect(client), b'x')
"""

import socket
import threading
import time

from .child import Child
from .process import PATIENCE

SERVICE = '10.66.0.10'
PORT = 21200
PAIR = '''
[node]
name = a
[peer a]
addresses = 10.66.0.1
[peer b]
addresses = 10.66.0.2
'''
# As Docker has it: what comes for an address of this machine is a container's, whose answers look as if they were ours.
DOCKER = '''
table ip nat {
  chain PREROUTING { type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local tcp dport %d dnat to 172.18.0.2:%d
  }
  chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept;
    ip saddr 172.18.0.0/16 oifname != "eth1" masquerade
  }
}
''' % (PORT, PORT)
# What is sent to all does not reach it, as with a phone whose Wi-Fi sleeps.
ANDROID = '''
table arp sleeps {
  chain input { type filter hook input priority 0; policy accept;
    meta pkttype broadcast arp operation request arp daddr ip != { %s } drop
    meta pkttype broadcast arp operation reply drop
  }
}
'''


class Echo:
    """Says back what it hears, behind its name, at a port of all addresses of a host."""

    def __init__(self, test, host, name=b'', family=socket.AF_INET):
        self.name = name
        with host.entered():
            self.listener = socket.socket(family)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(('', PORT))
            self.listener.listen(64)
        test.addCleanup(self.listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                while data := connection.recv(100):
                    connection.sendall(self.name + data)
            except OSError:
                pass


def connect(host, patience=5.0, address=SERVICE):
    with host.entered():
        client = socket.socket()
    client.settimeout(patience)
    client.connect((address, PORT))
    return client


def say(client, text=b'x'):
    client.sendall(text)
    return client.recv(100)


class Server:
    """A host with its address child, which is kept alive as the failover child does."""

    def __init__(self, test, address, configuration=PAIR, role='wait'):
        self.test = test
        self.host = test.lan.host(address)
        self.child = Child(test, self.host, 'address', 'service_address = %s\n%s' % (SERVICE, configuration), role=role)
        self.ends, self.keeper = threading.Event(), None
        test.addCleanup(self.let_go)

    def has(self):
        return SERVICE + '/32' in self.host.addresses()

    def rules(self):
        return self.host.run('nft', 'list', 'ruleset')

    def keep(self, seconds=2):
        def run():
            while not self.ends.wait(seconds):
                try:
                    self.child.tell('address/keep')
                except OSError:  # it has ended
                    pass
        self.ends.clear()
        self.keeper = threading.Thread(target=run, daemon=True)
        self.keeper.start()

    def let_go(self):
        """As when the failover child hangs."""
        self.ends.set()
        if self.keeper:
            self.keeper.join()

    def open(self):
        self.child.ask('address/take')
        self.child.ask('address/open')
        self.keep()
        return self

    def fence(self):
        self.let_go()
        self.child.ask('address/fence')

    def look(self):
        told = self.child.ask('address/look')
        return told['held'], told['fenced'], told['trouble']

    def with_container(self):
        """What clients talk to is in a container, behind DNAT."""
        container = self.test.lan.switch()
        container.ip('addr add 172.18.0.2/16 dev br0', 'link set lo up')
        self.host.plug(container, '172.18.0.1/16')
        container.ip('route add default via 172.18.0.1')
        self.host.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
        self.host.run('nft', DOCKER)
        return container


class Outage:
    """A client that connects anew every 10 ms and asks who serves it. `seconds()`: the longest time without an answer."""

    def __init__(self, test, host):
        self.host, self.ends, self.answers = host, threading.Event(), [(time.monotonic(), b'')]
        self.arrived = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        test.addCleanup(self.end)

    def _run(self):
        while not self.ends.is_set():
            try:
                with connect(self.host, 0.2) as client:
                    answer = say(client)
            except OSError:
                answer = None
            if answer:
                with self.arrived:
                    self.answers.append((time.monotonic(), answer[:-1]))
                    self.arrived.notify_all()
            time.sleep(0.01)

    def wait(self, name, patience=PATIENCE):
        """Until that server answers."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.answers[-1][1] == name, patience), '%s does not answer' % name

    def seconds(self):
        times = [when for when, _ in self.answers]
        return max(later - sooner for sooner, later in zip(times, times[1:]))

    def end(self):
        self.ends.set()
        self.thread.join()


def sleeps(host, address):
    """It drops broadcast ARP that is not for its own address."""
    host.run('nft', ANDROID % address)
    return host

