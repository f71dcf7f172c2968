"""Waiting for what nobody tells of: asking again and again, as people do.

    until(lambda: node.role() == 'active', 'it is not active')   # gives what was found
    seconds_until(lambda: not node.has(), 'it stays', 20)        # gives how long that took
"""

import time

from .process import PATIENCE

BETWEEN_SECONDS = 0.02  # between questions, not for an event


def until(found, otherwise, patience=PATIENCE):
    """`otherwise`: what is said when it does not come; a text, or a function that gives one."""
    begun = time.monotonic()
    while not (value := found()):
        if time.monotonic() - begun > patience:
            raise AssertionError(otherwise() if callable(otherwise) else otherwise)
        time.sleep(BETWEEN_SECONDS)
    return value


def seconds_until(found, otherwise, patience=PATIENCE):
    begun = time.monotonic()
    until(found, otherwise, patience)
    return time.monotonic() - begun
