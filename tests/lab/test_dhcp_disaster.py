"""What happens to the folder of the leases while it runs: what was acknowledged is kept, or nothing is acknowledged."""

import glob
import os
import shutil

from support.dhcp import REQUEST, REQUESTED, SERVER, address_bytes
from test_dhcp_crash import Crash


class Folder(Crash):
    count = 20

    def folder(self, *names):
        return os.path.join(self.netsvc.state, 'dhcp', *names)

    def come_back(self):
        self.netsvc.crash()
        self.netsvc.start()
        leases = self.netsvc.leases()
        self.assertEqual(set(self.leased.values()), {address for address, lease in leases.items() if lease['state'] == 'leased'})
        self.all_reboot()
        self.no_address_twice()

    def wait_for_new_ones(self):
        self.netsvc.process.wait_for('making them anew')
        self.netsvc.leases()  # which it answers after that

    def test_files_that_are_removed_while_it_runs_are_made_anew(self):
        for name in glob.glob(self.folder('leases.db*')):
            os.unlink(name)
        self.wait_for_new_ones()
        self.come_back()

    def test_a_wal_that_is_removed_while_it_runs_is_made_anew_before_the_next_answer(self):
        os.unlink(self.folder('leases.db-wal'))
        self.more_clients(1)
        self.come_back()

    def test_a_database_that_is_replaced_while_it_runs_is_made_anew(self):
        with open(self.folder('other'), 'wb') as file:
            file.write(os.urandom(65536))
        os.rename(self.folder('other'), self.folder('leases.db'))
        self.more_clients(1)
        self.come_back()

    def test_nothing_is_acknowledged_once_the_folder_is_removed(self):
        shutil.rmtree(self.netsvc.state)
        self.netsvc.process.wait_for('no lease can be given')
        client = self.wire.client()
        offer = client.discover()
        packet = client.packet(REQUEST, {REQUESTED: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER]})
        client.send(packet)
        other = self.wire.client()
        other.discover()
        self.assertNotIn(packet.xid, self.wire.replies)
