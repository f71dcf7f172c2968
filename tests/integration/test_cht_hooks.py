"""The hooks that start and stop CHT, against a `docker` that only writes down what it is told."""

import os
import stat
import subprocess
import tempfile
import unittest

HOOKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'etc', 'hooks')
DOCKER = '''#!/bin/sh
case $1 in
info) [ ! -e %(folder)s/down ] ;;
ps) cat %(folder)s/containers ;;
*) echo "$*" >> %(folder)s/told; [ ! -e %(folder)s/fails ] ;;
esac
'''
CONTAINERS = '''a1 public.ecr.aws/medic/cht-api:4.21.1
s1 public.ecr.aws/medic/cht-sentinel:4.21.1
n1 public.ecr.aws/medic/cht-nginx:4.21.1
h1 public.ecr.aws/medic/cht-haproxy:4.21.1
hh registry:5000/medic/cht-haproxy-healthcheck:4.21.1
c1 public.ecr.aws/medic/cht-couchdb:4.21.1
u1 public.ecr.aws/s5s3h4s7/cht-upgrade-service:latest
x1 example.org/cht-api-watcher:1
'''


class Hooks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='lifeboat-cht-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.write('docker', DOCKER % {'folder': self.folder})
        os.chmod(os.path.join(self.folder, 'docker'), stat.S_IRWXU)
        self.write('containers', CONTAINERS)

    def write(self, name, text=''):
        with open(os.path.join(self.folder, name), 'w') as file:
            file.write(text)

    def run_hook(self, name, *arguments, expect=0):
        done = subprocess.run([os.path.join(HOOKS, name), *arguments], env={'PATH': self.folder + ':' + os.environ['PATH']},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(expect, done.returncode, done.stdout)
        return done.stdout

    def told(self, word):
        path = os.path.join(self.folder, 'told')
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return [line.split()[-1] for line in file if line.startswith(word + ' ')]

    def test_all_but_couchdb_and_haproxy_stop_and_stay_so_at_the_next_boot(self):
        self.run_hook('cht-stop', 'stop')
        self.assertEqual(['u1', 'n1', 's1', 'a1', 'hh'], self.told('stop'))
        self.assertEqual(self.told('stop'), self.told('update'))

    def test_all_start_and_docker_does_not_start_them_by_itself(self):
        self.run_hook('cht-start', 'start')
        self.assertEqual(['c1', 'h1', 'hh', 'a1', 'n1', 's1', 'u1'], self.told('start'))
        self.assertEqual(['hh', 'a1', 'n1', 's1', 'u1'], self.told('update'))

    def test_a_failure_is_told(self):
        self.write('fails')
        self.assertIn('could not be stopped', self.run_hook('cht-stop', 'stop', expect=1))
        self.assertIn('could not be started', self.run_hook('cht-start', 'start', expect=1))

    def test_without_docker_nothing_is_to_be_stopped_and_nothing_can_be_started(self):
        self.write('down')
        self.run_hook('cht-stop', 'stop')
        self.assertIn('does not run', self.run_hook('cht-start', 'start', expect=1))

    def test_a_node_without_cht_cannot_start_it(self):
        self.write('containers', 'c1 public.ecr.aws/medic/cht-couchdb:4.21.1\n')
        self.assertIn('there is no CHT', self.run_hook('cht-start', 'start', expect=1))

    def test_the_events_of_drives_do_nothing(self):
        for event in ('started', 'progress', 'safe', 'done', 'failed', 'unknown', 'overdue'):
            self.run_hook('cht-stop', event)
            self.run_hook('cht-start', event)
        self.assertEqual([], self.told('stop') + self.told('start'))


if __name__ == '__main__':
    unittest.main()
