"""What is made once for all test machines and runs, and kept in build-vm/: the archives that they start from, and how a machine is when
it has booted, from where others go on in a second. All is made anew when the programs, what makes it, or this host's packages change.
"""

import contextlib
import fcntl
import glob
import hashlib
import os

from support.lifeboat import ROOT, build_folder

from . import initrd, kernel

INPUTS = (os.path.join(initrd.HERE, '*'), os.path.join(ROOT, 'etc', '**', '*'),
          os.path.join(ROOT, 'tests', 'integration', 'support', 'standin*'), '/var/lib/dpkg/status')


@contextlib.contextmanager
def kept(what, tree):
    """The path of what is kept of that for machines with this tree; whoever finds nothing there makes it, and others wait for it."""
    folder = kernel.kernel()  # which makes the folder above
    name = os.path.join(kernel.CACHE, '%s-%s-' % (what, tree.__name__))
    path = name + _key(folder)
    with open(name + 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for old in set(glob.glob(name + '*')) - {path, name + 'lock'}:
            os.unlink(old)
        yield path


def archive(tree):
    """The path of the initrd."""
    with kept('initrd', tree) as path:
        if not os.path.exists(path):
            made = tree(kernel.kernel())
            with open(path + '.partial', 'wb') as file:
                made.write(file)
            os.rename(path + '.partial', path)
    return path


def _key(folder):
    files = [path for pattern in INPUTS for path in glob.glob(pattern, recursive=True) if not path.endswith('__pycache__')]
    files += [os.path.join(build_folder(), program) for program in initrd.PROGRAMS]
    told = [(path, os.stat(path).st_mtime_ns, os.stat(path).st_size) for path in sorted(files)]
    return hashlib.sha256(repr((folder, told)).encode()).hexdigest()[:16]
