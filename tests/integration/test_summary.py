"""With --json the last line is a summary, whatever happens."""

import os

from support import faulty
from support.case import Case
from support.lifeboat import DAMAGED, LATER, USAGE

PATIENCE = ('--patience', '2')


class Summary(Case):
    scripted = True
    people = 2

    def assert_summed_up(self, run, *texts):
        self.assertEqual(('summary', run.code), (run.summary['event'], run.summary['exit']), str(run))
        for text in texts:
            self.assertIn(text, run.summary['error'])
            self.assertIn(text, run.err)
        self.assertNotIn('hint:', run.summary['error'])

    def each(self, store, keys, **how):
        for command, options in (('run', ('--target', self.server.url)), ('extract', ('--to', self.site.path('out'))),
                                 ('drill', ('--target', self.server.url)), ('verify', ()), ('list', ())):
            yield self.site.run('lifeboat-restore', command, store, '--keys', keys, '--json', *options, **how)

    def test_of_failures_of_every_kind(self):
        self.assert_summed_up(self.site.snapshot('http://127.0.0.1:1', *PATIENCE, expect=None), '127.0.0.1')
        self.site.snapshot(self.server)
        for run in self.each(self.site.path('nothing'), self.site.keys, expect=DAMAGED):
            self.assert_summed_up(run, 'no store')
        for run in self.each(self.site.store, self.site.path('nokeys'), expect=None):
            self.assert_summed_up(run, 'nokeys')
        self.assert_summed_up(self.site.restore(self.server, '--db', 'nope', expect=USAGE), 'nope')
        self.assert_summed_up(self.site.restore('http://127.0.0.1:1', *PATIENCE, expect=None), '127.0.0.1')

    def test_of_a_stop(self):
        self.site.snapshot(self.server)
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            process = self.site.start('lifeboat-restore', 'run', self.site.store, '--target', proxy.url, '--keys',
                                      self.site.keys, '--json')
            proxy.on('POST', '/medic/_bulk_docs', faulty.first(process.terminate), times=None)
            run = self.site.finish(process)
        self.assertEqual(LATER, run.code)
        self.assert_summed_up(run, 'stopped')
        self.assert_says(run, 'hint: run the same command again')
        self.assertIn('again', run.summary['hint'])

    def test_of_a_list_that_shows_damage(self):
        self.site.snapshot(self.server)
        os.truncate(os.path.join(self.site.snapshot_folder(self.site.snapshots()[0]), 'data.000'), 100)
        self.assertEqual(DAMAGED, self.site.list(expect=DAMAGED).summary['exit'])
