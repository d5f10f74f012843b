"""Runs the judge as a process; see `checker.judge`."""

import sys

from checker.judge import main

main(sys.argv[1:])
