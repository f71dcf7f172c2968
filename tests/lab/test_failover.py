"""The switch from one node to the other, with clients that write the whole time."""

import time

from support.writing import REFUSED_SECONDS, Writing


class Sessions(Writing):
    def unknown(self):
        """How often the client's cookie was not taken."""
        return sum(status == 401 for _, status in self.writer.refused)

    def check(self, switch):
        cookie = self.writer.cookie
        self.assertTrue(cookie.startswith('AuthSession='))
        switch()
        self.writer.wait(20)
        self.assertEqual((cookie, 0), (self.writer.cookie, self.unknown()))

    def test_they_go_on_after_a_planned_switch(self):
        self.check(lambda: self.pair.a.do('failover', '--yes'))

    def test_they_go_on_after_a_forced_switch(self):
        self.pair.a.kill()
        self.until_alone()
        self.check(self.force)

    def test_what_they_hang_on_is_the_secret(self):
        """Otherwise the two above prove less than they say."""
        self.pair.a.do('failover', '--yes')
        self.pair.b.wait_role('active')
        cookie = self.writer.cookie
        self.pair.b.ask('PUT', '/_node/_local/_config/chttpd_auth/secret', 'another')
        self.pair.b.wait_until(self.unknown, 'it is good whatever the secret')
        self.writer.wait(20)
        self.assertNotEqual(cookie, self.writer.cookie)


class Planned(Writing):
    def refuses(self, node, order, why):
        """As soon as the two speak by their own cable."""
        node.wait_until(lambda: why in node.call(order, '--dry-run')[1], 'it is not seen')
        self.assertIn(why, node.do(order, '--yes', expect=1))

    def test_no_write_is_lost_and_clients_wait_for_less_than_five_seconds(self):
        begun = time.monotonic()
        said = self.pair.a.do('failover', '--yes')
        self.writer.wait(20)
        self.pair.b.wait_role('active')
        self.pair.a.wait_role('standby')
        self.assertLess(self.writer.outage(begun), REFUSED_SECONDS, said)
        self.assertTrue(self.pair.b.has_service())
        self.assertFalse(self.pair.a.has_service())
        self.all_are_there(self.pair.b)

    def test_there_and_back_from_either_node(self):
        self.pair.b.do('failover', '--yes')
        self.pair.b.wait_role('active')
        self.writer.wait(20)
        self.pair.a.wait_role('standby')
        self.pair.ready()
        self.pair.b.do('failback', '--yes')
        self.pair.a.wait_role('active')
        self.writer.wait(20)
        self.all_are_there(self.pair.a)
        self.assertIn('all is as it was', self.pair.a.do('failback', '--yes'))

    def test_a_node_is_not_told_to_wait_by_a_slip(self):
        """`node restored` ends what clients use: it asks first."""
        code, said = self.pair.a.call('node', 'restored')
        self.assertEqual(2, code, said)
        self.assertIn('--yes', said)
        self.assertEqual('active', self.pair.a.role())
        self.pair.a.do('node', 'restored', '--yes')
        self.assertNotEqual('active', self.pair.a.role())

    def test_a_dry_run_changes_nothing(self):
        term = self.pair.a.status()['term']
        said = self.pair.a.do('failover', '--dry-run')
        self.assertIn('a switch is possible now', said)
        self.assertEqual(term, self.pair.a.status()['term'])

    def test_a_hook_that_fails_takes_the_switch_back(self):
        self.pair.a.write('stop', '#!/bin/sh\necho it sticks\nexit 1\n', 0o755)
        code, said = self.pair.a.call('failover', '--yes')
        self.assertEqual(1, code, said)
        self.assertIn('it sticks', said)
        self.pair.a.wait_role('active')
        self.writer.wait(20)

    def test_no_switch_to_a_node_whose_cable_is_out(self):
        self.pair.b.host.pull()
        self.pair.b.wait_until(lambda: 'has no link, so that clients do not reach' in self.pair.b.call('status')[1], 'it is not told')
        self.refuses(self.pair.a, 'failover', 'node b: clients would not reach this node')
        self.writer.wait(20)
        self.pair.b.host.insert()
        self.pair.ready()
        self.pair.a.do('failover', '--yes')
        self.pair.a.host.pull()  # away from such a node it goes, and not back
        self.pair.a.wait_role('standby')
        self.refuses(self.pair.b, 'failback', 'node a: clients would not reach this node')
        self.writer.wait(20)

    def test_a_reload_costs_clients_nothing(self):
        """Not even where the new process hears from the other node before anything else."""
        begun = time.monotonic()
        for _ in range(3):
            self.pair.a.do('net', 'reload')
            self.writer.wait(50)
        self.assertLess(self.writer.outage(begun), 0.5)
        self.assertNotIn('fence …', self.pair.a.netsvc.log)
        self.assertEqual('active', self.pair.a.role())


class Told(Writing):
    def test_a_couchdb_that_ended_is_told_on_both_nodes(self):
        self.writer.stop()
        self.pair.a.couch.end(expect=-15) if self.pair.a.couch else self.pair.a.stop_couch()
        for node in self.pair.nodes:
            node.wait_until(lambda: 'the standby cannot follow; see that CouchDB runs' in node.call('status')[1], 'it is not told')


class Unplanned(Writing):
    def test_the_standby_takes_over_from_a_node_that_was_killed(self):
        self.pair.a.kill()
        self.until_alone()
        self.force()
        self.assertEqual('active', self.pair.b.role())

    def test_what_the_lost_node_alone_had_is_there_when_it_is_back(self):
        for interface in (0, 1):
            self.pair.a.host.silence(interface)
        # what a takes in now, b does not see
        for number in range(50):
            self.assertEqual(201, self.pair.a.ask('PUT', '/clinic/alone-%d' % number, {'n': number})[0])
        self.until_alone()
        self.force('--fenced')
        self.assertEqual('active', self.pair.b.role())
        for interface in (0, 1):
            self.pair.a.host.speak(interface)
        self.pair.a.wait_role('standby')
        self.pair.b.wait_until(lambda: not self.pair.b.status()['unmerged'], 'it is not merged')
        self.assertFalse({'alone-%d' % number for number in range(50)} - self.pair.b.documents('clinic'))
        self.all_are_there(self.pair.b)



class Automatic(Writing):
    """Without a person: the other node is silent on both paths, and the hook says that it is off."""

    def setUp(self):
        self.more = dict(failover='automatic = yes\nautomatic_after = 5\nfence = FOLDER/fence')
        super().setUp()
        for node in self.pair.nodes:
            node.write('fence', '#!/bin/sh\necho cut $LIFEBOAT_NODE >> FOLDER/cut\n', 0o755)

    def test_the_standby_cuts_the_silent_node_off_and_takes_over(self):
        self.pair.a.kill()
        self.pair.b.wait_role('active')
        with open(self.pair.b.path('cut')) as file:
            self.assertEqual('cut a\n', file.read())
        self.writer.wait(5)

    def test_a_hook_that_fails_leaves_all_as_it_is(self):
        self.pair.b.write('fence', '#!/bin/sh\necho the switch does not answer\nexit 1\n', 0o755)
        self.pair.a.kill()
        self.pair.b.netsvc.wait_for('the switch does not answer')
        self.assertEqual('standby', self.pair.b.role())
        self.assertFalse(self.pair.b.has_service())
