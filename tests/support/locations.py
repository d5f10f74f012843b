"""Where things are in the repository."""

from pathlib import Path

SUPPORT = Path(__file__).parent
"""The modules that tests and the processes which they start share; on the path of both."""
TESTS = SUPPORT.parent
ROOT = TESTS.parent
EXERCISES = ROOT / "exercises"
