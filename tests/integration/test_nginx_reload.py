"""The hook that has nginx read the certificate again, with programs in place of docker and nginx that note what they are told."""

import os
import subprocess
import tempfile
import unittest

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'etc', 'hooks', 'nginx-reload')


class NginxReload(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.pid = os.path.join(self.folder, 'nginx.pid')

    def program(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write('#!/bin/sh\necho %s "$@" >> %s/told\n%s\n' % (name, self.folder, text))
        os.chmod(path, 0o755)

    def run_hook(self, *words, code=0):
        environment = {'PATH': self.folder + ':/usr/bin:/bin', 'LIFEBOAT_NGINX_PID': self.pid, 'LIFEBOAT_EVENT': 'certificate'}
        done = subprocess.run([HOOK, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(code, done.returncode, done.stdout)
        return done.stdout

    def told(self):
        try:
            with open(os.path.join(self.folder, 'told')) as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def test_chts_nginx_reads_it_again(self):
        self.program('docker', 'case $1 in ps) echo 4f00ba5e ;; esac')
        self.run_hook('certificate')
        self.assertIn('docker exec 4f00ba5e nginx -t\ndocker exec 4f00ba5e nginx -s reload\n', self.told())

    def test_what_nginx_does_not_take_is_told_and_nothing_is_reloaded(self):
        self.program('docker', 'case $1 in ps) echo 4f00ba5e ;; exec) echo "nginx: [emerg] cannot load key" >&2; exit 1 ;; esac')
        self.assertIn('cannot load key', self.run_hook('certificate', code=1))
        self.assertNotIn('reload', self.told())

    def test_one_on_the_server_itself(self):
        self.program('docker', 'exit 1')  # its daemon does not run
        self.program('nginx', '')
        with open(self.pid, 'w') as file:
            file.write('17\n')
        self.run_hook('certificate')
        self.assertIn('nginx -t\nnginx -s reload\n', self.told())

    def test_where_none_runs_there_is_nothing_to_do(self):
        self.program('docker', '')
        self.assertIn('no nginx runs here', self.run_hook('certificate'))

    def test_what_is_told_of_drives_is_not_its_matter(self):
        self.program('docker', 'case $1 in ps) echo 4f00ba5e ;; esac')
        self.run_hook('safe')
        self.assertEqual('', self.told())
