"""Runs the tests in a virtual machine: run.py [--jobs N] [--counts FILE] [PATTERN], as ../runner.py tells.

What they share with the integration tests (a CouchDB, clinic, site, the independent reader) comes from there.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'integration'), os.path.dirname(HERE)]

import runner  # noqa: E402

if __name__ == '__main__':
    sys.exit(runner.main(HERE, retries=2))
