"""Stands between a test and a program to learn how much memory the program took at most:

    python3 -S -E -I peak.py RESULT COMMAND…      exits as the command does

The kernel counts what a process had before exec as its own, and the tests' Python is large. This one is small.
"""

import ctypes
import os
import signal
import sys

child = os.fork()
if child == 0:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], 'w') as file:
    file.write(str(usage.ru_maxrss))
if os.WIFSIGNALED(status):
    os.kill(os.getpid(), os.WTERMSIG(status))
sys.exit(os.waitstatus_to_exitcode(status))
