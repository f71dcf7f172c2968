"""Two nodes of a site: node a is the first server, node b the second, whose daemon is asked what lifeboat-netsvc asks."""

from .couch import quote
from .daemon import Daemon
from .server import wait_until
from .standby import Following


class Pair(Following):
    """Both nodes are servers; b's daemon runs when `start` is called."""

    def setUp(self):
        super().setUp()
        self.other = self.standby.couch

    def start(self, url=None, follow=None, **settings):
        """The daemon of b, which is told that a is where `url` says."""
        chosen = {'include': self.server.prefix + '*'} if self.server.prefix else {}
        if follow:
            chosen['follow'] = follow
        self.daemon = Daemon(self.site, self.other.url, node='b', standby=chosen,
                             peers={'a': url or self.couch.url, 'b': self.other.url}, **settings)
        self.daemon.wait_for_listening()

    def step(self, name, expect=None, **members):
        answer = self.daemon.request(ask='switch/' + name, **members)
        if expect is None:
            self.assertNotIn('error', answer, self.daemon.log)
        else:
            self.assertIn(expect, answer.get('error', str(answer)))
        return answer

    def role(self, name, term=1, **members):
        return self.step('role', role=name, term=term, **members)

    def is_followed(self):
        return self.daemon.request(ask='status').get('standby') is not None

    def wait_until_equal(self):
        def equal():
            lag = self.role('standby')['lag']
            return lag and lag['contact'] and lag['databases'] == 0
        self.assertTrue(wait_until(equal, 60), self.daemon.log)

    def uuid(self, couch):
        return couch.get('/')['uuid']

    def sequence(self, couch=None, name=None):
        return (couch or self.couch).info(name or self.medic)['update_seq']

    def leave(self, id, last, couch=None, older=(), name=None):
        """A client's checkpoint."""
        history = [{'session_id': 'session-' + id, 'last_seq': last}, *older]
        (couch or self.couch).put(name or self.medic, {'_id': '_local/' + id, 'session_id': 'session-' + id, 'last_seq': last,
                                                       'history': history, 'replicator': 'pouchdb', 'version': 1})

    def checkpoint(self, id, couch=None, name=None):
        answer = (couch or self.other).ask('GET', '/%s/_local/%s' % (quote(name or self.medic), id), expect=(200, 404))
        return answer.json() if answer.status == 200 else None
