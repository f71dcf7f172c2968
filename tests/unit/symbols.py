#!/usr/bin/env python3
"""No program is linked of two things that have one name.

The linker takes the first of two functions of one name that static libraries define, without a word, and the other module
then runs code that is not its own.

    symbols.py BUILD-DIRECTORY PROGRAM…
"""
import collections
import os
import re
import subprocess
import sys


def linked(build, program):
    """The archives and objects that the program is linked of, as the build file tells."""
    with open(os.path.join(build, 'build.ninja'), encoding='utf-8') as rules:
        for line in rules:
            if line.startswith('build %s: ' % program):
                return sorted(set(re.findall(r'\S+\.(?:a|o)(?=\s)', line)))
    raise SystemExit('%s is not in the build file' % program)


def defined(build, files):
    """Each global symbol, and the objects that define it."""
    listing = subprocess.run(['nm', '-A', '--extern-only', '--defined-only', '--format=posix', *files],
                             cwd=build, check=True, capture_output=True, text=True).stdout
    objects = collections.defaultdict(set)
    for line in listing.splitlines():
        place, symbol, kind = line.split(': ')[0], *line.split(': ')[1].split()[:2]
        if kind not in 'VW':  # the compiler's own
            objects[symbol].add(place)
    return objects


def main():
    build = sys.argv[1]
    programs = [os.path.relpath(program, build) for program in sys.argv[2:]]
    print('1..%d' % len(programs))
    failed = False
    for number, program in enumerate(programs, 1):
        files = linked(build, program)
        twice = {symbol: places for symbol, places in defined(build, files).items() if len(places) > 1}
        if not files:
            twice['(nothing)'] = {'the build file'}
        for symbol, places in sorted(twice.items()):
            print('# %s is defined by %s' % (symbol, ' and '.join(sorted(places))))
        print('%s %d - %s has one definition of each name' % ('not ok' if twice else 'ok', number, program))
        failed = failed or bool(twice)
    return failed


sys.exit(main())
