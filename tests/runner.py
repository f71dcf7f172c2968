"""Runs the Python tests of a folder, several classes of them at a time, and tells each test's outcome.

    run.py [--jobs N] [--counts FILE] [PATTERN]     PATTERN: part of a name such as test_restore.Part.test_…

FILE gets a line: passed failed skipped; then a line for each test that failed, or passed only alone. A class that cannot be run counts as one
failure. The folder's run.py, which calls `main`, is run again for each class, with --only.
"""

import argparse
import concurrent.futures
import glob
import json
import os
import subprocess
import sys
import threading
import time
import unittest

TIMEOUT = 3600  # seconds for one class of tests


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.bad = False

    def tell(self, outcome, test, more=''):
        print('%-7s %s (%.1f s)%s' % (outcome, test.id(), time.monotonic() - self.began, more), flush=True)

    def addSuccess(self, test):
        self.passed = getattr(self, 'passed', 0) + 1
        self.tell('ok', test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.tell('FAILED', test, '\n' + self._exc_info_to_string(error, test))

    def addError(self, test, error):
        self.began = getattr(self, 'began', time.monotonic())
        super().addError(test, error)
        self.tell('FAILED', test, '\n' + self._exc_info_to_string(error, test))

    def addSkip(self, test, reason):
        self.began = getattr(self, 'began', time.monotonic())
        super().addSkip(test, reason)
        self.tell('skipped', test, ': ' + reason)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.tell('FAILED', subtest, '\n' + self._exc_info_to_string(error, subtest))

    @property
    def counts(self):
        return getattr(self, 'passed', 0), len(self.failures) + len(self.errors), len(self.skipped)

    @property
    def failed(self):
        """A line each."""
        return ['FAILED  %s: %s' % (test.id(), error.strip().splitlines()[-1][:300]) for test, error in self.failures + self.errors]


def load(name, pattern):
    """The tests of a file or a class whose name matches."""
    loader = unittest.TestLoader()
    if pattern and pattern not in name:
        loader.testNamePatterns = ['*%s*' % pattern]
    return loader.loadTestsFromName(name)


def run_here(name, pattern):
    """In this process: the tests of one class; its counts, and what failed."""
    result = Result()
    load(name, pattern).run(result)
    return result.counts, result.failed


def run_elsewhere(folder, name, pattern, show):
    """In a process of its own, whose last line has what run_here gives; `show` is called with each line before it."""
    command = [sys.executable, os.path.join(folder, 'run.py'), '--only', name] + ([pattern] if pattern else [])
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    timer = threading.Timer(TIMEOUT, process.kill)
    timer.start()
    last = ''
    for line in process.stdout:
        if last:
            show(last)
        last = line
    process.wait()
    timer.cancel()
    try:
        return json.loads(last)
    except ValueError:
        died = 'FAILED  %s: died, or was not done after %d s' % (name, TIMEOUT)
        show('%s%s\n' % (last, died))
        return (0, 1, 0), [died]


def classes(folder, first, pattern):
    """Names of all classes that have such tests; those of the files named in `first`, which take longest, come first. A file
    that cannot be loaded is one, which then fails."""
    found = []
    files = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(folder, 'test_*.py')))
    for file in sorted(files, key=lambda name: first.index(name) if name in first else len(first)):
        for suite in load(file, pattern):
            for test in suite if isinstance(suite, unittest.TestSuite) else [suite]:
                known = type(test).__module__ == file
                name = '%s.%s' % (file, type(test).__name__) if known else file
                if name not in found:
                    found.append(name)
    return found


def again(folder, failed):
    """Those that failed beside others, one after the other and alone: what has to be over in a moment is on a machine that has
    nothing else to do. Gives how many passed then, the lines of the others, and a line for each that passed."""
    passed, still, alone = 0, [], []
    for name in dict.fromkeys(line.split()[1].rstrip(':') for line in failed):
        lines, (good, bad, _), failures = [], (0, 1, 0), [line for line in failed if line.split()[1].rstrip(':') == name]
        if name.count('.') == 2:  # it is one test
            (good, bad, _), failures = run_elsewhere(folder, name.rpartition('.')[0], name, lines.append)
        if good and not bad:
            lines = ['alone   %s: passed, after it had failed beside others\n' % name]
            alone += lines
        print(''.join(lines), end='', flush=True)
        passed += good
        still += failures
    return passed, still, alone


def main(folder, first=(), jobs=os.cpu_count(), retries=0):
    """Gives the exit code. Up to `retries` tests that fail are tried again, alone."""
    parser = argparse.ArgumentParser()
    parser.add_argument('pattern', nargs='?')
    parser.add_argument('--only')
    parser.add_argument('--counts')
    parser.add_argument('--jobs', type=int, default=jobs)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run_here(options.only, options.pattern)))
        return 0
    totals, failed, alone = [0, 0, 0], [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = {}
        for name in classes(folder, first, options.pattern):
            lines = []
            show = lines.append if options.jobs > 1 else sys.stdout.write
            waiting[pool.submit(run_elsewhere, folder, name, options.pattern, show)] = lines
        for done in concurrent.futures.as_completed(waiting):
            print(''.join(waiting[done]), end='', flush=True)
            counts, failures = done.result()
            totals = [a + b for a, b in zip(totals, counts)]
            failed += failures
    if 0 < len(failed) <= retries and options.jobs > 1:
        passed, failed, alone = again(folder, failed)
        totals[0], totals[1] = totals[0] + passed, len(failed)
    print('%s: %d passed, %d failed, %d skipped' % (os.path.basename(folder), *totals))
    if options.counts:
        with open(options.counts, 'w') as file:
            print(*totals, file=file)
            file.writelines(line.rstrip() + '\n' for line in failed + alone)
    return 1 if totals[1] else 0

