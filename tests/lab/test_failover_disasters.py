"""What happens to a pair's memory of itself, and to its address: disks that are damaged or set back, machines that nobody expects."""

import glob
import os
import shutil
import subprocess
import time

from support.case import Case
from support.process import PATIENCE
from support.site import Site
from support.watch import Serving

SETTLE_SECONDS = 90


class Disaster(Case):
    def setUp(self):
        self.site = Site(self)
        self.assertIn(self.site.a.node.ask('PUT', '/clinic')[0], (201, 202))
        self.assertEqual(0, self.site.settle(SETTLE_SECONDS))
        self.serving = Serving(self, self.site)

    def switch(self):
        active = self.site.active()
        active.node.wait_until(lambda: active.node.call('failover', '--dry-run')[0] == 0, 'no switch is possible', 2 * PATIENCE)
        # a machine that is busy may lose its contact in it: then all is as before
        active.node.wait_until(lambda: active.node.role() != 'active' or active.node.call('failover', '--yes')[0] == 0, 'it does not switch')
        self.assertEqual(0, self.site.settle(SETTLE_SECONDS))

    def has_not_served_since(self, machine, moment):
        self.assertFalse([begun for begun, _ in self.serving.answers[machine.name] if begun > moment], self.site.history())


class Damaged(Disaster):
    """The file in which a node keeps what it knows of its role."""

    def damage(self, machine):
        for path in glob.glob(machine.node.path('state', 'failover', 'failover.db*')):
            with open(path, 'r+b') as file:
                file.write(os.urandom(os.path.getsize(path)))

    def boot_alone(self, machine):
        """The other one is off."""
        begun = time.monotonic()
        machine.boot()
        machine.node.netsvc.wait_for('set aside')
        machine.node.wait_until(lambda: 'does not know which node is the active one' in (machine.node.status()['trouble'] or ''), 'it does not say so')
        self.assertEqual('waiting', machine.node.role())
        self.has_not_served_since(machine, begun)

    def test_a_standby_does_not_take_itself_for_a_node_without_another(self):
        self.switch()
        for machine in self.site.machines:
            machine.cut_power()
        self.damage(self.site.a)
        self.boot_alone(self.site.a)
        self.site.b.boot()
        self.assertEqual(0, self.site.settle(SETTLE_SECONDS))
        self.assertEqual('b', self.site.active().name)

    def test_nor_does_the_active_one_and_people_are_told_what_to_do(self):
        for machine in self.site.machines:
            machine.cut_power()
        self.damage(self.site.a)
        self.boot_alone(self.site.a)
        self.site.a.node.ask('PUT', '/clinic/of-a', {})
        self.site.b.boot()
        self.assertEqual(1, self.site.settle(SETTLE_SECONDS))
        self.assertEqual('b', self.site.active().name)
        self.assertIn('of-a', self.site.b.node.documents('clinic'))


class SetBack(Disaster):
    """A node's memory of its role is that of yesterday, and nobody said so."""

    def set_back(self, machine):
        state, saved = machine.node.path('state'), machine.node.path('saved')
        if not os.path.exists(saved):
            subprocess.run(['cp', '-a', state, saved], check=True)
            return
        machine.cut_power()
        for name in os.listdir(state):
            shutil.rmtree(os.path.join(state, name)) if os.path.isdir(os.path.join(state, name)) else os.unlink(os.path.join(state, name))
        subprocess.run(['cp', '-a', saved + '/.', state], check=True)

    def setUp(self):
        super().setUp()
        self.set_back(self.site.a)
        self.switch()
        self.set_back(self.site.a)

    def test_it_follows_the_active_one_that_it_hears(self):
        begun = time.monotonic()
        self.site.a.boot()
        self.assertEqual(0, self.site.settle(SETTLE_SECONDS))
        self.assertEqual('b', self.site.active().name)
        self.has_not_served_since(self.site.a, begun)

    def test_what_both_took_in_while_they_were_parted_is_there_once_they_meet(self):
        for way in self.site.ways:
            self.site.cut(way)
        self.site.a.boot()
        self.site.a.node.wait_role('active')
        for number in range(20):
            for machine in self.site.machines:
                self.assertIn(machine.node.ask('PUT', '/clinic/%s-%d' % (machine.name, number), {})[0], (201, 202))
        for way in self.site.ways:
            self.site.mend(way)
        self.assertEqual(0, self.site.settle(SETTLE_SECONDS))
        self.assertEqual('b', self.site.active().name)
        self.assertFalse({'%s-%d' % (name, number) for name in 'ab' for number in range(20)} - self.site.b.node.documents('clinic'))


class Third(Disaster):
    """A machine that is none of the two has the service address, too."""

    def test_a_planned_switch_is_not_begun_and_people_are_told_of_it(self):
        third = self.site.lan.host('10.66.7.7/16', '10.66.0.10/16', on=self.site.lan.second)
        begun = time.monotonic()
        code, said = self.site.a.node.call('failover', '--yes')
        self.assertEqual(1, code, said)
        self.assertIn('%s has the service address, too' % third.mac, said)
        self.assertEqual('active', self.site.a.node.role())
        self.assertIn('too', self.site.b.node.call('failover', '--dry-run')[1])
        answers = [begun for begun, _ in self.serving.answers['a']]
        self.assertLess(max(after - before for before, after in zip(answers, answers[1:]) if after > begun), 2)
        third.move('10.66.7.7/16')
        self.switch()
        self.assertEqual('b', self.site.active().name)
