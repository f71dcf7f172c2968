"""Runs the tests in a LAN: run.py [--jobs N] [--counts FILE] [PATTERN], as ../runner.py tells."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import runner  # noqa: E402

if __name__ == '__main__':
    # they wait more than they work: four a processor
    sys.exit(runner.main(HERE, first=('test_dhcp_clients', 'test_dns_answers'), jobs=4 * (os.cpu_count() or 1)))
