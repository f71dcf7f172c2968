"""The ACME server as its real clients see it: certbot, lego, uacme, dehydrated, Caddy."""

import os
import shutil
import unittest

from support.acme import DIRECTORY, DOMAIN, Site
from support.case import Case


def needs(program):
    return unittest.skipUnless(shutil.which(program), 'there is no %s' % program)


class Acme(Case):
    def setUp(self):
        super().setUp()
        self.site = Site(self)
        self.client = self.site.client()

    def tearDown(self):
        if self.site.netsvc.process.process.poll() is None:
            self.site.netsvc.end()


@needs('certbot')
class Certbot(Acme):
    def certbot(self, *arguments, **how):
        folders = ['--%s-dir=%s' % (name, self.client.path('le', name)) for name in ('config', 'work', 'logs')]
        return self.client.run('certbot', *arguments, *folders, '--non-interactive', '--server', DIRECTORY, **how)

    def live(self, name='fullchain.pem'):
        return self.client.path('le', 'config', 'live', self.client.name, name)

    def get(self, *more, **how):
        return self.certbot('certonly', '--agree-tos', '--register-unsafely-without-email', '--domain', self.client.name, *more, **how)

    def test_it_gets_a_certificate_renews_and_revokes_it(self):
        self.get('--standalone')
        self.client.check(self.live(), self.client.name)
        first = self.client.serial(self.live())
        self.certbot('renew', '--force-renewal', '--no-random-sleep-on-renew')
        self.client.check(self.live(), self.client.name)
        self.assertNotEqual(first, self.client.serial(self.live()))
        self.certbot('revoke', '--cert-path', self.live('cert.pem'), '--no-delete-after-revoke', '--reason', 'keycompromise')
