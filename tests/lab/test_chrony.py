"""The set-up of etc/chrony with real chronyd: two nodes that have nobody to ask agree, and serve the LAN."""

import os
import re
import shutil
import tempfile
import time

from support.case import Case
from support.process import Process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
A, B = '10.66.0.1', '10.66.0.2'
PATIENCE = 60


class Chrony(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which('chronyd', path=os.environ['PATH'] + ':/usr/sbin'):
            self.skipTest('no chronyd: install chrony')
        self.folder = tempfile.mkdtemp(prefix='lifeboat-chrony-')
        self.addCleanup(shutil.rmtree, self.folder)

    def node(self, host, other):
        """chronyd as etc/chrony has it; the clock of this machine is left alone (-x)."""
        with open(os.path.join(ROOT, 'etc', 'chrony', 'lifeboat.conf')) as file:
            text = file.read()
        self.assertIn('server %s ' % B, text)
        text = text.replace('server %s ' % B, 'server %s ' % other)
        files = {name: os.path.join(self.folder, host.address + name) for name in ('.conf', '.sock', '.pid')}
        with open(files['.conf'], 'w') as file:
            file.write(text + 'pidfile %(.pid)s\nbindcmdaddress %(.sock)s\n' % files)
        process = Process(self, host, ['chronyd', '-x', '-d', '-u', 'root', '-f', files['.conf']])
        process.wait_for('chronyd version')
        return process

    def tracking(self, host):
        said = host.run('chronyc', '-h', os.path.join(self.folder, host.address + '.sock'), 'tracking', expect=None)
        return dict(map(str.strip, line.split(' : ', 1)) for line in said.splitlines() if ' : ' in line)

    def wait(self, condition, what):
        until = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), until, what)
            time.sleep(0.1)

    def offset(self, client, server):
        """By how many seconds a client's clock differs from that."""
        said = client.run('chronyd', '-Q', '-t', '30', 'server %s iburst' % server)
        return abs(float(re.search(r'System clock wrong by (-?[0-9.]+) seconds', said).group(1)))

    def test_one_node_alone_serves_the_lan(self):
        node, client = self.lan.host(A + '/16'), self.lan.host('10.66.1.7/16')
        self.node(node, B)
        self.wait(lambda: self.tracking(node).get('Stratum') == '10', lambda: self.tracking(node))
        self.assertEqual('Normal', self.tracking(node)['Leap status'])
        self.assertLess(self.offset(client, A), 0.1)

    def test_two_nodes_agree_and_one_leads(self):
        one, other, client = self.lan.host(A + '/16'), self.lan.host(B + '/16'), self.lan.host('10.66.1.7/16')
        self.node(one, B)
        self.node(other, A)
        self.wait(lambda: sorted(self.tracking(host).get('Stratum', '') for host in (one, other)) == ['10', '11'],
                  'one leads and the other follows')
        for server in (A, B):
            self.assertLess(self.offset(client, server), 0.1)

    def test_others_than_the_lan_are_not_answered(self):
        node, stranger = self.lan.host(A + '/16', '10.77.0.1/16'), self.lan.host('10.77.0.9/16')
        self.node(node, B)
        self.wait(lambda: self.tracking(node).get('Stratum') == '10', 'it serves')
        said = stranger.run('chronyd', '-Q', '-t', '5', 'server 10.77.0.1 iburst', expect=None)
        self.assertNotIn('System clock wrong', said)


if __name__ == '__main__':
    import unittest
    unittest.main()
