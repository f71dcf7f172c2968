"""Runs the integration tests: run.py [--jobs N] [--counts FILE] [PATTERN], as ../runner.py tells."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import runner  # noqa: E402

if __name__ == '__main__':
    # they wait more than they work: three a processor; a few may then be late
    sys.exit(runner.main(HERE, first=('test_kill', 'test_sizes', 'test_drive', 'test_prune_random'), jobs=3 * (os.cpu_count() or 1),
                         retries=3))
