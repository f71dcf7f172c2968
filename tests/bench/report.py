"""The tables of tests/bench/snapshot: medians, ratios, and whether issue 2's goals are met."""

import os
import statistics

NAMES = {
    'limit': 'reading with curl (the limit)',
    'snapshot': 'lifeboat snapshot --full',
    'couchbackup': 'couchbackup --attachments',
    'posting': 'posting with curl (the limit)',
    'restore': 'lifeboat-restore run',
    'couchrestore': 'couchrestore --attachments',
    'replication': "CouchDB's replication",
    'increment': 'increment after 1 % changes',
}
MEMORY_GOAL = 64


def median(runs, get=lambda run: run.wall):
    values = [get(run) for run in runs if get(run) is not None]
    return statistics.median(values) if values else None


def number(value, form='%.2f'):
    return '-' if value is None else form % value


def print_setting(options, bench):
    info = bench.source.get('/')
    print('%d documents, %d rounds, CouchDB %s%s, %d processors, load %.1f %.1f %.1f' % (
        options.documents, options.rounds, info['version'], '' if bench.source.url == bench.target.url else ' (two servers)',
        os.cpu_count(), *os.getloadavg()), flush=True)


def print_table(q, results):
    print('\nq=%-2d %-32s %9s %17s %8s %10s %9s' % (q, '', 'median s', 'min-max s', 'CPU s', 'server s', 'peak MB'))
    for name, title in NAMES.items():
        runs = results.get(name)
        if not runs:
            continue
        walls = [run.wall for run in runs]
        is_client = name != 'replication'
        print('     %-32s %9.2f %17s %8s %10s %9s' % (
            title, median(runs), '%.2f-%.2f' % (min(walls), max(walls)),
            number(median(runs, lambda run: run.cpu)) if is_client else '-', number(median(runs, lambda run: run.server_cpu)),
            number(max(run.memory for run in runs), '%.1f') if is_client else '-'))
    if 'restore' in results:
        print('     %-32s %9.2f' % ('  of it, the verification', median(results['restore'], lambda run: run.parts['verification'])))
    if 'limit' in results:
        print('     %-32s %9.2f' % ('  of the limit, the listing', median(results['limit'], lambda run: run.parts['listing'])))


def goals(results):
    """(goal, ratio, bound): rounds are compared with themselves, since the machine's load changes from one to the next."""
    def ratio(a, b, get=lambda run: run.wall, other=lambda run: run.wall):
        pairs = list(zip(results.get(a, []), results.get(b, [])))
        return statistics.median(get(x) / other(y) for x, y in pairs) if pairs else None

    def check(run):
        return run.parts['verification']

    def written(run):
        return run.wall - run.parts['verification']
    yield 'snapshot / the limit', ratio('snapshot', 'limit'), 1.1
    yield 'snapshot / couchbackup', ratio('snapshot', 'couchbackup'), 0.55
    yield 'restore without verification / posting with curl', ratio('restore', 'posting', written), 1.1
    yield 'restore without verification / couchrestore', ratio('restore', 'couchrestore', written), 0.5
    yield 'restore with verification / couchrestore', ratio('restore', 'couchrestore'), None
    yield "restore with verification / CouchDB's replication", ratio('restore', 'replication'), None
    yield 'verification / the rest of the restore', ratio('restore', 'restore', check, written), 0.3
    yield 'increment / full snapshot', ratio('increment', 'snapshot'), 0.05
    yield 'peak memory, MB', max((run.memory for name in ('snapshot', 'restore', 'increment')
                                  for run in results.get(name, [])), default=None), MEMORY_GOAL
    for name in ('snapshot', 'restore'):
        runs = [run for run in results.get(name, []) if run.server_cpu]
        yield "%s: our CPU / the server's" % name, median(runs, lambda run: run.cpu / run.server_cpu), 0.25


def print_goals(q, results):
    print('\nq=%-2d %-50s %8s %8s' % (q, '', 'found', 'goal'))
    for goal, value, bound in goals(results):
        if value is not None:
            verdict = '' if bound is None else 'met' if value <= bound else 'NOT MET'
            print('     %-50s %8.3f %8s  %s' % (goal, value, number(bound, '%g'), verdict), flush=True)


def print_memory(found):
    print('%-24s %22s %22s' % ('', 'snapshot, peak MB', 'restore, peak MB'))
    for what, results in found:
        peaks = [max(run.memory for run in results[name]) if name in results else None for name in ('snapshot', 'restore')]
        met = all(peak is not None and peak < MEMORY_GOAL for peak in peaks)
        print('%-24s %22s %22s  %s' % (what, *(number(peak, '%.1f') for peak in peaks), 'met' if met else 'NOT MET'))
    for name in ('snapshot', 'restore'):  # flat: the largest takes no more than the smallest, but for what buffers vary
        peaks = [max(run.memory for run in results[name]) for _, results in found if name in results]
        if len(peaks) > 1:
            print('%-24s most / least %8.2f  %s' % (name, max(peaks) / min(peaks), 'flat' if max(peaks) < 1.5 * min(peaks) else 'NOT FLAT'))
