"""An ACME client that says what a test wants it to say.

    raw = Raw(client)                                     # a key, and no account yet
    raw.register()
    answer = raw.post('new-order', {'identifiers': [raw.dns('laptop1.clinic.example')]})
    answer.status, answer.json, answer.headers
"""

import base64
import hashlib
import http.client
import json
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

from .acme import DOMAIN, SERVICE

HOST = DOMAIN + ':8443'
BASE = 'https://%s/acme/' % HOST
JOSE = 'application/jose+json'
ERROR = 'urn:ietf:params:acme:error:'


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def compact(value):
    return json.dumps(value, separators=(',', ':'), sort_keys=True).encode()


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body
        self.json = json.loads(body) if body and 'json' in response.headers.get('Content-Type', '') else None

    @property
    def problem(self):
        return self.json and self.json.get('type', '').replace(ERROR, '') if self.status >= 400 else None


class Connection(http.client.HTTPSConnection):
    def __init__(self, raw):
        super().__init__(DOMAIN, 8443, context=raw.context, timeout=30)
        self.raw = raw

    def connect(self):
        import socket
        with self.raw.client.host.entered():
            plain = socket.create_connection((SERVICE, 8443), self.timeout)
        self.sock = self.raw.context.wrap_socket(plain, server_hostname=DOMAIN)


class Raw:
    def __init__(self, client):
        self.client, self.test = client, client.test
        self.context = ssl.create_default_context(cafile=client.site.root)
        self.key, self.account, self.nonce = ec.generate_private_key(ec.SECP256R1()), None, None

    @staticmethod
    def dns(name):
        return {'type': 'dns', 'value': name}

    def jwk(self, key=None):
        numbers = (key or self.key).public_key().public_numbers()
        return {'kty': 'EC', 'crv': 'P-256', 'x': base64url(numbers.x.to_bytes(32, 'big')), 'y': base64url(numbers.y.to_bytes(32, 'big'))}

    def thumbprint(self):
        return base64url(hashlib.sha256(compact(self.jwk())).digest())

    def request(self, method, url, body=None, **headers):
        connection = Connection(self)
        headers = {'Host': HOST, **{name.replace('_', '-'): value for name, value in headers.items()}}
        connection.request(method, url.replace('https://' + HOST, ''), body, headers)
        response = connection.getresponse()
        answer = Answer(response, response.read())
        connection.close()
        self.nonce = answer.headers.get('Replay-Nonce') or self.nonce
        return answer

    def sign(self, header, payload, key=None):
        protected, payload = base64url(compact(header)), '' if payload is None else base64url(compact(payload))
        r, s = utils.decode_dss_signature((key or self.key).sign((protected + '.' + payload).encode(), ec.ECDSA(hashes.SHA256())))
        return {'protected': protected, 'payload': payload, 'signature': base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}

    def fresh_nonce(self):
        self.request('HEAD', BASE + 'new-nonce')
        return self.nonce

    def post(self, where, payload=None, key=None, type=JOSE, **header):
        """Members of the header can be given; None takes one out."""
        url = where if where.startswith('https:') else BASE + where
        whole = {'alg': 'ES256', 'url': url, 'nonce': self.nonce or self.fresh_nonce(), 'kid': self.account, **header}
        self.nonce = None
        body = self.sign({name: value for name, value in whole.items() if value is not None}, payload, key)
        return self.request('POST', url, compact(body), Content_Type=type)

    def register(self, **payload):
        answer = self.post('new-account', {'termsOfServiceAgreed': True, **payload}, jwk=self.jwk(), kid=None)
        if answer.status in (200, 201):
            self.account = answer.headers['Location']
        return answer

    def order(self, *names, **more):
        return self.post('new-order', {'identifiers': [self.dns(name) for name in names], **more})

    def until(self, url, *statuses):
        while True:
            answer = self.post(url)
            if answer.json['status'] in statuses:
                return answer

    def csr(self, *names, key=None):
        made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        return base64url(made.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.DER))

    def prove(self, order, how=None):
        """Each authorization by HTTP, with what the client serves; `how` may change the text."""
        for url in order.json['authorizations']:
            challenge = next(each for each in self.post(url).json['challenges'] if each['type'] == 'http-01')
            text = challenge['token'] + '.' + self.thumbprint()
            self.client.pages['/.well-known/acme-challenge/' + challenge['token']] = how(text) if how else text
            self.post(challenge['url'], {})
            yield self.until(url, 'valid', 'invalid')

    def certificate(self, *names, key=None, **more):
        """The whole way; gives PEM."""
        order = self.order(*names, **more)
        self.test.assertEqual(201, order.status, order.body)
        self.test.assertEqual(['valid'] * len(names), [each.json['status'] for each in self.prove(order)])
        done = self.post(order.json['finalize'], {'csr': self.csr(*names, key=key)})
        self.test.assertEqual('valid', done.json['status'], done.body)
        return self.post(done.json['certificate']).body.decode()
