"""Runs commands and measures them: wall time, CPU, peak memory, and what the CouchDB server used meanwhile.

The kernel counts the memory that a process had *before* exec as its own peak, so a command started from a large
Python would look large. This file is therefore also a small program that stands in between (10 MB, the floor of what
can be measured): python3 measure.py RESULT COMMAND… runs the command and writes the rusage of os.wait4 to RESULT.
"""

import json
import os
import sys
import time

if __name__ == '__main__':
    begun = time.monotonic()
    child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    _, status, usage = os.wait4(child, 0)
    with open(sys.argv[1], 'w') as file:
        json.dump({'wall': time.monotonic() - begun, 'cpu': usage.ru_utime + usage.ru_stime,
                   'memory': usage.ru_maxrss / 1024, 'code': os.waitstatus_to_exitcode(status)}, file)
    sys.exit(0)

import glob
import signal
import subprocess
import tempfile


class Failed(Exception):
    """A contender did not do its job."""


class Measure:
    """Wall and CPU in seconds, memory in MB; `server_cpu` is None when the server is elsewhere."""

    def __init__(self, wall=0.0, cpu=0.0, memory=0.0, server_cpu=None, lines=()):
        self.wall, self.cpu, self.memory, self.server_cpu, self.lines = wall, cpu, memory, server_cpu, list(lines)
        self.parts = {}

    def __add__(self, other):
        known = self.server_cpu is not None and other.server_cpu is not None
        return Measure(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory),
                       self.server_cpu + other.server_cpu if known else None, self.lines + other.lines)

    def as_json(self):
        return {'wall': self.wall, 'cpu': self.cpu, 'memory': self.memory, 'server_cpu': self.server_cpu, **self.parts}


def run(command, couch, log, stdin=None, environment=None):
    """Runs a command to its end. `lines` of the result: (seconds since the start, line of standard output)."""
    os.sync()
    handle, result = tempfile.mkstemp()
    os.close(handle)
    lines = []
    try:
        server = ServerCpu(couch)
        with open(log, 'ab') as errors, open(stdin or os.devnull, 'rb') as source:
            begun = time.monotonic()
            process = subprocess.Popen(['/usr/bin/python3', '-S', '-E', '-I', os.path.abspath(__file__), result, *command],
                                       stdin=source, stdout=subprocess.PIPE, stderr=errors,
                                       env=dict(os.environ, LC_ALL='C.UTF-8', **(environment or {})), start_new_session=True)
            try:
                for line in process.stdout:
                    lines.append((time.monotonic() - begun, line.decode('utf-8', 'replace')))
                process.wait()
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)  # the session is the command's own
                raise
        with open(result) as file:
            told = json.load(file)
    finally:
        os.unlink(result)
    if told['code'] != 0:
        raise Failed('%s ended with %d; see %s' % (os.path.basename(command[0]), told['code'], log))
    return Measure(told['wall'], told['cpu'], told['memory'], server.used(), lines)


def run_here(function, couch):
    """The same for something that a function of ours only waits for."""
    os.sync()
    server = ServerCpu(couch)
    begun = time.monotonic()
    function()
    return Measure(time.monotonic() - begun, server_cpu=server.used())


class ServerCpu:
    """What the process that listens at the server's port has used since this was made."""

    pids = {}

    def __init__(self, couch):
        if couch.port not in self.pids:
            self.pids[couch.port] = listener(couch.port) if couch.host in ('127.0.0.1', 'localhost', '::1') else None
        self.pid = self.pids[couch.port]
        self.before = self._read()

    def _read(self):
        if self.pid is None:
            return None
        with open('/proc/%d/stat' % self.pid) as file:
            fields = file.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def used(self):
        return None if self.pid is None else self._read() - self.before


SETTLE_SECONDS = 120


def settle(*servers):
    """Waits until the servers are idle: after writing, CouchDB goes on for a while with indexes and compaction, and would
    do so at the cost of whoever is measured next."""
    until, quiet = time.monotonic() + SETTLE_SECONDS, 0
    while quiet < 3 and time.monotonic() < until:
        used = [ServerCpu(couch) for couch in servers]
        time.sleep(0.5)
        idle = all((server.used() or 0) < 0.05 for server in used) and not any(couch.get('/_active_tasks') for couch in servers)
        quiet = quiet + 1 if idle else 0
    if quiet < 3:
        raise Failed('a server is still busy after %d s; see its _active_tasks' % SETTLE_SECONDS)


def listener(port):
    """The process that listens at a TCP port of this machine; None when it is not ours to see."""
    sockets = set()
    for table in ('/proc/net/tcp', '/proc/net/tcp6'):
        with open(table) as file:
            for fields in map(str.split, list(file)[1:]):
                if fields[3] == '0A' and int(fields[1].rpartition(':')[2], 16) == port:
                    sockets.add('socket:[%s]' % fields[9])
    for link in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            if os.readlink(link) in sockets:
                return int(link.split('/')[2])
        except OSError:
            continue
    return None
