"""What the tests in a LAN begin with."""

import unittest

from .lan import Lan
from .netsvc import Netsvc


class Case(unittest.TestCase):
    """`self.lan`, empty."""

    maxDiff = 4000

    def setUp(self):
        self.lan = Lan(self)


class OneServer(Case):
    """`self.netsvc` in `self.server`, configured by `configuration` of the class."""

    configuration = ''

    def setUp(self):
        super().setUp()
        self.server = self.lan.host('10.66.0.1/16', '10.66.0.10/16')
        self.netsvc = Netsvc(self, self.server, self.configuration)

    def tearDown(self):
        process = self.netsvc.process
        if process and process.process.poll() is None:
            self.netsvc.end()
