"""The ACME server and clients that are wrong, or wicked (RFC 8555, 9773)."""

import base64
import ssl

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from support.acme import DOMAIN, Site
from support.acme_raw import BASE, Raw, base64url
from support.case import Case

CHALLENGE = '/.well-known/acme-challenge/'


class Protocol(Case):
    def setUp(self):
        super().setUp()
        self.site = Site(self)
        self.client = self.site.client()
        self.name = self.client.name
        self.raw = Raw(self.client)

    def tearDown(self):
        self.site.netsvc.end()

    def refused(self, problem, answer, status=None):
        self.assertEqual(problem, answer.problem, answer.body)
        self.assertEqual('application/problem+json', answer.headers['Content-Type'])
        if status:
            self.assertEqual(status, answer.status)


class Requests(Protocol):
    def test_each_is_signed_once_for_its_own_url_by_an_account(self):
        raw = self.raw
        self.assertEqual(200, raw.request('HEAD', BASE + 'new-nonce').status)
        self.assertEqual(204, raw.request('GET', BASE + 'new-nonce').status)
        answer = raw.register(contact=['mailto:nurse@clinic.example'])
        self.assertEqual((201, 'valid', ['mailto:nurse@clinic.example']), (answer.status, answer.json['status'], answer.json['contact']))
        self.assertEqual(200, raw.register().status)
        nonce = raw.fresh_nonce()
        self.assertEqual(200, raw.post(raw.account, nonce=nonce).status)
        again = raw.post(raw.account, nonce=nonce)
        self.refused('badNonce', again)
        self.assertTrue(again.headers['Replay-Nonce'])
        self.refused('badNonce', raw.post(raw.account, nonce='AAAA'))
        self.refused('badNonce', raw.request('POST', raw.account, __import__('json').dumps(
            raw.sign({'alg': 'ES256', 'url': raw.account, 'kid': raw.account}, None)), Content_Type='application/jose+json'))
        self.refused('unauthorized', raw.post(raw.account, url=BASE + 'new-order'))
        self.refused('malformed', raw.post(raw.account, key=ec.generate_private_key(ec.SECP256R1())))
        self.refused('malformed', raw.post(raw.account, jwk=raw.jwk()))
        self.refused('malformed', raw.post('new-order', {}, jwk=raw.jwk(), kid=None))
        self.refused('badSignatureAlgorithm', raw.post(raw.account, alg='HS256'))
        self.refused('malformed', raw.post(raw.account, type='application/json'), 415)
        self.refused('malformed', raw.request('GET', raw.account), 405)
        self.refused('malformed', raw.request('GET', BASE + 'nothing'), 404)
        self.refused('accountDoesNotExist', raw.post(raw.account, kid=BASE + 'account/P-256.x.y'))
        self.refused('accountDoesNotExist', raw.post(raw.account, kid=raw.account.replace(DOMAIN, 'evil.example')))

    def test_another_name_of_the_server_is_none(self):
        self.refused('malformed', self.raw.request('GET', BASE + 'directory', Host='evil.example'))

    def test_accounts(self):
        raw, other = self.raw, Raw(self.client)
        self.refused('accountDoesNotExist', raw.register(onlyReturnExisting=True))
        self.refused('unsupportedContact', raw.register(contact=['tel:+123']))
        self.refused('invalidContact', raw.register(contact=['mailto:a@b.example,c@d.example']))
        self.assertEqual(201, raw.register().status)
        self.assertEqual(['mailto:new@clinic.example'], raw.post(raw.account, {'contact': ['mailto:new@clinic.example']}).json['contact'])
        self.assertEqual(201, other.register().status)
        self.refused('unauthorized', raw.post(other.account))
        self.assertEqual(200, raw.post(raw.account, {'status': 'deactivated'}).status)
        self.refused('unauthorized', raw.post('new-order', {'identifiers': [raw.dns(self.name)]}))
        self.refused('unauthorized', raw.register())

    def test_another_key(self):
        raw, other, new = self.raw, Raw(self.client), ec.generate_private_key(ec.SECP256R1())
        raw.register()
        other.register()

        def change(key, **more):
            inner = raw.sign({'alg': 'ES256', 'jwk': raw.jwk(key), 'url': BASE + 'key-change'},
                             {'account': raw.account, 'oldKey': raw.jwk(), **more}, key)
            return raw.post('key-change', inner)
        self.refused('malformed', change(other.key), 409)
        self.refused('malformed', change(new, oldKey=other.jwk()))
        self.refused('malformed', change(new, account=other.account))
        self.assertEqual(200, change(new).status)
        self.refused('malformed', raw.post(raw.account))
        raw.key = new
        self.assertEqual(200, raw.post(raw.account).status)


class Orders(Protocol):
    def setUp(self):
        super().setUp()
        self.raw.register()
        self.client.serve()

    def test_names(self):
        raw = self.raw
        self.refused('rejectedIdentifier', raw.order('www.example.org'))
        self.refused('rejectedIdentifier', raw.order('clinic.example.org'))
        for name in ('', 'a b.' + DOMAIN, '*.*.' + DOMAIN, 'x..' + DOMAIN, 'a' * 64 + '.' + DOMAIN, DOMAIN + '.'):
            self.refused('malformed', raw.order(name))
        self.refused('malformed', raw.order())
        self.refused('malformed', raw.order(self.name, notAfter='2030-01-01T00:00:00Z'))
        self.refused('unsupportedIdentifier', raw.post('new-order', {'identifiers': [{'type': 'email', 'value': 'a@b'}]}))
        self.refused('rejectedIdentifier', raw.post('new-order', {'identifiers': [{'type': 'ip', 'value': '127.0.0.1'}]}))
        self.refused('malformed', raw.post('new-order', {'identifiers': [{'type': 'ip', 'value': '10.66.1.01'}]}))
        self.refused('rateLimited', raw.order(*('n%d.%s' % (number, DOMAIN) for number in range(60))), 429)
        order = raw.order('*.' + DOMAIN)
        self.assertEqual(['dns-01'], [each['type'] for each in raw.post(order.json['authorizations'][0]).json['challenges']])
        order = raw.post('new-order', {'identifiers': [{'type': 'ip', 'value': self.client.address}]})
        self.assertEqual(['http-01', 'tls-alpn-01'], [each['type'] for each in raw.post(order.json['authorizations'][0]).json['challenges']])

    def test_names_that_the_root_is_older_than(self):
        with open(self.site.netsvc.config) as file:
            before = file.read()
        self.site.netsvc.write('lifeboat.conf', before.replace('names = *.' + DOMAIN, 'names = *.%s;*.more.example' % DOMAIN))
        self.site.netsvc.reload('serving')
        self.site.wait_for_https()
        self.raw.nonce = None
        self.refused('rejectedIdentifier', self.raw.order('www.more.example'))
        self.assertEqual(201, self.raw.order(self.name).status)

    def test_nothing_is_had_before_it_is_proved_and_only_what_was_ordered(self):
        raw = self.raw
        order = raw.order(self.name)
        self.refused('orderNotReady', raw.post(order.json['finalize'], {'csr': raw.csr(self.name)}), 403)
        list(raw.prove(order))
        self.assertEqual('ready', raw.post(order.headers['Location']).json['status'])
        self.refused('badCSR', raw.post(order.json['finalize'], {'csr': raw.csr(self.name, 'more.' + DOMAIN)}))
        self.refused('badCSR', raw.post(order.json['finalize'], {'csr': raw.csr('other.' + DOMAIN)}))
        self.refused('badCSR', raw.post(order.json['finalize'], {'csr': raw.csr(self.name, key=raw.key)}))
        self.refused('badCSR', raw.post(order.json['finalize'], {'csr': 'AAAA'}))
        other = Raw(self.client)
        other.register()
        for url in (order.headers['Location'], order.json['authorizations'][0]):
            self.refused('unauthorized', other.post(url))
        done = raw.post(order.json['finalize'], {'csr': raw.csr(self.name)})
        self.assertEqual('valid', done.json['status'])
        self.refused('unauthorized', other.post(done.json['certificate']))
        self.assertIn(order.headers['Location'], raw.post(raw.post(raw.account).json['orders']).json['orders'])

    def failed(self, how, type):
        order = self.raw.order(self.name)
        answer = next(self.raw.prove(order, how))
        self.assertEqual('invalid', answer.json['status'])
        error = answer.json['challenges'][0]['error']
        self.assertEqual('urn:ietf:params:acme:error:' + type, error['type'], error)
        self.assertEqual('invalid', self.raw.post(order.headers['Location']).json['status'])
        return error['detail']

    def test_a_wrong_answer_is_told(self):
        self.failed(lambda text: text + 'x', 'incorrectResponse')
        self.failed(lambda text: text.replace('.', '.x'), 'incorrectResponse')
        self.failed(lambda text: '', 'incorrectResponse')

    def test_it_is_sent_elsewhere_only_in_the_networks(self):
        other = self.site.client()
        other.serve()
        order = self.raw.order(self.name)

        def elsewhere(text):
            other.pages['/there'] = text + '\n'
            return '>http://%s/there' % other.name
        self.assertEqual('valid', next(self.raw.prove(order, elsewhere)).json['status'])
        self.assertIn('/there', other.asked)
        self.assertIn('outside', self.failed(lambda text: '>http://127.0.0.1/', 'rejectedIdentifier'))
        self.assertIn('outside', self.failed(lambda text: '>http://[::1]/', 'rejectedIdentifier'))
        self.assertIn('port 8080', self.failed(lambda text: '>http://%s:8080/' % other.name, 'connection'))
        self.failed(lambda text: '>ftp://%s/' % other.name, 'connection')
        self.client.pages['/round'] = '>/round'
        self.assertIn('more than 10', self.failed(lambda text: '>/round', 'connection'))

    def test_when_to_renew_and_what_replaces_what(self):
        raw = self.raw
        pem = raw.certificate(self.name)
        first = x509.load_pem_x509_certificate(pem.encode())
        issuer = first.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        serial = first.serial_number.to_bytes(first.serial_number.bit_length() // 8 + 1, 'big')
        id = '%s.%s' % (base64url(issuer), base64url(serial))
        answer = raw.request('GET', BASE + 'renewal-info/' + id)
        self.assertEqual(200, answer.status, answer.body)
        self.assertTrue(answer.headers['Retry-After'])
        window = answer.json['suggestedWindow']
        life = first.not_valid_after - first.not_valid_before
        self.assertEqual((first.not_valid_before + life * 2 / 3).strftime('%Y-%m-%dT%H:%M'), window['start'][:16])
        self.assertLess(window['start'], window['end'])
        self.refused('malformed', raw.request('GET', BASE + 'renewal-info/AAAA.AAAA'), 404)
        self.refused('malformed', raw.request('GET', BASE + 'renewal-info/x'))
        other = Raw(self.client)
        other.register()
        self.refused('unauthorized', other.order(self.name, replaces=id))
        self.refused('malformed', raw.order('laptop5.' + DOMAIN, replaces=id))
        raw.certificate(self.name, replaces=id)
        self.refused('alreadyReplaced', raw.order(self.name, replaces=id), 409)

    def test_who_revokes(self):
        raw, other, key = self.raw, Raw(self.client), ec.generate_private_key(ec.SECP256R1())
        other.register()
        first, second = raw.certificate(self.name), raw.certificate(self.name, key=key)
        body = {'certificate': base64url(ssl.PEM_cert_to_DER_cert(first[:first.index('END CERT')] + 'END CERTIFICATE-----\n'))}
        self.refused('unauthorized', other.post('revoke-cert', body))
        self.refused('unauthorized', other.post('revoke-cert', body, jwk=other.jwk(), kid=None))
        self.refused('badRevocationReason', raw.post('revoke-cert', {**body, 'reason': 7}))
        self.refused('malformed', raw.post('revoke-cert', {'certificate': 'AAAA'}))
        self.assertEqual(200, raw.post('revoke-cert', {**body, 'reason': 1}).status)
        self.refused('alreadyRevoked', raw.post('revoke-cert', body))
        body = {'certificate': base64url(ssl.PEM_cert_to_DER_cert(second[:second.index('END CERT')] + 'END CERTIFICATE-----\n'))}
        self.assertEqual(200, raw.post('revoke-cert', body, key=key, jwk=raw.jwk(key), kid=None).status)
        crl = x509.load_der_x509_crl(base64.b64decode(self.site.ask('cert/public')['crl'])) if 'crl' in self.site.ask('cert/public') else None
        if crl is not None:
            self.assertIsNotNone(crl.get_revoked_certificate_by_serial_number(x509.load_pem_x509_certificate(first.encode()).serial_number))

    def test_orders_survive_a_crash(self):
        raw = self.raw
        order = raw.order(self.name)
        list(raw.prove(order))
        self.site.netsvc.kill('web')
        self.site.netsvc.process.wait_for("'web' serves", times=2)
        self.site.wait_for_https()
        raw.nonce = None
        self.assertEqual('ready', raw.post(order.headers['Location']).json['status'])
        self.assertEqual('valid', raw.post(order.json['finalize'], {'csr': raw.csr(self.name)}).json['status'])

    def test_only_so_many_orders_wait(self):
        answers = [self.raw.order(self.name) for _ in range(51)]
        self.assertEqual({201}, {answer.status for answer in answers[:50]})
        self.refused('rateLimited', answers[50], 429)
        self.assertTrue(answers[50].headers['Retry-After'])
