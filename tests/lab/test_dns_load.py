"""Reloads and deaths while dnsperf asks: no query is lost by a reload, and few by a child's death."""

import os
import re
import signal

import dns.rcode

from support.case import Case
from support.dns import Asker, query
from support.netsvc import Netsvc
from support.process import Process
from test_dns_answers import FILE, ORIGIN

ADDRESS = '10.66.0.1'
RATE = 2000
SECONDS = 6
RELOADS = 6
IN_FLIGHT = 600  # what a child's death may lose: what is under way, and what comes until the next one serves


class Load(Case):
    configuration = '[dns]\nlisten = 10.66.0.1\nnames = clinic.example=10.66.0.10\nnetworks = 10.66.0.0/16\nrate = 0\n[zone %s]\nfile = %s\n' % (ORIGIN, FILE)

    def setUp(self):
        super().setUp()
        self.server, self.client = self.lan.host(ADDRESS + '/16'), self.lan.host('10.66.0.2/16')
        self.netsvc = Netsvc(self, self.server, self.configuration)
        self.questions = self.netsvc.write('questions', 'mail.%s A\nclinic.example A\nnothing.%s A\nx.wild.%s TXT\n' % ((ORIGIN,) * 3))

    def tearDown(self):
        self.netsvc.end()

    def load(self, mode='udp'):
        return Process(self, self.client, ['dnsperf', '-s', ADDRESS, '-m', mode, '-d', self.questions, '-l', str(SECONDS), '-Q', str(RATE), '-c', '4',
                                           '-t', '2', '-S', '1', '-O', 'suppress=timeout'])

    def lost(self, load):
        load.wait(expect=None)
        self.assertRegex(load.log, r'Queries completed: +[1-9]')
        wrong = re.search(r'Response codes: +(.*)', load.log)[1]
        self.assertNotIn('SERVFAIL', wrong)
        self.assertNotIn('REFUSED', wrong)
        return int(re.search(r'Queries lost: +(\d+)', load.log)[1])

    def test_reloads_lose_no_query(self):
        load = self.load()
        reloads = 0
        while load.process.poll() is None:
            reloads += 1
            self.netsvc.configure(self.configuration.replace('10.66.0.10', '10.66.1.%d' % reloads))
            self.netsvc.reload('serving')
        self.assertGreater(reloads, 1)
        self.assertEqual(0, self.lost(load))
        asker = Asker(self, self.client, ADDRESS)
        self.assertEqual('10.66.1.%d' % reloads, asker.ask(query('clinic.example')).answer[0][0].address)

    def test_reloads_lose_no_connection_in_the_midst_of_its_answers(self):
        asker = Asker(self, self.client, ADDRESS)
        for _ in range(RELOADS):
            self.netsvc.process.send(signal.SIGHUP)
            answers = asker.tcp([query('mail.' + ORIGIN).to_wire() for _ in range(2000)])
            self.assertEqual(2000, len(answers))

    def test_a_childs_death_loses_what_is_in_flight_at_most(self):
        load = self.load()
        for _ in range(3):
            serves = self.netsvc.process.log.count("'dns' serves")
            self.netsvc.kill('dns')
            self.netsvc.process.wait_for("'dns' serves", serves + 1)
        self.assertLess(self.lost(load), IN_FLIGHT)

    def test_a_child_that_is_killed_again_and_again_is_started_again(self):
        for _ in range(5):
            serves = self.netsvc.process.log.count("'dns' serves")
            self.netsvc.kill('dns')
            self.netsvc.process.wait_for("'dns' serves", serves + 1)
        self.assertEqual(dns.rcode.NOERROR, Asker(self, self.client, ADDRESS).ask(query('clinic.example')).rcode())

    def test_a_bad_configuration_leaves_the_last_good_one_in_force(self):
        asker = Asker(self, self.client, ADDRESS)
        bad = {'[dns]\nlisten = nonsense\n': 'lifeboat.conf:', '[dns]\nlisten = 10.66.0.1\n[zone broken.example]\nfile = FOLDER/broken\n': 'broken',
               'nonsense\n': 'lifeboat.conf:', self.configuration + '[subnet x]\nnetwork = 10.66.0.0/16\npools = 10.67.0.0-10.67.0.9\n': 'lifeboat.conf:'}
        self.netsvc.write('broken', '$ORIGIN broken.example.\n@ SOA nonsense\n')
        for text, told in bad.items():
            self.netsvc.configure(text)
            said = self.netsvc.reload('serves on')
            self.assertIn(told, said)
            self.assertEqual('10.66.0.10', asker.ask(query('clinic.example')).answer[0][0].address)
        self.netsvc.configure(self.configuration.replace('10.66.0.10', '10.66.0.77'))
        self.netsvc.reload('serving')
        self.assertEqual('10.66.0.77', asker.ask(query('clinic.example')).answer[0][0].address)

    def test_children_have_no_rights(self):
        for name, pid in self.netsvc.children().items():
            with open('/proc/%d/status' % pid) as file:
                status = dict(line.split(':\t', 1) for line in file if ':\t' in line)
            self.assertNotEqual('0', status['Uid'].split()[0], name)
            self.assertEqual(0, int(status['CapEff'], 16), name)
            self.assertEqual(('2', '1'), (status['Seccomp'].strip(), status['NoNewPrivs'].strip()), name)
            self.assertNotEqual(os.readlink('/proc/self/root'), os.readlink('/proc/%d/root' % pid), name)

    def test_no_child_can_change_the_configuration_that_the_next_one_reads_as_root(self):
        children = self.netsvc.children()
        for pid in (self.netsvc.process.pid, *children.values()):
            folder = '/proc/%d/fd' % pid
            copies = [os.path.join(folder, each) for each in os.listdir(folder) if 'memfd' in os.readlink(os.path.join(folder, each))]
            self.assertEqual([] if pid in children.values() else [1], [1 for _ in copies])
            for copy in copies:
                with open(copy, 'r+b', buffering=0) as file:
                    self.assertRaises(PermissionError, file.write, b'[net]')
                    self.assertRaises(PermissionError, file.truncate, 0)
