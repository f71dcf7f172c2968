"""A wall clock that is wrong, by libfaketime; what counts from the boot stays right."""

import glob
import os


def shifted(by):
    """What a program is run by to have its clock so far away: '+1d'."""
    library = glob.glob('/usr/lib/*/faketime/libfaketime.so.1')
    options = ':'.join(filter(None, (os.environ.get('ASAN_OPTIONS'), 'verify_asan_link_order=0')))  # it comes before the sanitizer's
    return ('env', 'LD_PRELOAD=' + library[0], 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'FAKETIME=' + by, 'ASAN_OPTIONS=' + options)
