"""Two nodes of a clinic, each a machine with a disk of its own whose power can be cut, a CouchDB on that disk, and a LAN with both.

    pair = Pair(self)                            # both run and are paired
    pair.node('a').cut(); pair.node('a').boot()
    pair.settle()                                # one serves, the other follows

The CouchDB is the stand-in (machine/guest-couch), with its data on the node's disk: what it acknowledged is durable, its settings are not.
Clients reach it at the service address behind the node's fence.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import tempfile
import time

from machine import initrd
from machine.disk import Disk
from machine.kernel import Lacking
from machine.lan import Card, Lan
from machine.machine import Machine

SERVICE, PORT = '10.66.0.10', 5984
CLIENT = '10.66.9.9/16'
ADDRESSES = {'a': '10.66.0.1', 'b': '10.66.0.2'}
MACS = {'a': '02:66:00:00:00:01', 'b': '02:66:00:00:00:02'}
SETTLE_SECONDS = 60
DISK = 2048  # MiB; a switch takes some room
PAUSE = 0.2  # between questions
PRIORITY = -10  # a node that stands still for a second, for want of a processor, is not reached any more by the other one
CONFIGURATION = '''[node]
name = %(name)s
state = /mnt/replicator
[source]
url = http://127.0.0.1:5984
credentials = /etc/lifeboat/couchdb-credentials
[keys]
folder = /mnt/keys
[net]
state = /mnt/net
service_address = 10.66.0.10
[dns]
names = clinic.example=10.66.0.10
[dhcp]
probe = no
[subnet clinic]
network = 10.66.0.0/16
interface = %(interface)s
pools = 10.66.1.0-10.66.1.255
[peer a]
addresses = 10.66.0.1
[peer b]
addresses = 10.66.0.2
[failover]
boot_wait = 10
start = /etc/lifeboat/start
stop = /etc/lifeboat/stop
[cert]
name = clinic.example
networks = 10.66.0.0/16
install = /mnt/tls
[web]
enabled = no
'''
HOOK = '#!/bin/sh\necho "hook: %s $LIFEBOAT_TERM" >/dev/console\n'
HOOK_RAN = re.compile(r'hook: start ([1-9]\d*)')
FIRST = 'mkdir -p /mnt/replicator /mnt/net && lifeboat key init --site kibera --node %s --keys /mnt/keys >/dev/null 2>&1'
START = ('{ [ -e /mnt/keys ] || { %s; } } && chown lifeboat:lifeboat /mnt/replicator /etc/lifeboat/couchdb-credentials && '
         'mkdir -p /run/lifeboat && chown lifeboat:lifeboat /run/lifeboat && '
         'for program in "guest-couch /mnt/couch %s" "lifeboat-replicator run" "lifeboat-netsvc run"; '
         'do setsid $program </dev/null >/dev/console 2>&1 & done')


class Node:
    def __init__(self, pair, name):
        self.pair, self.name = pair, name
        self.disk = Disk(pair.folder, size=DISK)
        self.machine, self.log = None, []  # `log`: of its machines before this one
        self.service = None  # port of this host that leads to the service address, if this node has it

    # ---- power ----

    def boot(self):
        """Without waiting for what it does then."""
        self.pair.tell('%s: boots' % self.name)
        self.machine = Machine(tree=initrd.with_couch)
        self.service = self.machine.forward(SERVICE, PORT)
        _, device = self.machine.plug(self.disk)
        card = Card(self.machine, self.pair.lan, MACS[self.name])
        card.up(ADDRESSES[self.name] + '/16')
        self.machine.run('mount -t ext4 %s /mnt && chmod 755 /mnt' % device)
        self.machine.write('/etc/lifeboat/lifeboat.conf', CONFIGURATION % {'name': self.name, 'interface': card.interface})
        self.machine.write('/etc/lifeboat/couchdb-credentials', 'admin:pass\n', '600')
        for hook in ('start', 'stop'):
            self.machine.write('/etc/lifeboat/' + hook, HOOK % hook, '755')
        self.machine.run(START % (FIRST % self.name, ' '.join(map(shlex.quote, self.pair.shared))))

    def fail(self):
        """At once, whatever thread this is; `cut` is to follow."""
        self.machine.qemu.process.kill()

    def cut(self):
        self.fail()
        self.machine.cut_power()
        lost = self.disk.lose(self.pair.random)
        self.pair.tell('%s: power cut, %d of %d writes since the last flush are lost' % (self.name, *lost))
        self.log += self.machine.qemu.lines
        self.machine = None

    @property
    def is_on(self):
        return self.machine is not None

    # ---- what it says ----

    def lines(self):
        return self.log + (self.machine.qemu.lines if self.machine else [])

    def terms(self):
        """That it held, as its start hook was told."""
        return {int(found[1]) for found in map(HOOK_RAN.search, filter(None, self.lines())) if found}

    def lifeboat(self, *arguments, expect=0):
        return self.machine.run(' '.join(map(shlex.quote, ('lifeboat', *arguments))) + ' 2>&1', expect=expect)

    def status(self):
        """Of its failover; nothing where it cannot be asked."""
        try:
            said = self.machine.ask('lifeboat status --json').text if self.is_on else ''
        except OSError:
            return {}
        for line in said.splitlines():
            if line.startswith('{'):
                return json.loads(line).get('netsvc', {}).get('failover', {})
        return {}

    def leases(self):
        told = map(json.loads, self.machine.run('lifeboat net leases --json').splitlines())
        return [each for each in told if each['event'] == 'lease']

    def uuid(self):
        return json.loads(self.machine.run('wget -q -O - http://127.0.0.1:5984/'))['uuid']

    def file(self, path):
        return self.machine.ask('cat ' + shlex.quote(path)).data


class Pair:
    def __init__(self, test, random):
        if os.geteuid() != 0:
            raise Lacking('a LAN of test machines takes root')
        self.test, self.random, self.told, self.begun = test, random, [], time.monotonic()
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)  # of this thread, and of all that it starts
        self.folder = tempfile.mkdtemp(prefix='lifeboat-vm-pair-')
        test.addCleanup(shutil.rmtree, self.folder)
        self.lan = Lan(CLIENT)
        test.addCleanup(self.lan.close)
        self.shared = '-pbkdf2:sha256-%s,%s,600000' % (secrets.token_hex(32), secrets.token_hex(16)), secrets.token_hex(16)
        self.nodes = [Node(self, name) for name in 'ab']
        test.addCleanup(self.close)
        self._introduce()

    def close(self):
        for node in self.nodes:
            if node.is_on:
                node.machine.close()

    def _introduce(self):
        a, b = self.nodes
        a.boot()
        self.until(lambda: a.status().get('role') == 'alone', 'a does not serve')
        b.boot()
        a.machine.run('lifeboat peer pair </dev/null >/tmp/shown 2>&1 &')
        code = self.until(lambda: re.search(r'lifeboat peer pair (\S+)', a.machine.run('cat /tmp/shown')), 'no code is shown')[1]
        self.until(lambda: b.status(), 'b does not run')
        b.lifeboat('peer', 'pair', code)
        self.settle()
        a.lifeboat('cert', 'init')

    # ---- what happens ----

    def tell(self, text):
        self.told.append('%.1f %s' % (time.monotonic() - self.begun, text))

    def history(self):
        return '\n'.join([*self.told, *('---- %s\n%s' % (node.name, '\n'.join(filter(None, node.lines()[-150:]))) for node in self.nodes)])

    def until(self, found, what, seconds=SETTLE_SECONDS, pause=PAUSE):
        """What `found` gives in the end."""
        end = time.monotonic() + seconds
        while True:
            value = found()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError('%s: %s' % (what, [node.status() for node in self.nodes]))
            time.sleep(pause)  # between questions, not for an event

    # ---- how it stands ----

    def settle(self):
        """Until one serves and the other follows. Gives how often people were told to do something; they did."""
        asked, end = 0, time.monotonic() + SETTLE_SECONDS
        while True:
            standings = [node.status() for node in self.nodes]
            if is_settled(standings):
                return asked
            if time.monotonic() > end:
                raise AssertionError('the pair does not settle: %s' % standings)
            asked += self._do_as_told(standings)
            time.sleep(PAUSE)

    def _do_as_told(self, standings):
        """Where both are on: a node that is off is booted first."""
        for node, standing in zip(self.nodes, standings):
            text = standing.get('trouble') or ''
            if '--force' in text and all(standings) and all(each['link'].get('connected') for each in standings):
                self.tell('people are told: %s: %s' % (node.name, text))
                (self.other(node) if 'on the other node' in text else node).machine.ask('lifeboat failover --force --yes')
                return 1
        return 0

    def node(self, name):
        return self.nodes['ab'.index(name)]

    def other(self, node):
        return self.nodes[1 - self.nodes.index(node)]

    def active(self):
        return next(node for node in self.nodes if node.status().get('role') == 'active')


def is_settled(standings):
    return (sorted(str(each.get('role')) for each in standings) == ['active', 'standby'] and
            not any(each['unmerged'] or each['handed_over'] or each['trouble'] for each in standings) and
            len({each['term'] for each in standings}) == 1 and all(each['link'].get('connected') for each in standings))
