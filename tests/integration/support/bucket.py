"""A bucket to test with: s3rver from npm behind a proxy that checks what a real service checks, and misbehaves on demand.

s3rver keeps the objects, and has lists, ranges and multipart uploads. It checks no SigV4 signature and no hash of what
comes, and has no ListMultipartUploads, ListParts and AbortMultipartUpload: the proxy does that, unless `bare`.

    bucket = Bucket(test)                    # its url names a bucket
    bucket.on('PUT', r'data\\.000', faulty.hang_up())
    bucket.keys()                            # what stands in it
"""

import base64
import hashlib
import hmac
import http.client
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse
from xml.sax.saxutils import escape

from . import faulty
from .server import NPM_FOLDER, end_with_parent, free_port, wait_until

NAME, KEY, SECRET, REGION = 'clinic-copies', 'S3RVER', 'S3RVER', 'us-east-1'


def error(status, code, message='scripted', headers=()):
    """Answers as S3 does when something is wrong."""
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>' % (code, message)
    return faulty.status(status, text, [('Content-Type', 'application/xml'), *headers])


def other_etag(act=None):
    """Keeps the object, and answers with an ETag that is no MD5 of it, as with a key of the customer's."""
    def fault(x):
        x.send = lambda status, headers, body: type(x).send(
            x, status, [(n, v if n.lower() != 'etag' else '"%s"' % ('f' * 32)) for n, v in headers], body)
        (act or x.proxy._serve)(x)
    return fault


# ---- signatures ----

def signature(method, target, headers, secret=SECRET):
    """What the Authorization header must end with (AWS Signature Version 4 for S3): an independent reading of the
    specification. `headers` by lower-case names."""
    fields = dict(part.strip().split('=', 1) for part in headers['authorization'].split(' ', 1)[1].split(','))
    path, _, query = target.partition('?')
    pairs = sorted(tuple((pair + '=').split('=')[:2]) for pair in query.split('&') if pair)
    names = fields['SignedHeaders'].split(';')
    canonical = '\n'.join([method, path, '&'.join('%s=%s' % pair for pair in pairs),
                           *('%s:%s' % (name, ' '.join(headers.get(name, '').split())) for name in names), '',
                           ';'.join(names), headers['x-amz-content-sha256']])
    _, date, region, service, request = fields['Credential'].split('/')
    scope = '/'.join([date, region, service, request])
    to_sign = '\n'.join(['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ('AWS4' + secret).encode()
    for part in (date, region, service, request):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def complaint(method, target, headers, body):
    """What a real service says of such a request: (status, code, message), or None."""
    if not headers.get('authorization', '').startswith('AWS4-HMAC-SHA256 '):
        return 403, 'AccessDenied', 'Access Denied'
    fields = dict(part.strip().split('=', 1) for part in headers['authorization'].split(' ', 1)[1].split(','))
    if fields['Credential'].split('/')[0] != KEY:
        return 403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.'
    if fields['Credential'].split('/')[2:4] != [REGION, 's3']:
        return 400, 'AuthorizationHeaderMalformed', "the region is wrong; expecting '%s'" % REGION
    needed = {'host', *(name for name in headers if name.startswith('x-amz-'))}
    if not needed <= set(fields['SignedHeaders'].split(';')):
        return 403, 'AccessDenied', 'There were headers present in the request which were not signed'
    if signature(method, target, headers) != fields['Signature']:
        return 403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match.'
    if headers['x-amz-content-sha256'] != hashlib.sha256(body).hexdigest():
        return 400, 'XAmzContentSHA256Mismatch', 'The provided header does not match what was computed.'
    if 'partNumber' in target and any(name.startswith('x-amz-checksum-') for name in headers):
        return 400, 'InvalidRequest', 'Checksum Type mismatch occurred, expected checksum Type: null, actual checksum Type: sha256'
    if headers.get('x-amz-checksum-sha256') not in (None, base64.b64encode(hashlib.sha256(body).digest()).decode()):
        return 400, 'BadDigest', 'The SHA256 you specified did not match the calculated checksum.'
    if 'content-md5' in headers and headers['content-md5'] != base64.b64encode(hashlib.md5(body).digest()).decode():
        return 400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.'
    return None


# ---- the server ----

class Bucket(faulty.Faulty):
    def __init__(self, test, bare=False):
        program = os.path.join(NPM_FOLDER, 'node_modules', '.bin', 's3rver')
        if not os.path.exists(program):
            raise unittest.SkipTest('s3rver is not installed: run tests/run')
        self.folder = tempfile.mkdtemp(prefix='lifeboat-bucket-')
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for _ in range(5):
            port = free_port()
            with open(os.path.join(self.folder, 'log'), 'w') as log:
                process = subprocess.Popen(
                    [program, '--directory', os.path.join(self.folder, 'data'), '--address', '127.0.0.1', '--port', str(port),
                     '--silent', '--no-vhost-buckets', '--configure-bucket', NAME],
                    stdout=log, stderr=log, preexec_fn=end_with_parent, env=dict(
                        os.environ, NODE_NO_WARNINGS='1', NODE_OPTIONS='--openssl-legacy-provider'))  # it encrypts with DES
            test.addCleanup(self._end, process)
            if wait_until(lambda: process.poll() is not None or self._listens(), 60) and process.poll() is None:
                break
        else:
            raise RuntimeError('s3rver does not start')
        super().__init__('http://127.0.0.1:%d' % port)
        test.addCleanup(self.close)
        self.bare = bare
        self.uploads = {}  # id: [key, {number: (etag, size)}]
        self.refused = []  # complaints about requests

    def _listens(self):
        with open(os.path.join(self.folder, 'log')) as log:
            return 'listening on' in log.read()

    def _end(self, process):
        process.kill()
        process.wait(20)

    @property
    def url(self):
        return 'http://127.0.0.1:%d/%s' % (self.port, NAME)

    # ---- what tests look at and change behind its back ----

    def _ask(self, method, target, body=None):
        connection = http.client.HTTPConnection(*self.upstream, timeout=60)
        try:
            connection.request(method, target, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def keys(self, prefix=''):
        """All keys, sorted."""
        found, token = [], ''
        while True:
            _, body = self._ask('GET', '/%s?list-type=2&prefix=%s%s' % (NAME, urllib.parse.quote(prefix, ''), token))
            text = body.decode()
            found += re.findall(r'<Key>([^<]*)</Key>', text)
            more = re.search(r'<NextContinuationToken>([^<]*)</NextContinuationToken>', text)
            if not more:
                return sorted(found)
            token = '&continuation-token=' + urllib.parse.quote(more.group(1), '')

    def sealed(self, prefix='lifeboat/'):
        """Folders of the snapshots that count."""
        return sorted(key.split('/')[-2] for key in self.keys(prefix) if key.endswith('/snapshot.json.minisig'))

    def get(self, key):
        status, body = self._ask('GET', '/%s/%s' % (NAME, urllib.parse.quote(key)))
        return body if status == 200 else None

    def put(self, key, body):
        status, answer = self._ask('PUT', '/%s/%s' % (NAME, urllib.parse.quote(key)), body)
        assert status == 200, answer

    def remove(self, key):
        self._ask('DELETE', '/%s/%s' % (NAME, urllib.parse.quote(key)))

    # ---- what comes ----

    def _take(self, exchange):
        headers = {name.lower(): value for name, value in exchange.handler.headers.items()}
        wrong = complaint(exchange.method, exchange.path, headers, exchange.body)
        if wrong:
            self.refused.append(wrong)
            return error(*wrong)
        fault = super()._take(exchange)
        if fault is not faulty.Exchange.pass_on:
            return fault
        return fault if self.bare else self._serve

    def _serve(self, x):
        path, _, query = x.path.partition('?')
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        key = urllib.parse.unquote(path).split('/', 2)[2] if path.count('/') > 1 else ''
        if x.method == 'GET' and 'uploads' in asked:
            return self._send_xml(x, 'ListMultipartUploadsResult', ''.join(
                '<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>' % (escape(name), id)
                for id, (name, _) in self.uploads.items() if name.startswith(asked.get('prefix', ''))))
        if 'uploadId' in asked and asked['uploadId'] not in self.uploads:
            return error(404, 'NoSuchUpload')(x)
        if x.method == 'GET' and 'uploadId' in asked:
            return self._send_xml(x, 'ListPartsResult', ''.join(
                '<Part><PartNumber>%d</PartNumber><ETag>%s</ETag><Size>%d</Size></Part>' % (n, escape(etag), size)
                for n, (etag, size) in sorted(self.uploads[asked['uploadId']][1].items())))
        if x.method == 'DELETE' and 'uploadId' in asked:
            del self.uploads[asked['uploadId']]
            return x.send(204, [], b'')
        status, answered, body = x.ask()
        if x.method == 'POST' and 'uploads' in asked and status == 200:
            self.uploads[re.search(rb'<UploadId>([^<]*)<', body).group(1).decode()] = [key, {}]
        elif x.method == 'PUT' and 'uploadId' in asked and status == 200:
            etag = dict((n.lower(), v) for n, v in answered)['etag']
            self.uploads[asked['uploadId']][1][int(asked['partNumber'])] = etag, len(x.body)
        elif x.method == 'POST' and 'uploadId' in asked and status == 200:
            del self.uploads[asked['uploadId']]
        x.send(status, answered, body)

    def _send_xml(self, x, name, inside):
        text = '<?xml version="1.0" encoding="UTF-8"?>\n<%s>%s<IsTruncated>false</IsTruncated></%s>' % (name, inside, name)
        x.send(200, [('Content-Type', 'application/xml')], text.encode())
