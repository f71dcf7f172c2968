"""A server with one small database, for tests about one thing, and restores that are killed on the way."""

from . import faulty, server
from .case import Case
from .lifeboat import Site

MEMBERS = {'members': {'names': [], 'roles': ['medic-access']}, 'admins': {'names': [], 'roles': []}}
ADMINS = {'members': {'roles': ['_admin']}, 'admins': {'roles': ['_admin']}}


class Small(Case):
    def setUp(self):
        self.server = server.start_standin() if self.scripted else server.start()
        self.addCleanup(self.server.close)
        self.couch = self.server.couch
        self.medic = self.couch.create(self.server.name('medic'))
        self.couch.set_security(self.medic, MEMBERS)
        self.site = Site(self)

    def person(self, target, *options):
        """A restore as a person reads it."""
        url = target if isinstance(target, str) else target.url
        return self.site.run('lifeboat-restore', 'run', self.site.store, '--target', url, '--keys', self.site.keys, *options)

    def kill_at(self, target, method, path, *options, after=0):
        """A restore that is killed when it has sent such a request, which does not arrive."""
        with faulty.Faulty(target.url) as proxy:
            rule = proxy.on(method, path, lambda x: x.proxy.closing.wait(60), after=after)
            process = self.site.start('lifeboat-restore', 'run', self.site.store, '--target', proxy.url,
                                      '--keys', self.site.keys, *options)
            self.assertTrue(server.wait_until(lambda: rule.hits, 60), 'there was no such request')
            process.kill()
            self.site.finish(process)

    def security(self, couch, name=None):
        return couch.get('/%s/_security' % server.quote(name or self.medic))

    def local(self, couch, id):
        return couch.get('/%s/_local/%s' % (server.quote(self.medic), id))
