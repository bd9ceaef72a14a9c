"""One child process: its pipe, its log, and its end by degrees."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from msgspec import Struct

from scoring.processes.child_log import ChildLog
from scoring.processes.parent_pipe import FLAG, WAIT, WINDOW_IS_OVER, FirstLine
from scoring.protocol.errors import ScoringError
from scoring.settings import CODE_ROOT, Settings

# Between the signal that asks and the one that does not: enough to unwind, not to work on.
TERMINATE_SECONDS = 2.0


class Child(Struct):
    """A running program of this software; make it with ``start_child``."""

    name: str
    process: subprocess.Popen[bytes]
    log: ChildLog | None

    @property
    def pid(self) -> int:
        return self.process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, or None while it runs; never waits."""
        return self.process.poll()

    def wait(self, seconds: float) -> int | None:
        """Return the exit code as soon as there is one, None when the time is over."""
        seconds = max(seconds, 0.0)
        if self.process.poll() is None:
            _wait_for_end(self.process, seconds)
        return self.process.poll()

    def begin(self, first: FirstLine) -> None:
        """Have it begin that was started without a first line."""
        self._say_first(first.encode())

    def say_window_is_over(self) -> None:
        """Ask it to finish what it has begun and to close its run."""
        self._write(WINDOW_IS_OVER)

    def close_pipe(self) -> None:
        """Ask it to stop gracefully, as the parent's death would."""
        if self.process.stdin:
            with suppress(OSError):
                self.process.stdin.close()

    def stop(self, grace_seconds: float) -> int:
        """End it: close the pipe, after the grace ask by signal, then kill; return its code.

        The signal has ``TERMINATE_SECONDS`` more: with those the child has ended in any case.
        """
        self.close_pipe()
        code = self.wait(grace_seconds)
        if code is None:
            _terminate(self.process)
            code = self.wait(TERMINATE_SECONDS)
        if code is None:
            _kill(self.process)
            code = self.process.wait()
        if self.log:
            # Who stops it may clear its folder away next.
            self.log.wait_for_end()
        return code

    def log_tail(self) -> str:
        """Return the last lines it wrote, joined to one; none where the terminal has them."""
        return self.log.tail(ended=self.exit_code() is not None) if self.log else ""

    def _say_first(self, line: bytes) -> None:
        """Say what it waits for, without end; where it cannot be told, it is ended."""
        if not self._write(line):
            _kill(self.process)

    def _write(self, line: bytes) -> bool:
        # A child that is gone shows by its exit code, not by a broken pipe.
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.write(line)
            except OSError:
                return False
        return True


def start_child(
    settings: Settings,
    name: str,
    module: str,
    arguments: list[str],
    first: FirstLine | None,
    foreground: bool = False,
) -> Child:
    """Start ``python -m module --parent-pipe …`` with its output in ``logs/<name>.log``.

    In a session and group of its own, so that Ctrl-C at the terminal reaches only the parent,
    which then stops its children in order. ``foreground`` leaves it the terminal's output. Without
    a first line it loads, and waits until it is told to ``begin``.
    """
    records = settings.records
    path = settings.logs_folder / f"{name}.log"
    log = None if foreground else ChildLog(path, records.log_bytes, records.log_files)
    command = [sys.executable, "-m", module, FLAG, *arguments]
    process = _popen(module, command, settings, subprocess.PIPE, subprocess.PIPE if log else None)
    if log and process.stdout:
        log.follow(process.stdout)
    child = Child(name, process, log)
    child._say_first(first.encode() if first else WAIT)
    return child


def start_alone(settings: Settings, module: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start ``python -m module …`` that outlives this process and says nothing to it.

    Raises ScoringError where the system starts none.
    """
    command = [sys.executable, "-m", module, *arguments]
    process = _popen(module, command, settings, subprocess.DEVNULL, subprocess.DEVNULL)
    # Somebody must take note of its end, or the system keeps it in its list.
    threading.Thread(target=process.wait, name=module, daemon=True).start()
    return process


def _popen(
    module: str, command: list[str], settings: Settings, given: int, output: int | None
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **settings.handed_on()}
    errors = subprocess.STDOUT if output else None
    try:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP
            return subprocess.Popen(
                command, cwd=CODE_ROOT, env=environment, creationflags=flags,
                stdin=given, stdout=output, stderr=errors, bufsize=0,
            )  # fmt: skip
        return subprocess.Popen(
            command, cwd=CODE_ROOT, env=environment, start_new_session=True,
            stdin=given, stdout=output, stderr=errors, bufsize=0,
        )  # fmt: skip
    except OSError as error:  # no memory, too many processes
        raise ScoringError(f"python -m {module} could not be started: {error}") from error


if sys.platform == "linux":

    def _wait_for_end(process: subprocess.Popen[bytes], seconds: float) -> None:
        """Return when it has ended or the time is over.

        ``Popen.wait`` looks again and again, and may be 50 ms late.
        """
        try:
            handle = os.pidfd_open(process.pid)
        except OSError:  # a kernel or a sandbox that has none
            _look_for_end(process, seconds)
            return
        try:
            end = select.poll()
            end.register(handle, select.POLLIN)
            end.poll(math.ceil(seconds * 1000))
        finally:
            os.close(handle)

else:

    def _wait_for_end(process: subprocess.Popen[bytes], seconds: float) -> None:
        """Return when it has ended or the time is over."""
        _look_for_end(process, seconds)


def _look_for_end(process: subprocess.Popen[bytes], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


if sys.platform == "win32":

    def _terminate(process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            process.send_signal(signal.CTRL_BREAK_EVENT)

    def _kill(process: subprocess.Popen[bytes]) -> None:
        process.kill()

else:

    def _terminate(process: subprocess.Popen[bytes]) -> None:
        _signal_group(process, signal.SIGTERM)

    def _kill(process: subprocess.Popen[bytes]) -> None:
        _signal_group(process, signal.SIGKILL)

    def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Signal the child's whole group; only while it has not been waited for."""
        if process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
