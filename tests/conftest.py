"""What holds for all tests: hypothesis does not judge by the clock, and tries the same each time.

With THREADS_TEST_LONG=1 it tries something new each time.
"""

import os

os.environ.setdefault("THREADS_OFFLINE_DELAY", "0")  # `threads chat` and `threads serve` do not wait in tests

from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady",
    deadline=None,
    derandomize=os.environ.get("THREADS_TEST_LONG") != "1",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")
