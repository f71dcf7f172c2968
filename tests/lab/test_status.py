"""What `lifeboat status` tells of the LAN's names and addresses."""

from support.case import OneServer
from support.netsvc import program
from support.until import until

SECONDS = 20
FORGOTTEN = 'there is no service address 10.66.0.10 here'


class Status(OneServer):
    configuration = '''
        service_address = 10.66.0.10
        [subnet clinic]
        network = 10.66.0.0/16
        pools = 10.66.1.0-10.66.1.255
        '''

    def status(self):
        return self.server.run(program('lifeboat'), 'status', '--config', self.netsvc.config, expect=None)

    def until(self, told):
        until(lambda: (FORGOTTEN in self.status()) == told, lambda: self.status() + self.netsvc.process.log, SECONDS)

    def test_a_service_address_that_this_machine_does_not_have_is_told(self):
        self.until(False)
        self.server.ip('addr del 10.66.0.10/16 dev eth0')
        self.until(True)
        self.server.ip('addr add 10.66.0.10/16 dev eth0')
        self.until(False)
