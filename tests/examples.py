"""Which examples hypothesis draws: the same every time, however busy the machine.

``python -m tests.fuzz`` searches on, from a new seed each time (profile ``fuzz``).
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

BUSY = [HealthCheck.too_slow]

settings.register_profile(
    "same", derandomize=True, database=None, deadline=None, suppress_health_check=BUSY
)
settings.register_profile(
    "fuzz",
    derandomize=False,  # hypothesis draws the same each time where CI is set in the environment
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=BUSY,
)
settings.load_profile("same")
# Else the constants of whatever modules are loaded become examples: others alone than in the suite,
# others after every edit, and a seed alone would not bring a find back.
providers._get_local_constants = Constants
