"""Runs the integration tests: run.py [--jobs N] [--counts FILE] [PATTERN], as ../runner.py tells."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import runner  # noqa: E402

if __name__ == '__main__':
    sys.exit(runner.main(HERE))
