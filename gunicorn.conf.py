"""What gunicorn reads by itself when it is started in this folder; its flags win over it."""

import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from server.shared_metrics import PREFIX, SHARED_FOLDER

# A caller who sends slowly, or a large request, holds a thread and not a whole worker.
worker_class = "gthread"
threads = 8
# A proxy's headers are for the application: believed when server.forwarded_… says so.
forwarded_allow_ips = ""
# Its place is one for all of a user's gunicorns, and in a home that a service may not have.
control_socket_disable = True


def on_starting(arbiter: Any) -> None:
    """End with one line where no worker would ever start.

    In a process of its own: what the arbiter has loaded, a reload (HUP) would not load anew.
    """
    if arbiter.cfg.preload_app:
        sys.exit("error: leave out --preload: the model's threads do not live through a fork")
    # Any address that others can reach will do: gunicorn does not tell whether they can.
    done = subprocess.run([sys.executable, "-m", "server", "--check", "--host", "0.0.0.0"])
    if done.returncode:
        sys.exit(done.returncode)
    # Whichever worker is asked for /metrics tells the sum of all.
    if SHARED_FOLDER not in os.environ:
        os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix=PREFIX)


def on_exit(arbiter: Any) -> None:
    """Leave nothing behind; a folder that the operator named is his."""
    folder = os.environ.get(SHARED_FOLDER, "")
    if os.path.basename(folder).startswith(PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
