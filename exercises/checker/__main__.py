"""The judge as a process: see `checker.judging`."""

import sys

from checker.judging import main

main(sys.argv[1:])
