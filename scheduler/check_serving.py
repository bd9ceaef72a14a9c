"""What the night starts and asks: the server, its port, the client, their keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.check_models import models_to_rehearse
from scheduler.finding import Finding
from scheduler.rehearsal import rehearse
from scoring.processes.locks import instance_holder
from scoring.processes.port_owner import (
    describe_owner,
    handed_out_ports,
    is_descendant_of,
    listeners,
    port_is_taken,
    why_not_to_be_had,
)
from scoring.processes.readiness import read_readiness
from scoring.protocol.metadata import ServedModel
from scoring.settings import Settings


def check_programs(settings: Settings) -> Iterator[Finding]:
    """Let server and client do tonight's work in small; a server that is not up cannot."""
    if settings.schedule.start_server or _is_ready(settings):
        yield from rehearse(settings, models_to_rehearse(settings))


def check_port(settings: Settings) -> Iterator[Finding]:
    """The port must be free for the server, or there must be a server where one is expected."""
    if not settings.schedule.start_server:
        yield from _running(settings)
    else:
        yield _own_port(settings)


def check_client(settings: Settings) -> Iterator[Finding]:
    """Settings of the client that do not go together with those of the server."""
    client, server = settings.client, settings.server
    if not settings.schedule.start_server:
        return
    if client.server:
        text = f"{client.server} is for runs by hand; at night a server of its own is started"
        yield Finding("WARN", "server", f"client.server = {text}: see schedule.start_server")
    elif client.api_key and client.api_key != server.api_key:
        text = "client.api_key is not server.api_key: runs by hand will be refused"
        yield Finding("WARN", "server", text)


def _running(settings: Settings) -> Iterator[Finding]:
    """Tell of each server that somebody keeps up; where one is ready the others may be away."""
    answers = {url: read_readiness(url) for url in settings.server_urls}
    ready = {url: one.models for url, one in answers.items() if one and one.ready}
    first = next(iter(ready.values()), ())
    for url in answers:
        if url not in ready:
            text = f"{url} does not answer; schedule.start_server is false"
            yield Finding("WARN" if ready else "FAIL", "server", text)
        elif ready[url] == first:
            yield Finding("OK", "server", f"{url} is ready")
        else:
            text = f"{url} is ready, but serves {_told(ready[url])}, and the first {_told(first)}"
            which = "whose models count is told by which is up first; give all the same"
            yield Finding("WARN", "server", f"{text}: {which}")


def _told(models: Sequence[ServedModel]) -> str:
    return ", ".join(f"{model.name} {model.version[:12]}" for model in models) or "no model"


def _own_port(settings: Settings) -> Finding:
    host, port = settings.server.host, settings.server.port
    if port == 0:
        return Finding("OK", "port", "any that is free")
    if port_is_taken(host, port):
        if _is_the_schedulers(settings):
            return Finding("OK", "port", f"{port} is the scheduler's own server's")
        owner = describe_owner(port)
        return Finding("FAIL", "port", f"{port} is taken by {owner}; the server needs it")
    against = why_not_to_be_had(host, port)
    if against:
        return Finding("FAIL", "port", f"{port} of {host} is not to be had: {against}")
    handed_out = handed_out_ports()
    if port in handed_out:
        text = f"among those this system hands out, {handed_out[0]} to {handed_out[-1]}"
        return Finding("WARN", "port", f"{port} is free, but {text}: any program may get it")
    return Finding("OK", "port", f"{port} is free")


def _is_ready(settings: Settings) -> bool:
    return any(map(_is_ready_at, settings.server_urls))


def _is_ready_at(url: str) -> bool:
    answer = read_readiness(url)
    return answer is not None and answer.ready


def _is_the_schedulers(settings: Settings) -> bool:
    holder, answer = instance_holder(settings), read_readiness(settings.own_server_url)
    owners = listeners(settings.server.port)
    return (
        holder is not None
        and answer is not None
        and not answer.foreign
        and any(is_descendant_of(owner, holder.pid) for owner in owners)
    )
