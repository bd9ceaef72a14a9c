"""The desk as a program: one of a project, served by waitress until it is told to stop."""

from __future__ import annotations

import importlib
import logging
import select
import socket
import threading

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.utilities import BadRequest

from desk.access import require_key_beyond_loopback
from desk.app import create_app
from desk.results_exporter import ResultsExporter
from scoring.processes.listening import ServerThread, bind, url_of
from scoring.processes.locks import desk_lock
from scoring.processes.request_heads import why_no_head
from scoring.protocol.browser_ports import blocked_warning
from scoring.protocol.errors import ExitCode
from scoring.protocol.loopback import is_loopback
from scoring.records.events_log import EventsLog
from scoring.settings import Settings, load_settings

COMMAND = "python -m desk"
# A few people at once, each with a page and its pictures.
THREADS = 8
CONNECTIONS = 100
IDLE_CONNECTION_SECONDS = 60
HEADER_BYTES = 32_768
# Waiting in short turns lets Ctrl-C through on Windows.
WAIT_TURN_SECONDS = 0.5
STOP_SECONDS = 5.0

logger = logging.getLogger("scoring.desk")


def serve(settings: Settings, stop: threading.Event) -> ExitCode:
    """Answer until ``stop`` is set.

    Raises SettingsError without the key or the port it needs, Busy where the project's desk is up.
    """
    host = settings.desk.host
    loopback = is_loopback(host)
    require_key_beyond_loopback(settings.desk, loopback)
    with desk_lock(settings, COMMAND):
        listener = bind(host, settings.desk.port, "desk.port")
        app = create_app(settings, loopback=loopback, read_settings=load_settings)
        server = DeskServer(app, listener, has_proxy=settings.desk.has_proxy)
        exporter = ResultsExporter(settings, EventsLog.from_settings(settings))
        threading.Thread(target=exporter.run, args=(stop,), name="export", daemon=True).start()
        server.start()
        logger.info("the desk is at %s", url_of(host, server.port))
        if warning := blocked_warning(server.port):
            logger.warning(warning)
        load_what_pages_need()
        while not stop.wait(WAIT_TURN_SECONDS) and server.is_alive():
            pass
        server.stop(STOP_SECONDS)
    return ExitCode.DONE if stop.is_set() else ExitCode.FAILED


def load_what_pages_need() -> None:
    """Load what makes verdicts, while nobody has asked for one yet: the desk is up before."""
    for module in ("report", "verdict", "views"):
        importlib.import_module(f"scoring.monitoring.{module}")


class DeskRequest(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """A request; what can become none is refused at once."""

    def received(self, data: bytes) -> int:
        """Take in what has come; return how many bytes of it belong to this request."""
        consumed = int(super().received(data))
        why = "" if self.headers_finished else why_no_head(self.header_plus.lstrip())
        if why and not self.completed:
            self._refuse(why)
        return consumed

    def _refuse(self, why: str) -> None:
        """A browser that was given https:// would show an empty page for as long as we wait."""
        self.error = BadRequest(why)
        self.completed = True


class DeskChannel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection whose requests are the desk's."""

    parser_class = DeskRequest


class DeskServer(ServerThread):
    """The desk's waitress server."""

    def __init__(self, app: Flask, listener: socket.socket, *, has_proxy: bool = False) -> None:
        server = create_server(
            app,
            sockets=[listener],
            threads=THREADS,
            ident=None,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_CONNECTION_SECONDS,
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=app.config["MAX_CONTENT_LENGTH"],
            clear_untrusted_proxy_headers=not has_proxy,
            # select() knows no file descriptor over 1023; Windows has nothing else.
            asyncore_use_poll=hasattr(select, "poll"),
        )
        server.channel_class = DeskChannel
        super().__init__(server)

    def stop(self, seconds: float) -> None:
        """Finish the requests in hand, and close."""
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=seconds)
        self._server.close()
