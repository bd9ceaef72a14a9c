"""Who receives messages: real servers on free ports that take, refuse, dawdle or talk nonsense."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.deadlines import DEADLINE


@dataclass
class Inbox:
    """What came, and how the next one is answered.

    ``answer``: a status; "garbage" of a website, "leave" of a mail server, "dead" of one whose
    connections end before a word. While ``hold`` is clear nobody gets one.
    """

    port: int = 0
    answer: int | str = 200
    greets: bool = True
    came: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    hold: threading.Event = field(default_factory=threading.Event)

    @property
    def webhook(self) -> str:
        return f"json://user:s3cret@127.0.0.1:{self.port}/hook/s3cret"

    @property
    def mail(self) -> str:
        return (
            f"mailto://127.0.0.1:{self.port}/?user=a&pass=s3cret&mode=insecure"
            "&from=scorer@shop.example&to=returns@shop.example&smtp=127.0.0.1"
        )

    @property
    def heartbeat(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/s3cret"

    def titles(self) -> list[str]:
        """Return the title of each webhook message that came."""
        return [json.loads(body)["title"] for _, body in self.came]

    def wait_its_turn(self) -> None:
        assert self.hold.wait(DEADLINE)


class _Http(socketserver.StreamRequestHandler):
    inbox: ClassVar[Inbox]

    def handle(self) -> None:
        self.inbox.connections += 1
        request = self.rfile.readline().decode()
        if not request:
            return
        length = 0
        while (line := self.rfile.readline().decode().strip().lower()) != "":
            if line.startswith("content-length:"):
                length = int(line.split(":")[1])
        body = self.rfile.read(length).decode()
        answer = self.inbox.answer
        if answer == 200:
            self.inbox.came.append((request.split(" ")[1], body))
        self.inbox.wait_its_turn()
        said = "\0\xff not http" if answer == "garbage" else f"HTTP/1.1 {answer} So it is\r\n"
        self.wfile.write(f"{said}Content-Length: 0\r\nConnection: close\r\n\r\n".encode("latin-1"))


class _Smtp(socketserver.StreamRequestHandler):
    inbox: ClassVar[Inbox]

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.inbox.connections += 1
        if self.inbox.answer == "dead":
            return
        if not self.inbox.greets:
            self.inbox.wait_its_turn()
        self.say("220 receiver")
        while line := self.rfile.readline().decode().strip():
            word = line.split(" ")[0].upper()
            if word == "DATA":
                self.take_mail()
            elif word == "QUIT":
                self.say("221 bye")
                return
            elif word == "EHLO":
                self.say("250-receiver\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self.say("235 welcome")
            else:
                self.say("250 fine")

    def take_mail(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        if self.inbox.answer == 200:
            self.inbox.came.append(("mail", "".join(lines)))
        self.inbox.wait_its_turn()
        if self.inbox.answer == "leave":
            raise ConnectionAbortedError
        self.say("250 taken" if self.inbox.answer == 200 else f"{self.inbox.answer} not now")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asks may be killed in the midst of it."""


@contextmanager
def http_receiver() -> Iterator[Inbox]:
    """Serve webhooks and pings."""
    with _receiver(_Http) as inbox:
        yield inbox


@contextmanager
def smtp_receiver() -> Iterator[Inbox]:
    """Serve as a mail server."""
    with _receiver(_Smtp) as inbox:
        yield inbox


@contextmanager
def _receiver(handler: type[socketserver.StreamRequestHandler]) -> Iterator[Inbox]:
    inbox = Inbox()
    inbox.hold.set()
    mine = type("Handler", (handler,), {"inbox": inbox})
    with _Server(("127.0.0.1", 0), mine) as server:
        inbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield inbox
        finally:
            inbox.hold.set()
            server.shutdown()
            thread.join()


@contextmanager
def nobody() -> Iterator[Inbox]:
    """Yield an address at which connections are refused."""
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        yield Inbox(taken.getsockname()[1])
