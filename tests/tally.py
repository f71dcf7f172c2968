"""Counts the tests in meson's testlog.json: TAP lines one by one, other programs as one test each.

Prints three numbers: passed, failed, skipped; then a line for each program that failed. A program that did not pass
although no line of it says so (it crashed, or printed fewer tests than planned) counts as one failure.
"""

import json
import re
import sys

LINE = re.compile(r'^(not )?ok\b[^#]*(#\s*SKIP)?', re.IGNORECASE)


def tally(result):
    passed = failed = skipped = 0
    for line in (result.get('stdout') or '').splitlines():
        found = LINE.match(line)
        if not found:
            continue
        if found.group(2):
            skipped += 1
        elif found.group(1):
            failed += 1
        else:
            passed += 1
    bad = result['result'] not in ('OK', 'SKIP', 'EXPECTEDFAIL')
    if bad and not failed:
        failed = 1
    if not bad and passed + failed + skipped == 0:
        passed, skipped = (0, 1) if result['result'] == 'SKIP' else (1, 0)
    return passed, failed, skipped


with open(sys.argv[1]) as log:
    results = [json.loads(line) for line in log if line.strip()]
totals = [tally(result) for result in results]
print(*(sum(column) for column in zip(*totals)))
for result, (_, failed, _) in zip(results, totals):
    if failed:
        print('FAILED  %s (%d)' % (result['name'], failed))
