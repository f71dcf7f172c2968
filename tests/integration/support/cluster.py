"""A cluster's copies, looked at one by one: each keeps its own time, and any of them may answer the next question.

A write that two of three copies took is acknowledged while the third may not have it yet. Tests that write and then
read wait here until no copy differs from the others: `settle`.
"""

import json

from . import server
from .couch import quote

SETTLE = 60  # seconds that copies have to become equal

# Of these each copy may have its own: a cluster does not bring _local documents to a node that was down.
OUTSIDE = ('_local/shard-sync-', '_local/purge-', '_local/lifeboat-')


def nodes(couch):
    """Names of the cluster's members; a server that knows no cluster has none."""
    answer = couch.ask('GET', '/_membership', expect=(200, 400, 404))
    return answer.json().get('cluster_nodes', []) if answer.status == 200 else []


def is_cluster(couch):
    return len(nodes(couch)) > 1


def copies(couch, name):
    """{(range, node): {'seq', 'leaves', 'local', 'security', 'revs_limit'}}, None for a copy that does not answer."""
    answer = couch.ask('GET', '/_node/_local/_dbs/' + quote(name), expect=(200, 404))
    if answer.status == 404:
        return {}
    shards = answer.json()
    suffix = ''.join(map(chr, shards['shard_suffix']))
    return {(range, node): _copy(couch, '/_node/%s/%s' % (node, quote('shards/%s/%s%s' % (range, name, suffix))))
            for range, members in shards['by_range'].items() for node in members}


def _copy(couch, path):
    answers = [couch.ask('GET', path + rest, expect=(200, 404, 500))
               for rest in ('/_changes?style=all_docs', '/_local_docs', '/_security', '/_revs_limit')]
    if any(answer.status != 200 for answer in answers):
        return None
    feed, local, security, revs_limit = (answer.json() for answer in answers)
    return {'seq': feed['last_seq'],
            'leaves': {row['id']: sorted(change['rev'] for change in row['changes']) for row in feed['results']},
            'local': {row['id']: row['value']['rev'] for row in local['rows']
                      if not row['id'].startswith(OUTSIDE)},
            'security': security, 'revs_limit': revs_limit}


def _are_equal(found):
    of_range = {}
    for (range, _), copy in found.items():
        told = copy and json.dumps({key: copy[key] for key in copy if key != 'seq'}, sort_keys=True)
        of_range.setdefault(range, set()).add(told)
    return all(len(told) == 1 and None not in told for told in of_range.values())


def settle(couch, name):
    """Waits until all copies of a database are equal, and returns what they are."""
    found = {}

    def equal():
        found.clear()
        found.update(copies(couch, name))
        return _are_equal(found)
    if not server.wait_until(equal, SETTLE):
        raise AssertionError('copies of %s still differ after %d s' % (name, SETTLE))
    return found


def sequences(couch, name):
    """What moves with every write and with nothing else: of each copy, or the feed's own on a single server."""
    if is_cluster(couch):
        return {where: copy['seq'] for where, copy in settle(couch, name).items()}
    return couch.changes(name)['last_seq']
