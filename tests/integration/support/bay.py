"""A place to plug drives in: loop devices that udev calls USB sticks, in namespaces of their own.

    bay = Bay(self)                        # skips the test where that is not possible
    daemon = Daemon(site, bay.url(server.url), bay=bay)
    stick = bay.stick('blue')              # a file with a file system
    bay.plug(stick)                        # udev tells of it
    bay.unplug(stick)

udevd runs as a plain process in a private mount and network namespace, where there is a user `lifeboat`, too. The
server is reached through a relay, for that network has nothing but itself.
"""

import atexit
import contextlib
import ctypes
import fcntl
import hashlib
import os
import select
import socket
import stat
import subprocess
import threading
import unittest
import urllib.parse

UDEVD = '/lib/systemd/systemd-udevd'
PATIENCE = 30  # seconds
USER = 64321   # the user `lifeboat` in there
CLONE_NEWNET = 0x40000000
LOOP_CTL_ADD = 0x4C80
LOOPS_OF_OUR_OWN = 100

# Becomes what holds the namespaces: says `ready`, and stays until its input ends.
KEEPER = r'''
set -e
mount -t tmpfs run /run
mkdir -p /run/udev/rules.d /run/dev
cp -a /dev/null /dev/zero /dev/full /dev/urandom /dev/random /dev/tty /dev/loop* /dev/kmsg /run/dev/ 2>/dev/null || true
mkdir -p /run/dev/pts /run/dev/shm
ln -s /proc/self/fd /run/dev/fd
mount --bind /run/dev /dev
for file in passwd group; do cp /etc/$file /run/$file; done
echo 'lifeboat:x:%(user)d:%(user)d::/nonexistent:/usr/sbin/nologin' >> /run/passwd
echo 'lifeboat:x:%(user)d:' >> /run/group
for file in passwd group; do mount --bind /run/$file /etc/$file; done
ip link set lo up
cat > /run/udev/rules.d/10-stick.rules <<'RULES'
SUBSYSTEM=="block", KERNEL=="loop*", ENV{ID_BUS}="usb", ENV{ID_VENDOR}="Lifeboat", ENV{ID_MODEL}="Test_Stick"
RULES
cat > /run/udev/rules.d/99-strangers.rules <<'RULES'
SUBSYSTEM=="block", KERNEL=="loop*", ATTR{loop/backing_file}!="%(folder)s/sticks/*", ENV{ID_FS_USAGE}="", ENV{ID_FS_UUID}=""
RULES
%(udevd)s --children-max=2 --resolve-names=never 2>/dev/null >/dev/null &
trap "kill $!" EXIT
until udevadm control --ping 2>/dev/null; do :; done
echo ready
read -r end || true
'''


class Stick:
    def __init__(self, path):
        self.path, self.device = path, None

    def digest(self):
        with open(self.path, 'rb') as file:
            return hashlib.sha256(file.read()).hexdigest()


class Bay:
    USER = USER

    def __init__(self, test):
        self.test, self.plugged = test, []
        for needed in (UDEVD, '/usr/bin/nsenter', '/sbin/mkfs.ext4', '/sbin/losetup', '/sbin/ip'):
            if not os.path.exists(needed):
                raise unittest.SkipTest('there is no %s' % needed)
        if os.geteuid() != 0:
            raise unittest.SkipTest('plugging drives in takes root')
        loop = subprocess.run(['losetup', '-f'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if loop.returncode:
            raise unittest.SkipTest('no loop devices here: ' + loop.stderr.strip())
        self.keeper = subprocess.Popen(['unshare', '-m', '-n', '--propagation', 'private', 'sh', '-c',
                                        KEEPER % {'user': USER, 'udevd': UDEVD, 'folder': test.site.folder}],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.close)
        atexit.register(self.keeper.kill)
        if self.keeper.stdout.readline() != 'ready\n':
            raise unittest.SkipTest('no namespaces here: ' + self.keeper.stderr.read()[-300:])
        self.relays = []

    @property
    def before(self):
        """Of a command that is to run in there."""
        return ('nsenter', '-t', str(self.keeper.pid), '-m', '-n')

    def run(self, *command, expect=0):
        done = subprocess.run([*self.before, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.test.assertEqual(expect, done.returncode, '%s\n%s' % (command, done.stdout))
        return done.stdout

    # ---- the server, from in there ----

    def url(self, url):
        """Where a server is reached from in there."""
        split = urllib.parse.urlsplit(url)
        listener = self._listen()
        threading.Thread(target=_relay, args=(listener, (split.hostname, split.port)), daemon=True).start()
        self.relays.append(listener)
        return url.replace('%s:%d' % (split.hostname, split.port), '127.0.0.1:%d' % listener.getsockname()[1])

    def _listen(self):
        """A socket in there: made by a thread that enters the network for it, and ends."""
        made = []

        def enter():
            with open('/proc/%d/ns/net' % self.keeper.pid) as net:
                if ctypes.CDLL(None, use_errno=True).setns(net.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.create_server(('127.0.0.1', 0)))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]

    # ---- sticks ----

    def stick(self, label=None, megabytes=64, type='ext4'):
        folder = os.path.join(self.test.site.folder, 'sticks')
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, '%s.img' % (label or 'stick'))
        with open(path, 'wb') as file:
            file.truncate(megabytes << 20)
        if type:
            subprocess.run(['mkfs.' + type, '-q', '-F', '-m', '0', *(['-L', label] if label else []), path], check=True)
        return Stick(path)

    @staticmethod
    def number_of_our_own():
        """A loop device that nobody else takes in the moment when it is free: others get the first free one."""
        number = LOOPS_OF_OUR_OWN + os.getpid() % 100
        path = '/dev/loop%d' % number
        with open('/dev/loop-control') as control, contextlib.suppress(FileExistsError):
            fcntl.ioctl(control, LOOP_CTL_ADD, number)
        with contextlib.suppress(FileExistsError):
            os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(7, number))
        return path

    def attach(self, stick, read_only=False, at=None):
        """Without a word of udev's."""
        stick.device = subprocess.run(['losetup', '--show', *(['-r'] if read_only else []), at or '-f', stick.path],
                                      check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.plugged.append(stick)
        if not read_only:  # which a loop device may be from an earlier life
            subprocess.run(['blockdev', '--setrw', stick.device], check=True)
        name = os.path.basename(stick.device)
        if not os.path.exists('/proc/%d/root/dev/%s' % (self.keeper.pid, name)):
            self.run('mknod', '/dev/' + name, 'b', '7', name[4:])
        return stick.device

    def plug(self, stick, read_only=False, at=None):
        self.attach(stick, read_only, at)
        self.tell(stick, 'add')
        self.run('udevadm', 'settle', '--timeout=30')
        return stick.device

    def tell(self, stick, action):
        with open('/sys/block/%s/uevent' % os.path.basename(stick.device), 'w') as file:
            file.write(action)

    def unplug(self, stick):
        self.tell(stick, 'remove')
        self.run('udevadm', 'settle', '--timeout=30')
        subprocess.run(['losetup', '-d', stick.device], check=True)
        self._wait_for_detached(stick.path)
        self.plugged.remove(stick)

    def _wait_for_detached(self, path):
        """Somebody may have it open still, as udev's probes do."""
        while subprocess.run(['losetup', '-j', path], check=True, stdout=subprocess.PIPE).stdout:
            pass
        self.run('udevadm', 'settle', '--timeout=30')

    def files(self, stick, act, mode='ro'):
        """What `act(folder)` gives with the stick mounted where nobody else sees it."""
        folder, link = (os.path.join(self.test.site.folder, name) for name in ('look', 'look.img'))
        os.makedirs(folder, exist_ok=True)
        os.link(stick.path, link)  # by which udevd knows that this is not a stick
        subprocess.run(['mount', '-o', 'loop,' + mode, link, folder], check=True)
        try:
            return act(folder)
        finally:
            subprocess.run(['umount', folder], check=True)
            self._wait_for_detached(link)
            os.remove(link)

    def close(self):
        for listener in self.relays:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.keeper.stdin.close()
        try:
            self.keeper.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            self.keeper.wait()
        self.keeper.stdout.close()
        self.keeper.stderr.close()
        for stick in self.plugged:
            subprocess.run(['losetup', '-d', stick.device], stderr=subprocess.DEVNULL)


def _relay(listener, address):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # closed
            return
        threading.Thread(target=_pass_on, args=(client, address), daemon=True).start()


def _pass_on(client, address):
    try:
        server = socket.create_connection(address)
    except OSError:
        client.close()
        return
    with client, server:
        other = {client: server, server: client}
        while True:
            for ready in select.select(list(other), [], [])[0]:
                try:
                    data = ready.recv(65536)
                    other[ready].sendall(data)
                except OSError:
                    return
                if not data:
                    return
