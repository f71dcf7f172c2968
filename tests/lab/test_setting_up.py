"""What goes wrong while two nodes are set up, and whether it is said what to do."""

import os
import re

from support.case import Case
from support.pair import Pair
from support.process import PATIENCE


class SettingUp(Case):
    def unpaired(self):
        """Both run, and a serves."""
        pair = Pair(self, start=False)
        for node in pair.nodes:
            node.start_replicator()
            node.start_netsvc()
            pair.a.wait_role('alone')
        return pair

    def test_a_node_beside_the_one_in_use_is_to_be_paired_and_not_to_take_over(self):
        pair = Pair(self, start=False, couch=False)
        pair.a.start_netsvc().wait_role('alone')
        pair.b.start_netsvc().wait_until(lambda: 'MAC address' in pair.b.status().get('trouble', ''), 'b does not see a')
        said = pair.b.call('status')[1]
        self.assertIn('run `lifeboat peer pair` there, and type here what it shows', said)
        self.assertIn('`lifeboat peer pair` on the node that is in use shows what to type here', said)
        self.assertNotIn('--force', said)
        self.assertIn('this node is not paired', pair.b.do('failover', '--force', '--fenced', '--yes', expect=1))
        self.assertIn('`lifeboat peer pair` here shows a code', pair.a.call('status')[1])

    def test_a_new_node_that_met_another_at_the_address_serves_by_itself_at_no_time(self):
        """Its state is lost, say, and what its CouchDB has is old."""
        pair = Pair(self, start=False)  # force draws a fresh uuid
        pair.a.start_netsvc().wait_role('alone')
        pair.b.start_netsvc().wait_until(lambda: 'MAC address' in pair.b.status().get('trouble', ''), 'b does not see a')
        pair.a.kill()
        for _ in range(2):
            pair.b.wait_until(lambda: 'does not answer now' in pair.b.call('status')[1], 'b does not miss a')
            self.assertIn('run `lifeboat failover --force` here', pair.b.call('status')[1])
            self.assertEqual('waiting', pair.b.status()['role'])
            pair.b.cut_power()
            pair.b.boot()
        pair.b.wait_until(lambda: 'does not answer now' in pair.b.call('status')[1], 'b forgot it')
        said = pair.b.do('failover', '--force', '--yes')
        self.assertIn('the switch is done', said)
        pair.b.wait_role('alone')

    def test_a_new_node_whose_port_of_the_switch_opens_late_does_not_serve_beside_another(self):
        """As with the spanning tree protocol: for 30 s the cable is in, and nothing passes."""
        pair = Pair(self, start=False, couch=False)
        pair.a.start_netsvc().wait_role('alone')
        pair.b.write('lifeboat.conf', open(pair.b.config).read().replace('boot_wait = 3', 'boot_wait = 60'))
        pair.b.host.silence()
        pair.b.start_netsvc().netsvc.wait_for('probe the address done (')
        said = pair.b.call('status')[1]
        self.assertIn('looks for 60 s whether another machine has the service address', said)
        self.assertIn('becomes the active one by itself', pair.b.do('peer', 'pair', expect=1))
        self.assertFalse(pair.b.has_service())
        pair.b.host.speak()
        pair.b.wait_until(lambda: pair.a.host.mac in pair.b.status().get('trouble', ''), 'b does not see a')
        self.assertFalse(pair.b.has_service())
        pair.pair_nodes()

    def test_settings_that_differ_are_told_on_both_until_they_are_alike(self):
        pair = Pair(self)
        said = 'the two nodes have different settings in [dns]'
        for node in pair.nodes:
            self.assertNotIn('different settings', node.call('status')[1])
        whole = open(pair.b.config).read()
        pair.b.write('lifeboat.conf', whole.replace('[dns]\n', '[dns]\nttl = 61\n'))
        pair.b.do('reload')
        for node in pair.nodes:
            node.wait_until(lambda: said in node.call('status')[1], '%s does not tell' % node.name)
        self.assertIn(said, pair.a.do('failover', '--dry-run'))
        pair.b.write('lifeboat.conf', whole)
        pair.b.do('reload')
        for node in pair.nodes:
            node.wait_until(lambda: said not in node.call('status')[1], '%s does not see that they are alike' % node.name)

    def test_what_would_stop_a_switch_is_told_before_somebody_needs_one(self):
        pair = Pair(self)
        pair.ready()
        for node in pair.nodes:
            node.wait_until(lambda: re.search('switch now +possible, ', node.call('status')[1]), '%s has not looked' % node.name,
                            2 * PATIENCE)
        pair.b.host.pull()
        for node in pair.nodes:
            node.wait_until(lambda: re.search('switch now +NOT POSSIBLE, .*\n +PROBLEM +node b: clients would not reach', node.call('status')[1]),
                            '%s does not tell' % node.name, 2 * PATIENCE)
        self.assertIn('clients would not reach', str(pair.a.status()['look']['nodes']))
        pair.b.kill()
        pair.a.wait_until(lambda: pair.a.status()['look'] is None, 'what was found of one that is away is told still')
        self.assertNotIn('switch now', pair.a.call('status')[1])

    def test_who_would_not_take_over_by_itself_for_want_of_a_path_tells_it(self):
        pair = Pair(self, couch=False, failover='automatic = yes\nautomatic_after = 5\nfence = FOLDER/fence')
        pair.b.write('fence', '#!/bin/sh\ntouch FOLDER/cut\n', 0o755)
        pair.b.host.pull(1)
        pair.b.wait_until(lambda: 'only one path to the other node works' in pair.b.call('status')[1], 'it is not told')
        pair.a.kill()
        pair.b.wait_until(lambda: 'does not take over by itself' in pair.b.call('status')[1], 'it is not told')
        self.assertFalse(os.path.exists(pair.b.path('cut')))

    def test_a_replicator_that_has_not_read_of_the_pair_is_to_reload(self):
        pair = Pair(self, start=False)
        whole = open(pair.a.config).read()
        pair.a.write('lifeboat.conf', whole[:whole.index('[peer a]')])
        pair.a.start_replicator().replicator.wait_for('watching for drives')
        pair.a.write('lifeboat.conf', whole)
        pair.a.start_netsvc().wait_role('alone')
        pair.b.start_replicator()
        pair.b.start_netsvc()
        pair.pair_nodes()
        said = pair.b.do('failover', '--dry-run', expect=1)
        self.assertRegex(said, 'node a: the other node is not known here: .*`lifeboat reload`')
        self.assertNotIn('\\n', said)
        pair.a.do('reload')
        pair.ready()

    def test_a_replicator_that_is_not_started_and_a_node_that_is_away(self):
        pair = Pair(self, start=False)
        pair.a.start_replicator()
        pair.a.start_netsvc().wait_role('alone')
        pair.b.start_netsvc()
        pair.pair_nodes()
        pair.b.wait_until(lambda: 'is it running? `systemctl start lifeboat-replicator`' in pair.b.call('status')[1], 'it is not told')
        self.assertIn('`systemctl start lifeboat-replicator`', pair.a.do('failover', '--dry-run', expect=1))
        pair.b.kill()
        pair.a.wait_until(lambda: 'node b       NOT REACHED: see that it is on and its cables are in\n' in pair.a.call('status')[1], 'it is not told')

    def test_a_standby_without_the_active_node_tells_how_it_takes_over(self):
        pair = Pair(self, couch=False)
        pair.a.kill()
        pair.b.wait_until(lambda: 'if it is lost, `lifeboat failover --force` here takes over' in pair.b.call('status')[1], 'it is not told')
        self.assertIn('`lifeboat failover --force` on the standby', pair.b.do('failover', '--yes', expect=1))

    def test_data_of_a_node_that_joins_is_not_mixed_in_unasked(self):
        pair = self.unpaired()
        pair.b.ask('PUT', '/medic')
        pair.b.ask('PUT', '/medic/own', {})
        code = 'AAAA-BBBB-CCCC-DDDD-EEEE'
        self.assertIn("data of its own: 'medic' (1 document)", pair.b.do('peer', 'pair', code, expect=2))
        self.assertIn('cannot be reached', pair.b.do('peer', 'pair', code, '--discard', expect=1))
        pair.b.ask('DELETE', '/medic')
        pair.pair_nodes()

    def test_a_wrong_password_is_told_when_the_nodes_are_paired(self):
        pair = self.unpaired()
        pair.b.write('credentials', 'admin:mistyped', 0o600)
        self.assertIn("this node's CouchDB cannot be used yet: ", pair.b.do('peer', 'pair', 'AAAA-BBBB-CCCC-DDDD-EEEE', expect=1))

    def test_certificates_that_are_not_configured_are_told_how_to_be(self):
        pair = Pair(self, start=False, couch=False)
        pair.a.start_netsvc()
        for command in ('init', 'show', 'request'):
            self.assertIn('certificates need `name` under [cert]', pair.a.do('cert', command, expect=1))
