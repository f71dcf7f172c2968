#!/usr/bin/python3
"""Has Spin search the model of the switch (switch.pml) through, and says how it went as TAP.

  tests/model/check.py          in less than a minute of one core; a test of tests/run unit
  tests/model/check.py --full   with more of everything at once: an hour, and 8 GB of memory

With all rules there must be no error, whatever happens; without any one of them there must be one, else the model
would not tell whether the rule is kept.
"""

import os
import re
import subprocess
import sys
import tempfile

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'switch.pml')

# What it says, whether there must be an error, and with what.
USUAL = [
    ('a cut, a crash, a planned and a forced switch do no harm', False, 'DOCUMENTS=1'),
    ('two planned switches do no harm', False, 'DOCUMENTS=1 PLANNED=2 FORCED=0'),
    ('two forced switches do no harm', False, 'DOCUMENTS=1 PLANNED=0 FORCED=2'),
    ('two CouchDBs with one uuid do no harm', False, 'DOCUMENTS=1 SAME_UUID'),
    ('a disk that is set back does no harm', False, 'DOCUMENTS=1 PLANNED=0 CUTS=0 IMAGES=1'),
    ('terms must have their holder\'s parity', True, 'NO_PARITY DOCUMENTS=1 PLANNED=0 FORCED=2'),
    ('who has lost a term must wait', True, 'NO_LOST DOCUMENTS=1 PLANNED=0 CUTS=0 IMAGES=1'),
    ('a promise must be of this attempt', True, 'NO_ATTEMPT DOCUMENTS=1 PLANNED=2 FORCED=0'),
    ('the record must be the grant', True, 'NO_RECORD DOCUMENTS=1'),
    ('who takes over by force must draw a fresh uuid', True, 'NO_FRESH DOCUMENTS=1 SAME_UUID'),
    ('who takes over by force must merge', True, 'NO_UNMERGED DOCUMENTS=1'),
]
FULL = USUAL + [
    ('two documents, two crashes', False, 'CRASHES=2'),
    ('two of each kind of switch', False, 'DOCUMENTS=1 PLANNED=2 FORCED=2'),
    ('a disk that is set back, and all else', False, 'DOCUMENTS=1 IMAGES=1'),
]


def search(flags, folder):
    """What pan prints."""
    defines = ['-D' + flag for flag in flags.split()]
    run(['spin', '-a', *defines, MODEL], folder)
    run(['cc', '-O1', '-w', '-DSAFETY', '-DCOLLAPSE', '-DNOREDUCE', '-o', 'pan', 'pan.c'], folder)
    return run(['./pan', '-m20000', '-w22'], folder)


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError('%s ended with %d:\n%s' % (' '.join(command), done.returncode, done.stdout[-2000:]))
    return done.stdout


def judge(output, wants_error):
    """Why that is not as it should be; '' if it is."""
    if 'Search not completed' in output and 'errors: 0' in output or 'max search depth too small' in output:
        return 'the search was not complete'
    if wants_error:
        return '' if 'assertion violated' in output and 'errors: 1' in output else 'no error is found'
    return '' if 'errors: 0' in output else 'an error is found'


def main(arguments):
    checks = FULL if '--full' in arguments else USUAL
    print('1..%d' % len(checks), flush=True)
    good = True
    for number, (name, wants_error, flags) in enumerate(checks, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                output = search(flags, folder)
                why = judge(output, wants_error)
            except (OSError, RuntimeError) as error:
                output, why = '', str(error)
        for line in why.splitlines() + re.findall(r'.*(?:states, stored|assertion violated .*)', output):
            print('# ' + line.strip())
        print('%sok %d %s (%s)' % ('not ' if why else '', number, name, flags), flush=True)
        good = good and not why
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
