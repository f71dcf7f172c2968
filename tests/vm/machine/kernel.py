"""Debian's kernel for the test machine, downloaded and not installed.

`kernel()` gives the folder with `vmlinux` and `lib/modules/`, kept in build-vm/ in the tree. It is made the first time, and when
MODULES changes: the package that `linux-image-amd64` stands for is downloaded with apt-get, its image unpacked to the ELF file
that QEMU boots directly, and of its modules those are kept that MODULES names and they depend on.

What the machine that runs the tests lacks is said with `Lacking`, which skips them.
"""

import fcntl
import glob
import hashlib
import lzma
import os
import platform
import re
import shutil
import subprocess
import tempfile
import unittest

from support.lifeboat import ROOT

CACHE = os.path.join(ROOT, 'build-vm')
MODULES = ('virtio_pci', 'virtio_net', 'virtio_blk', 'xhci_pci', 'usb_storage', 'uas', 'sd_mod', 'ext4', 'vfat', 'exfat',
           'crc32c_generic', 'nls_ascii', 'nls_cp437', 'nls_utf8', 'nls_iso8859_1', 'af_packet',
           'xfs', 'btrfs', 'cdc_ether',
           'nf_tables', 'nft_reject_ipv4', 'nft_ct', 'nf_conntrack_netlink', 'tcp_diag',
           'mac80211_hwsim', 'ccm', 'ctr', 'cmac', 'aes_generic')
FOLDERS = ('arch', 'block', 'crypto', 'drivers/block', 'drivers/net', 'drivers/scsi', 'drivers/usb', 'drivers/virtio', 'fs', 'lib', 'net')
KEY = hashlib.sha256(repr((MODULES, FOLDERS)).encode()).hexdigest()[:8]
XZ = b'\xfd7zXZ\0'
ELF = b'\x7fELF'


class Lacking(unittest.SkipTest):
    """There can be no test machine here."""


def kernel():
    """The folder that holds `vmlinux` and `lib/modules/`."""
    if platform.machine() != 'x86_64':
        raise Lacking('the test machine is an x86-64 one')
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = set(glob.glob(os.path.join(CACHE, 'kernel-*')))
        ours = {path for path in known if path.endswith('-' + KEY)}
        for old in known - ours:
            shutil.rmtree(old)
        return ours.pop() if ours else _make()


def _make():
    with tempfile.TemporaryDirectory(dir=CACHE, prefix='unpacking-') as folder:
        package = _download(folder)
        release = re.match(r'linux-image-(.*?)_', os.path.basename(package)).group(1)
        unpacked = os.path.join(folder, 'unpacked')
        _unpack(package, release, unpacked)
        made = os.path.join(folder, 'made')
        os.mkdir(made)
        with open(os.path.join(unpacked, 'boot', 'vmlinuz-' + release), 'rb') as file:
            image = vmlinux(file.read())
        with open(os.path.join(made, 'vmlinux'), 'wb') as file:
            file.write(image)
        _choose_modules(unpacked, made, release)
        final = os.path.join(CACHE, 'kernel-%s-%s' % (release, KEY))
        os.rename(made, final)
    return final


def _download(folder):
    """The package's path. apt-get's own folder may not be readable by its user _apt, which it then only grumbles at."""
    for refresh in (False, True):
        if refresh:  # no list of packages, or one that names what is no longer there
            _try(['apt-get', '-o', 'DPkg::Lock::Timeout=600', '-q', 'update'], folder)
        name = re.search(r'Depends: (linux-image-\S+)', _try(['apt-cache', 'depends', 'linux-image-amd64'], folder))
        if name:
            _try(['apt-get', '-q', 'download', name.group(1)], folder)
        found = glob.glob(os.path.join(folder, 'linux-image-*.deb'))
        if found:
            return found[0]
    raise Lacking('no kernel: apt-get cannot download the package of linux-image-amd64')


def _try(command, folder):
    try:
        return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=dict(os.environ, LC_ALL='C')).stdout
    except FileNotFoundError:
        raise Lacking('no kernel: %s is not here' % command[0]) from None


def _unpack(package, release, to):
    os.mkdir(to)
    wanted = ['./boot/vmlinuz-' + release] + ['./lib/modules/%s/%s' % (release, name) for name in (
        'modules.builtin', 'modules.order', *('kernel/' + folder for folder in FOLDERS))]
    with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', package], stdout=subprocess.PIPE) as reading:
        subprocess.run(['tar', '-x', '-C', to, *wanted], stdin=reading.stdout, check=True)


def vmlinux(image):
    """The ELF file in a compressed kernel image; XZ is what Debian uses."""
    at = image.find(XZ)
    while at >= 0:
        try:
            unpacked = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(image[at:])
            if unpacked.startswith(ELF):
                return unpacked
        except lzma.LZMAError:
            pass
        at = image.find(XZ, at + 1)
    raise Lacking('the kernel image holds no ELF file compressed with XZ')


def _choose_modules(unpacked, made, release):
    """Copies MODULES and what they depend on, and makes the indexes that modprobe reads in the machine."""
    source, target = (os.path.join(folder, 'lib', 'modules', release) for folder in (unpacked, made))
    subprocess.run(['busybox', 'depmod', '-b', unpacked, release], check=True)
    needs = {}
    with open(os.path.join(source, 'modules.dep')) as file:
        for line in file:
            path, _, others = line.partition(':')
            needs[os.path.basename(path)[:-3].replace('-', '_')] = [path, *others.split()]
    paths = {path for name in MODULES for path in needs.get(name, ())}  # a name that is not there is built in
    for path in [*paths, 'modules.builtin', 'modules.order']:
        os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
        shutil.copy(os.path.join(source, path), os.path.join(target, path))
    subprocess.run(['busybox', 'depmod', '-b', made, release], check=True)
