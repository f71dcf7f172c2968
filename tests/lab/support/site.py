"""A pair of nodes in a site where everything can go wrong: two switches with a cable between them, a node and clients on
each; a second cable between the nodes; and for each node a cable that nothing ever happens to, by which a test asks it
alone whether it serves.

    site = Site(self)
    site.a.pause(); site.a.resume()
    site.a.cut_power(); site.a.boot()
    site.cut('lan', to='a')                       # one way; `to` omitted: both
    site.heal()
    site.wait(3)                                  # what died is started again meanwhile, as systemd does

What clients see is watched all the time: watch.py.
"""

import contextlib
import glob
import os
import signal
import subprocess
import sys
import time

from .lan import Lan
from .netsvc import READY, program
from .pair import ROOT, RUN, Pair
from .process import PATIENCE, Process

RESTART_SECONDS = 2  # etc/systemd: RestartSec
ADDRESSES = {'a': '10.66.0.1/16', 'b': '10.66.0.2/16'}
CABLE = {'a': '192.168.77.1/24', 'b': '192.168.77.2/24'}
ASKED_BY = '10.99.0.1/30'  # a node's address on the cable by which it is asked
RULES = '''flush ruleset
table bridge cut {
    chain cut { type filter hook forward priority 0; %s }
}
'''
# The stand-in keeps its data in memory: it survives a power cut, as it lives elsewhere and only listens in the node.
STANDIN = '''
import ctypes, os, sys, threading
sys.path.insert(0, %r)
from support.standin import ADMIN, HASHED, Standin
standin = Standin()
standin.config['admins']['admin'], standin.config['chttpd_auth']['secret'] = sys.argv[2:]
HASHED[sys.argv[2]] = ADMIN[1]
standin.port = 5984
own = os.open('/proc/self/ns/net', os.O_RDONLY)
ctypes.CDLL(None).setns(int(sys.argv[1]), 0)
standin.start()
ctypes.CDLL(None).setns(own, 0)
print('URL', standin.url, flush=True)
threading.Event().wait()
''' % os.path.join(ROOT, 'tests', 'integration')


class Timed(Process):
    """`moments`: when each line came."""

    def __init__(self, *arguments, **options):
        self.moments = []
        super().__init__(*arguments, **options)

    def _add(self, line):
        self.moments.append(time.monotonic())
        super()._add(line)


class Site:
    def __init__(self, test, **configuration):
        self.test, self.begun, self.told = test, time.monotonic(), []
        self.lan = test.lan = Split(test)
        self.pair = Pair(test, start=False, couch=False, failover='hook_limit = 3\ncatch_up = 10\n', **configuration)
        self.a, self.b = self.machines = tuple(Machine(self, node) for node in self.pair.nodes)
        # where the frames between the nodes pass, and what leads to which of them there
        self.ways = {'lan': (self.lan.first, {'a': 'p1', 'b': 'trunk'}), 'cable': (self.pair.cable, {'a': 'p1', 'b': 'p2'})}
        self.cuts = set()  # (way, node that nothing comes to)
        self.apart = []    # moments at which the LAN was cut, or mended
        self.disturbed = []  # moments at which the nodes' contact may have ended
        self.forced = []   # (begun, whether it took over)
        self.upset = []    # (begun, ended): a node hung or was killed, and fences itself only by its address's lifetime
        if RUN:
            self.pair.make_alike()
        self.a.boot()
        self.a.node.wait_role('alone')
        self.b.boot()
        self.pair.pair_nodes()

    def tell(self, text):
        self.told.append((time.monotonic(), text))

    def history(self):
        """All that was done, and what both nodes said to it, in order."""
        lines = [(moment, 'DONE', text) for moment, text in self.told]
        for machine in self.machines:
            for process in machine.runs:
                lines += [(moment, machine.name, line) for moment, line in zip(process.moments, process.lines) if line]
        return '\n'.join('%7.2f %-4s %s' % (moment - self.begun, who, line) for moment, who, line in sorted(lines))

    # ---- cables ----

    def cut(self, way, to=None):
        for name in [to] if to else 'ab':
            self.cuts.add((way, name))
        self.disturbed.append(time.monotonic())
        if way == 'lan':
            self.apart.append(time.monotonic())
        self._set(way)

    def mend(self, way):
        if way == 'lan' and self.is_cut(way):
            self.apart.append(time.monotonic())
        self.cuts -= {(way, 'a'), (way, 'b')}
        self._set(way)

    def is_cut(self, way):
        return bool(self.cuts & {(way, 'a'), (way, 'b')})

    def _set(self, way):
        switch, ports = self.ways[way]
        rules = ' '.join('oifname "%s" %s drop;' % (ports[to], 'iifname "trunk"' if to == 'a' and way == 'lan' else '')
                         for cut, to in self.cuts if cut == way)
        with switch.entered():
            subprocess.run(['nft', '-f', '-'], input=RULES % rules, text=True, check=True)

    # ---- time ----

    def wait(self, seconds, until=lambda: False):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            for machine in self.machines:
                machine.tend()
            time.sleep(0.05)  # the schedule's own time, and between questions
        return until()

    def heal(self):
        for way in self.ways:
            self.mend(way)
        for machine in self.machines:
            machine.resume()
            machine.set_hook('start')
            machine.set_hook('stop')
            machine.make_room()
            if not machine.is_on:
                machine.boot()
        self.tell('healed')
        return time.monotonic()

    # ---- how it stands ----

    def standings(self):
        return [machine.node.status() if machine.is_on else {} for machine in self.machines]

    def is_settled(self):
        standings = self.standings()
        return (sorted(str(each.get('role')) for each in standings) == ['active', 'standby'] and
                not any(each['unmerged'] or each['handed_over'] or each['trouble'] for each in standings) and
                len({each['term'] for each in standings}) == 1 and all(each['link'].get('connected') for each in standings))

    def settle(self, seconds):
        """Until one node serves and the other follows; people do what they are told to. How often they were."""
        asked, end = 0, time.monotonic() + seconds
        while not self.wait(15, self.is_settled):
            told = [each.get('trouble') or '' for each in self.standings()]
            if time.monotonic() > end:
                self.test.fail('it does not settle: %s' % self.standings())
            for machine, text in zip(self.machines, told):
                if '--force' in text and '--fenced' not in text:
                    asked += 1
                    self.tell('people are told: %s: %s' % (machine.name, text))
                    (self.other(machine) if 'on the other node' in text else machine).force()
                    break
        return asked

    def other(self, machine):
        return self.b if machine is self.a else self.a

    def active(self):
        return next(machine for machine in self.machines if machine.node.role() == 'active')


class Split(Lan):
    """Node b, and what is put `on` it, is on the second switch."""

    def __init__(self, test):
        super().__init__(test)
        self.second = self.switch()
        self.first.ip('link add trunk netns %s type veth peer name trunk' % self.second.path, 'link set trunk master br0 up')
        self.second.ip('link set trunk master br0 up')
        for switch in (self.first, self.second):
            switch.wait_forwarding('trunk')

    def host(self, *addresses, on=None):
        return super().host(*addresses, on=on or (self.second if ADDRESSES['b'] in addresses else self.first))


class Machine:
    """A node's computer: what can happen to it."""

    def __init__(self, site, node):
        self.site, self.node, self.name, self.host = site, node, node.name, node.host
        self.is_on, self.runs, self.paused, self.kept = False, [], None, None
        self.due = {}  # what is to be started again: when
        asked = site.lan.switch()
        self.host.plug(asked, ASKED_BY)
        self.asks = site.lan.host('10.99.0.2/30', on=asked)
        self.asks.ip('route add 10.66.0.10 via 10.99.0.1')
        self._mount()
        self.set_hook('start')
        self.couch = None
        self._start_couch()

    def _mount(self):
        """What netsvc keeps is on a disk of its own, which can be full."""
        os.mkdir(self.node.path('state'))
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=0755', 'none', self.node.path('state')], check=True)
        self.site.test.addCleanup(subprocess.run, ['umount', '--lazy', self.node.path('state')])

    def _start_couch(self):
        node, test = self.node, self.site.test
        if RUN:
            node.start_couch()
            return
        outside = self.site.lan.switch()
        self.couch = Process(test, outside, [sys.executable, '-c', STANDIN, str(self.host.descriptor), *self.site.pair.shared],
                             keeps=(self.host.descriptor,))
        node.url = self.couch.wait_for('URL ').split()[1]
        node.account = ('admin', 'pass')
        node.write_credentials()

    # ---- power ----

    def boot(self, wait=True):
        self.site.tell('%s: boots' % self.name)
        self.is_on, self.due = True, {}
        if ADDRESSES[self.name] not in self.host.addresses():
            for interface in (0, 1):
                self.host.speak(interface)
            self.host.ip('addr add %s dev eth0 brd +' % ADDRESSES[self.name], 'addr add %s dev eth1 brd +' % CABLE[self.name])
        if RUN and self.node.couch_name is None:
            self.node.couch_name = self.couch_name
            self.host.run(RUN, self.couch_name, '5984', timeout=120)
        self.start('replicator')
        self.start('netsvc', wait)

    def cut_power(self):
        self.site.tell('%s: power cut' % self.name)
        self.site.disturbed.append(time.monotonic())
        self.is_on, self.paused = False, None
        if RUN:
            self.couch_name, self.node.couch_name = self.node.couch_name, None
        self.node.kill()
        self.host.run('nft', 'flush', 'ruleset')
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.node.path('nginx.pid'))
        for name in ('netsvc', 'replicator'):
            getattr(self.node, name).wait(expect=None)

    # ---- daemons ----

    def hang_couch(self, seconds):
        """The real one is killed and started again."""
        self.site.tell("%s: CouchDB hangs or dies, for %.1f s" % (self.name, seconds))
        if RUN:
            self.couch_name = self.node.couch_name
            self.node.stop_couch()
        else:
            self.couch.send(signal.SIGSTOP)
        self.site.wait(seconds)
        if RUN:
            self.node.couch_name = self.couch_name
            self.host.run(RUN, self.couch_name, '5984', timeout=120)
        else:
            self.couch.send(signal.SIGCONT)

    def start(self, name, wait=False):
        os.makedirs(self.node.path('replicator'), exist_ok=True)
        process = Timed(self.site.test, self.host, [program('lifeboat-' + name), 'run', '--config', self.node.config])
        self.runs.append(process)
        setattr(self.node, name, process)
        if wait:
            process.wait_for(READY)

    def tend(self):
        """What systemd does."""
        for name in ('netsvc', 'replicator') if self.is_on and not self.paused else ():
            if getattr(self.node, name).process.poll() is None:
                continue
            if name not in self.due:
                self.due[name] = time.monotonic() + RESTART_SECONDS
                self._end_the_rest(name)
            elif time.monotonic() >= self.due[name]:
                del self.due[name]
                self.start(name)

    def _end_the_rest(self, name):
        if name != 'netsvc':
            return
        for pid in self.pids('lifeboat-netsvc'):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.host.run(program('lifeboat-netsvc'), 'fence', '--config', self.node.config, expect=None)

    def pids(self, *words):
        """Of its processes whose command line begins with these."""
        own, found = os.fstat(self.host.descriptor).st_ino, []
        for path in glob.glob('/proc/[0-9]*/ns/net'):
            pid = path.split('/')[2]
            with contextlib.suppress(OSError):
                with open('/proc/%s/cmdline' % pid) as file:
                    line = tuple(file.read().split('\0'))
                line = os.path.basename(line[0]), *line[1:]
                if os.stat(path).st_ino == own and int(pid) != os.getpid() and line[:len(words)] == words:
                    found.append(int(pid))
        return found

    def signal(self, name, number):
        """A daemon or a child of netsvc."""
        self.site.tell('%s: %s gets signal %d' % (self.name, name, number))
        if name in ('netsvc', 'replicator'):
            pids = [getattr(self.node, name).pid]
        else:
            pids = self.pids('lifeboat-netsvc', 'child', name)
        now = time.monotonic()
        self.site.disturbed.append(now)
        self.site.upset.append((now, now))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self):
        """All of it but its network card."""
        self.site.tell('%s: hangs' % self.name)
        self.paused = time.monotonic()
        self.site.disturbed.append(self.paused)
        self.stopped = self.pids() + ([self.couch.pid] if self.couch else [])
        for pid in self.stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self):
        if self.paused is None:
            return
        for pid in self.stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.site.upset.append((self.paused, time.monotonic()))
        self.site.tell('%s: goes on' % self.name)
        self.paused = None

    # ---- disk and hooks ----

    def fill(self):
        self.site.tell('%s: disk full' % self.name)
        with open(self.node.path('state', 'ballast'), 'wb', buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def make_room(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.node.path('state', 'ballast'))

    def set_hook(self, name, does='works'):
        if does != 'works':
            self.site.tell('%s: hook %s %s' % (self.name, name, does))
        first = {'works': '', 'fails': 'exit 1\n', 'hangs': 'sleep 1000\n', 'dawdles': 'sleep 1\n'}[does]
        command = {'start': 'echo $LIFEBOAT_TERM >> FOLDER/terms\n[ -e FOLDER/nginx.pid ] || nginx -c FOLDER/nginx.conf\n',
                   'stop': '[ ! -e FOLDER/nginx.pid ] || nginx -c FOLDER/nginx.conf -s stop\nrm -f FOLDER/nginx.pid\n'}[name]
        self.node.write(name + '.new', '#!/bin/sh\n' + first + command, 0o755)
        os.rename(self.node.path(name + '.new'), self.node.path(name))

    def terms(self):
        """That it held, as its start hook was told."""
        if not os.path.exists(self.node.path('terms')):
            return set()
        with open(self.node.path('terms')) as file:
            return set(file.read().split())

    # ---- people ----

    def order(self, *arguments):
        """Does not wait for its end."""
        self.site.tell('%s: lifeboat %s' % (self.name, ' '.join(arguments)))
        process = Timed(self.site.test, self.host, [program('lifeboat'), *arguments, '--config', self.node.config])
        self.runs.append(process)
        return process

    def force(self, *more):
        begun = time.monotonic()
        process = self.order('failover', '--force', '--yes', *more)
        self.site.wait(PATIENCE, lambda: process.process.poll() is not None)
        self.site.forced.append((begun, process.process.poll() == 0))
