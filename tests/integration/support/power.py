"""Servers that are killed in their tracks and start again with what they have on disk.

The stand-in keeps its data; a real CouchDB must be one of /opt/couchdb-tools/run-node or run-cluster. Of a cluster
another node than the one that is asked goes down.
"""

import glob
import os
import subprocess

from . import cluster

TOOLS = '/opt/couchdb-tools'


class Standin:
    def __init__(self, standin):
        self.down, self.up = standin.stop, standin.start


class Node:
    def __init__(self, name, port, couch, **environment):
        self.name, self.port, self.couch, self.environment = name, port, couch, environment

    def down(self):
        self._run('stop-node', self.name, 'kill')
        self.couch.close()

    def up(self):
        self._run('run-node', self.name, str(self.port))

    def _run(self, tool, *arguments):
        subprocess.run([os.path.join(TOOLS, tool), *arguments], env=dict(os.environ, **self.environment), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def of(couch, standin=None):
    """How to switch that server off and on; None when we cannot."""
    if standin:
        return Standin(standin)
    ports = {}
    for path in glob.glob('/tmp/couch-*/port'):
        with open(path) as file:
            ports[os.path.basename(os.path.dirname(path)).removeprefix('couch-')] = int(file.read())
    ours = next((name for name, port in ports.items() if port == couch.port), None)
    if not ours or not os.path.exists(TOOLS):
        return None
    members = [member.partition('@')[0] for member in cluster.nodes(couch)]
    if len(members) < 2:
        return Node(ours, couch.port, couch)
    other = next(member for member in members if member != ours)
    return Node(other, ports[other], couch, COUCH_N='3', COUCH_COOKIE='couch-' + ours.rstrip('0123456789'), COUCH_NO_DBS='1')
