"""The ACME server as its real clients see it: certbot, lego, uacme, dehydrated, Caddy."""

import os
import shutil
import signal
import unittest

from support.acme import DIRECTORY, DOMAIN, KEY, SECRET, SERVICE, Site
from support.case import Case
from support.process import Process


# It is no package: where it is checked out, if it is.
ACME_SH = os.environ.get('ACME_SH') or shutil.which('acme.sh')


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

    def test_it_puts_the_answer_where_a_server_has_its_files(self):
        webroot = self.client.path('www')
        os.makedirs(webroot)
        self.client.serve(folder=webroot)
        self.get('--webroot', '-w', webroot, '--key-type', 'rsa')
        self.client.check(self.live(), self.client.name)

    def test_it_is_told_which_name_is_not_the_sites(self):
        self.certbot('certonly', '--standalone', '--agree-tos', '--register-unsafely-without-email', '--domain', 'www.example.org', expect=1)
        with open(self.client.path('le', 'logs', 'letsencrypt.log')) as file:  # this one fails itself as it shows it
            self.assertIn("'www.example.org' is not in a domain of this site", file.read())

    def test_an_answer_that_is_another_accounts_is_none(self):
        self.client.pages['*'] = 'abc.def'
        self.client.serve()
        webroot = self.client.path('www')
        os.makedirs(webroot)
        said = self.get('--webroot', '-w', webroot, expect=1)
        self.assertIn("that is not the token with the account's key", said)

    def test_a_name_of_another_machine_is_not_had(self):
        other = self.site.client()
        folders = ['--%s-dir=%s' % (name, self.client.path('le', name)) for name in ('config', 'work', 'logs')]
        said = self.client.run('certbot', 'certonly', '--standalone', '--agree-tos', '--register-unsafely-without-email', '--domain', other.name,
                               '--non-interactive', '--server', DIRECTORY, *folders, expect=1)
        self.assertIn('%s:80 does not answer' % other.name, said)

    def test_its_account_goes_on_where_the_server_was_set_up_anew(self):
        """The other node, or this one after a disaster, was never told of the account."""
        self.get('--standalone')
        self.site.netsvc.end()
        for name in ('acme.db', 'acme.db-wal', 'acme.db-shm'):
            path = os.path.join(self.site.netsvc.state, 'web', name)
            if os.path.exists(path):
                os.remove(path)
        self.site.netsvc.start()
        self.site.wait_for_https()
        first = self.client.serial(self.live())
        self.certbot('renew', '--force-renewal', '--no-random-sleep-on-renew')
        self.assertNotEqual(first, self.client.serial(self.live()))


@needs('lego')
class Lego(Acme):
    def lego(self, *arguments, **how):
        return self.client.run('lego', '--server', DIRECTORY, '--email', 'nurse@clinic.example', '--accept-tos', '--path', self.client.path('lego'),
                               '--domains', self.client.name, *arguments, **how)

    @property
    def certificate(self):
        return self.client.path('lego', 'certificates', self.client.name + '.crt')

    def renewed(self, *how):
        self.lego(*how, 'run')
        self.client.check(self.certificate, self.client.name)
        first = self.client.serial(self.certificate)
        self.lego(*how, 'renew', '--days', '400', '--no-random-sleep')
        self.client.check(self.certificate, self.client.name)
        self.assertNotEqual(first, self.client.serial(self.certificate))

    def test_by_http(self):
        self.renewed('--http')
        self.lego('revoke')

    def test_by_tls(self):
        self.renewed('--tls', '--key-type', 'rsa2048')

    def test_several_names_of_one_machine(self):
        said = self.lego('--domains', 'laptop2.' + DOMAIN, '--http', 'run', expect=1)
        self.assertIn('laptop2', said)


@needs('uacme')
class Uacme(Acme):
    def test_it_gets_a_certificate_for_a_name_and_its_address_changes_its_key_and_leaves(self):
        challenges = self.client.path('www', '.well-known', 'acme-challenge')
        os.makedirs(challenges)
        self.client.serve(folder=self.client.path('www'))

        def uacme(*arguments, **how):
            return self.client.run('uacme', '--acme-url', DIRECTORY, '--confdir', self.client.path('uacme'), '--yes', *arguments,
                                   env={'UACME_CHALLENGE_PATH': challenges}, **how)
        certificate = self.client.path('uacme', self.client.name, 'cert.pem')
        uacme('new', 'nurse@clinic.example')
        uacme('--hook', '/usr/share/uacme/uacme.sh', '--type', 'EC', 'issue', self.client.name, self.client.address)
        self.client.check(certificate, self.client.name, self.client.address)
        first = self.client.serial(certificate)
        uacme('newkey')
        uacme('--hook', '/usr/share/uacme/uacme.sh', '--force', 'issue', self.client.name, self.client.address)
        self.assertNotEqual(first, self.client.serial(certificate))
        uacme('revoke', certificate)
        uacme('deactivate')
        self.assertIn('deactivated', uacme('--hook', '/usr/share/uacme/uacme.sh', '--force', 'issue', self.client.name, expect=2))


@needs('dehydrated')
class Dehydrated(Acme):
    def test_it_gets_and_renews_a_certificate(self):
        challenges = self.client.path('www', '.well-known', 'acme-challenge')
        os.makedirs(challenges)
        self.client.serve(folder=self.client.path('www'))
        with open(self.client.path('config'), 'w') as file:
            file.write('CA=%s\nBASEDIR=%s\nWELLKNOWN=%s\nCONTACT_EMAIL=nurse@clinic.example\n' % (DIRECTORY, self.client.path('d'), challenges))
        os.makedirs(self.client.path('d'))

        def dehydrated(*arguments):
            return self.client.run('dehydrated', '--config', self.client.path('config'), *arguments)
        certificate = self.client.path('d', 'certs', self.client.name, 'fullchain.pem')
        dehydrated('--register', '--accept-terms')
        dehydrated('--cron', '--domain', self.client.name)
        self.client.check(certificate, self.client.name)
        first = self.client.serial(certificate)
        dehydrated('--cron', '--domain', self.client.name, '--force')
        self.assertNotEqual(first, self.client.serial(certificate))
        dehydrated('--revoke', self.client.path('d', 'certs', self.client.name, 'cert.pem'))


@needs('caddy')
class Caddy(Acme):
    def serve(self, *more):
        """Until somebody who trusts the root alone sees its page."""
        with open(self.client.path('Caddyfile'), 'w') as file:
            file.write('{\n acme_ca %s\n acme_ca_root %s\n admin off\n %s\n}\n%s {\n respond "the clinic"\n}\n' % (
                DIRECTORY, self.site.root, '\n '.join(more), self.client.name))
        caddy = Process(self, self.client.host, self.client.shielded(['caddy', 'run', '--config', self.client.path('Caddyfile')]),
                        env={**self.client.trust, 'XDG_DATA_HOME': self.client.path('data'), 'XDG_CONFIG_HOME': self.client.path('config')})
        caddy.wait_for('certificate obtained successfully')
        other = self.site.client()
        said = other.run('curl', '-sS', '--cacert', self.site.root, 'https://%s/' % self.client.name)
        self.assertEqual('the clinic', said)

    def test_it_serves_with_a_certificate_of_its_own(self):
        self.serve()


class Dns(Acme):
    """TXT records by RFC 2136, as with BIND."""

    def nsupdate(self, *lines, key='hmac-sha256:%s:%s' % (KEY, SECRET), expect=0):
        with open(self.client.path('update'), 'w') as file:
            file.write('server %s\n%s\nsend\n' % (SERVICE, '\n'.join(lines)))
        return self.client.run('nsupdate', *(['-y', key] if key else []), self.client.path('update'), expect=expect)

    def texts(self, name):
        return sorted(self.client.run('dig', '+short', '@' + SERVICE, name, 'TXT').split())

    def test_nsupdate_sets_and_removes_texts_of_challenges_alone(self):
        name = '_acme-challenge.' + self.client.name
        self.nsupdate('update add %s 60 TXT one' % name, 'update add %s 60 TXT two' % name)
        self.assertEqual(['"one"', '"two"'], self.texts(name))
        self.nsupdate('update delete %s TXT one' % name)
        self.assertEqual(['"two"'], self.texts(name))
        self.nsupdate('prereq yxrrset %s TXT' % name, 'update delete %s TXT' % name)
        self.assertEqual([], self.texts(name))
        self.assertIn('NXRRSET', self.nsupdate('prereq yxrrset %s TXT' % name, 'update add %s 60 TXT x' % name, expect=2))
        for line in ('update add www.%s 60 A 10.66.0.66' % DOMAIN, 'update add %s 60 CNAME www.example.' % name, 'update add %s 60 TXT x' % self.client.name,
                     'update delete %s A' % self.client.name):
            self.assertIn('REFUSED', self.nsupdate(line, expect=2), line)
        self.assertEqual([], self.texts(name))

    def test_what_was_set_stays_through_a_reload_and_a_crash(self):
        name = '_acme-challenge.' + self.client.name
        self.nsupdate('update add %s 60 TXT one' % name, 'update add %s 60 TXT two' % name)
        self.site.netsvc.reload('serving')
        self.assertEqual(['"one"', '"two"'], self.texts(name))
        self.nsupdate('update delete %s TXT one' % name)
        since = len(self.site.netsvc.process.lines)
        self.site.netsvc.kill('dns')
        self.site.netsvc.process.wait_for("'dns' serves", since=since)
        self.assertEqual(['"two"'], self.texts(name))

    def test_a_signed_zone_is_not_updated_and_the_log_says_why(self):
        self.site.netsvc.write('signed.zone', '$ORIGIN signed.example.\n$TTL 300\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\nns A %s\n' % SERVICE)
        with open(self.site.netsvc.config, 'a') as file:
            file.write('[zone signed.example]\nfile = %s\nsign = yes\nkeys = %s\n' % (self.site.netsvc.path('signed.zone'), self.site.netsvc.path('dnssec')))
        os.makedirs(self.site.netsvc.path('dnssec'))
        self.site.netsvc.reload('serving')
        self.assertIn('REFUSED', self.nsupdate('zone signed.example', 'update add _acme-challenge.signed.example 60 TXT one', expect=2))
        self.site.netsvc.process.wait_for("zone 'signed.example' with the key '%s' was refused: that zone is signed" % KEY)

    def test_nobody_without_the_key_sets_one(self):
        name = '_acme-challenge.' + self.client.name
        self.assertIn('REFUSED', self.nsupdate('update add %s 60 TXT one' % name, key=None, expect=2))
        self.assertIn('BADSIG', self.nsupdate('update add %s 60 TXT one' % name, key='hmac-sha256:%s:AAAA%s' % (KEY, SECRET[4:]), expect=2))
        self.assertEqual([], self.texts(name))

    @needs('lego')
    def test_lego_gets_a_wildcard_certificate(self):
        rfc2136 = {'RFC2136_NAMESERVER': SERVICE, 'RFC2136_TSIG_KEY': KEY + '.', 'RFC2136_TSIG_SECRET': SECRET, 'RFC2136_TSIG_ALGORITHM': 'hmac-sha256.',
                   'RFC2136_POLLING_INTERVAL': '1', 'RFC2136_SEQUENCE_INTERVAL': '1'}
        self.client.run('lego', '--server', DIRECTORY, '--email', 'nurse@clinic.example', '--accept-tos', '--path', self.client.path('lego'),
                        '--domains', '*.' + DOMAIN, '--domains', DOMAIN, '--dns', 'rfc2136', 'run', env=rfc2136)
        self.client.check(self.client.path('lego', 'certificates', '_.%s.crt' % DOMAIN), DOMAIN, 'any.' + DOMAIN)
        self.assertEqual([], self.texts('_acme-challenge.' + DOMAIN))

    @needs('certbot')
    def test_certbot_gets_a_wildcard_certificate(self):
        with open(self.client.path('rfc2136.ini'), 'w') as file:
            file.write('dns_rfc2136_server = %s\ndns_rfc2136_name = %s\ndns_rfc2136_secret = %s\ndns_rfc2136_algorithm = HMAC-SHA256\n' % (
                SERVICE, KEY, SECRET))
        os.chmod(self.client.path('rfc2136.ini'), 0o600)
        folders = ['--%s-dir=%s' % (name, self.client.path('le', name)) for name in ('config', 'work', 'logs')]
        self.client.run('certbot', 'certonly', '--dns-rfc2136', '--dns-rfc2136-credentials', self.client.path('rfc2136.ini'),
                        '--dns-rfc2136-propagation-seconds', '0', '--agree-tos', '--register-unsafely-without-email', '--domain', '*.' + DOMAIN,
                        '--domain', DOMAIN, '--non-interactive', '--server', DIRECTORY, *folders)
        self.client.check(self.client.path('le', 'config', 'live', DOMAIN, 'fullchain.pem'), DOMAIN, 'any.' + DOMAIN)


@needs('certbot')
@needs('nginx')
class Cht(Acme):
    """CHT's own way: nginx with CERTIFICATE_MODE=AUTO_GENERATE, and the certbot container of its documentation, whose command line is used here as
    it stands, the server in its variable STAGING."""

    def setUp(self):
        super().setUp()
        self.private = self.client.path('private')  # the volume cht-ssl, which is /etc/nginx/private in both containers
        os.makedirs(os.path.join(self.private, 'certbot', '.well-known', 'acme-challenge'))
        self.client.run('openssl', 'req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-keyout', self.file('key.pem'), '-out', self.file('cert.pem'),
                        '-days', '365', '-subj', '/CN=' + DOMAIN)
        with open(self.file('deploy.sh'), 'w') as file:
            file.write('#!/bin/sh\ncp "$RENEWED_LINEAGE/fullchain.pem" %s\ncp "$RENEWED_LINEAGE/privkey.pem" %s\n' % (
                self.file('cert.pem'), self.file('key.pem')))
        os.chmod(self.file('deploy.sh'), 0o755)
        shutil.copy(self.site.root, self.file('site-root.pem'))

    def file(self, name):
        return os.path.join(self.private, name)

    def nginx(self):
        os.chmod(self.client.folder, 0o755)
        with open(self.client.path('nginx.conf'), 'w') as file:
            file.write('''daemon off; error_log stderr notice; pid %(folder)s/nginx.pid; events {}
                http { access_log off; client_body_temp_path %(folder)s/t1; proxy_temp_path %(folder)s/t2; fastcgi_temp_path %(folder)s/t3;
                    uwsgi_temp_path %(folder)s/t4; scgi_temp_path %(folder)s/t5;
                    server { listen %(address)s:80; location /.well-known/acme-challenge/ { root %(private)s/certbot; } location / { return 301 https://$host$request_uri; } }
                    server { listen %(address)s:443 ssl; ssl_certificate %(private)s/cert.pem; ssl_certificate_key %(private)s/key.pem;
                        location / { return 200 "the clinic"; } } }''' % {
                            'folder': self.client.folder, 'private': self.private, 'address': SERVICE})
        nginx = Process(self, self.site.host, ['nginx', '-c', self.client.path('nginx.conf')])
        nginx.wait_for('start worker process')
        return nginx

    def certbot(self, *staging):
        """Where its containers' folders are this test's."""
        return self.client.run('certbot', 'certonly', '--debug', '--deploy-hook', self.file('deploy.sh'), '--webroot', '-w', self.file('certbot'),
                               '--domain', DOMAIN, '--non-interactive', '--key-type', 'rsa', '--agree-tos', '--register-unsafely-without-email',
                               *staging, *('--%s-dir=%s' % (name, self.client.path('le', name)) for name in ('config', 'work', 'logs')),
                               env={'REQUESTS_CA_BUNDLE': self.file('site-root.pem')}, host=self.site.host)

    def test_its_certbot_container_gets_the_servers_certificate_and_renews_it(self):
        nginx = self.nginx()
        self.certbot('--server', DIRECTORY)
        nginx.send(signal.SIGHUP)  # nginx -s reload
        nginx.wait_for('gracefully shutting down')  # the worker with the old one
        self.assertEqual('the clinic', self.client.run('curl', '-sS', '--cacert', self.site.root,
                                                       'https://%s/' % DOMAIN))
        first = self.client.serial(self.file('cert.pem'))
        self.certbot('--server', DIRECTORY, '--force-renewal')
        self.assertNotEqual(first, self.client.serial(self.file('cert.pem')))


@unittest.skipUnless(ACME_SH, 'there is no acme.sh')
class AcmeSh(Acme):
    def acme_sh(self, *arguments, **how):
        return self.client.run(ACME_SH, '--home', self.client.path('acme.sh'), '--server', DIRECTORY, '--ca-bundle', self.site.root, *arguments, **how)

    @property
    def certificate(self):
        return self.client.path('acme.sh', self.client.name + '_ecc', 'fullchain.cer')

    def renewed(self, *how, env=None):
        self.acme_sh('--issue', '--domain', self.client.name, *how, env=env)
        self.client.check(self.certificate, self.client.name)
        first = self.client.serial(self.certificate)
        self.acme_sh('--renew', '--domain', self.client.name, '--ecc', '--force', env=env)
        self.assertNotEqual(first, self.client.serial(self.certificate))

    def test_by_files_of_a_server(self):
        os.makedirs(self.client.path('www'))
        self.client.serve(folder=self.client.path('www'))
        self.renewed('--webroot', self.client.path('www'))
        self.acme_sh('--revoke', '--domain', self.client.name, '--ecc')
        self.acme_sh('--deactivate-account')

    def test_by_dns(self):
        with open(self.client.path('key'), 'w') as file:
            file.write('key "%s" { algorithm hmac-sha256; secret "%s"; };\n' % (KEY, SECRET))
        self.renewed('--dns', 'dns_nsupdate', '--dnssleep', '1', env={'NSUPDATE_SERVER': SERVICE, 'NSUPDATE_KEY': self.client.path('key')})
