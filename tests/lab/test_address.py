"""The service address of a pair: it moves from one server to the other, and clients are reset or find it, whatever stands in the way.

Each server runs netsvc's address child alone, and the test is its parent: no more than the steps of the switch is taken for granted."""

import threading

from support.case import Case
from support.child import Child, Refused

SERVICE = '10.66.0.10'
CONFIGURATION = '''
[node]
name = a
[peer a]
addresses = 10.66.0.1
[peer b]
addresses = 10.66.0.2
'''


class Server:
    """A host with its address child, which is kept alive as the failover child does."""

    def __init__(self, test, address, configuration=CONFIGURATION):
        self.host = test.lan.host(address)
        self.child = Child(test, self.host, 'address', 'service_address = %s\n%s' % (SERVICE, configuration), role='wait')
        self.ends = threading.Event()
        test.addCleanup(self.let_go)
        self.keeper = None

    def has(self):
        return SERVICE + '/32' in self.host.addresses()

    def keep(self, seconds=2):
        def run():
            while not self.ends.wait(seconds):
                try:
                    self.child.tell('address/keep')
                except OSError:  # it has ended
                    pass
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


class Steps(Case):
    def setUp(self):
        super().setUp()
        self.server = Server(self, '10.66.0.1/16')

    def test_it_begins_fenced(self):
        self.assertEqual({'held': False, 'fenced': True, 'interface': 'eth0', 'trouble': None}, self.server.child.ask('address/look'))
        self.assertFalse(self.server.has())
        self.assertIn('reject with tcp reset', self.server.host.run('nft', 'list', 'table', 'ip', 'lifeboat'))

    def test_it_is_taken_opened_and_given_up(self):
        child = self.server.child
        with self.assertRaisesRegex(Refused, 'was not taken'):
            child.ask('address/open')
        child.ask('address/take')
        self.assertTrue(self.server.has())
        self.assertEqual((True, True), (child.ask('address/look')['held'], child.ask('address/look')['fenced']))
        child.ask('address/open')
        self.assertFalse(child.ask('address/look')['fenced'])
        child.ask('address/fence')
        self.assertFalse(self.server.has())
