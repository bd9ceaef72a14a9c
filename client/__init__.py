"""The batch job: a folder of images becomes Results.csv."""

import time

# The clock of Process Time starts before the imports: they are part of what the user waits for.
STARTED = time.monotonic()
