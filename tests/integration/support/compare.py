"""Compares databases of two servers, or of one server at two times, exactly.

`capture` reads everything that a snapshot promises to keep into plain dictionaries; `differences` names what is not
equal, in sentences. Values stay raw text: 1.0 is not 1. Of a cluster it reads when the copies are equal.
"""

import hashlib
import json

from . import cluster, rawjson
from .couch import quote

TOKENS = '_local/lifeboat-'


class Captured(dict):
    """{'leaves': {(id, rev): …}, 'security': text, …}"""


def capture(couch, name):
    found = Captured(leaves={}, local={})
    npm = couch.is_npm()
    if cluster.is_cluster(couch):
        cluster.settle(couch, name)
    for id in couch.leaf_sets(name):
        for raw in couch.leaves(name, id):
            leaf = _leaf(couch, name, id, raw, npm)
            found['leaves'][id, leaf['rev']] = leaf
    found['security'] = couch.ask('GET', '/%s/_security' % quote(name)).json()
    if not npm:
        found['revs_limit'] = couch.get('/%s/_revs_limit' % quote(name))
        info = couch.info(name)
        found['shape'] = {'q': info['cluster']['q'], 'n': info['cluster']['n'],
                          'partitioned': info['props'].get('partitioned', False)}
        for id, raw in couch.local_documents(name).items():
            body, _ = rawjson.body_and_special(raw)
            if not id.startswith(TOKENS) and 'session_id' not in dict(body) and 'history' not in dict(body):
                found['local'][id] = body
    return found


def _leaf(couch, name, id, raw, npm):
    body, special = rawjson.body_and_special(raw)
    rev = json.loads(special['_rev'])
    leaf = {'rev': rev, 'body': sorted(body) if npm else body, 'deleted': special.get('_deleted') == 'true',
            'path': json.loads(special['_revisions']), 'attachments': {}}
    for attachment, told in json.loads(special.get('_attachments', '{}')).items():
        told.pop('stub', None)
        if npm:
            told = {key: told[key] for key in ('content_type', 'digest')}
        stored, encoding = couch.attachment(name, id, rev, attachment)
        leaf['attachments'][attachment] = dict(told, sha256=hashlib.sha256(stored).hexdigest(), sent_as=encoding)
    return leaf


def differences(before, after, ignore=()):
    """Sentences; an empty list when all is equal. `ignore`: keys of the capture that may differ."""
    found = []
    for kind in ('security', 'revs_limit', 'shape', 'local'):
        if kind not in ignore and before.get(kind) != after.get(kind):
            found.append('%s: %r became %r' % (kind, before.get(kind), after.get(kind)))
    for key in sorted(set(before['leaves']) | set(after['leaves']), key=repr):
        was, now = before['leaves'].get(key), after['leaves'].get(key)
        if was == now:
            continue
        if not was or not now:
            found.append('leaf %s %s is %s' % (*key, 'new' if now else 'missing'))
            continue
        for part in was:
            if was[part] != now[part]:
                found.append('leaf %s %s: %s was %.300r, is %.300r' % (*key, part, was[part], now[part]))
    return found


def assert_same(test, before, after, ignore=()):
    found = differences(before, after, ignore)
    test.assertEqual([], found[:10], '%d differences' % len(found))
