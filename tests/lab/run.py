"""Runs the tests in a LAN: run.py [--jobs N] [--counts FILE] [PATTERN], as ../runner.py tells."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import runner  # noqa: E402

if __name__ == '__main__':
    # they wait as much as they work; and some of what is told in milliseconds has to be in time
    sys.exit(runner.main(HERE, first=('test_failover', 'test_failover_faults', 'test_dhcp_clients', 'test_dns_answers', 'test_acme_pair'),
                         jobs=2 * (os.cpu_count() or 1), retries=12))
