"""Where settings come from: two files and the environment, each looked at before it is merged.

Merged, a later source hides what is wrong with an earlier one. No error shows a value that may be
a secret: it names the file or variable, the table and the key.
"""

from __future__ import annotations

import codecs
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, cast, get_args

from scoring.protocol.checking import NO_OBJECT, UNKNOWN, Wrong
from scoring.protocol.errors import SettingsError
from scoring.protocol.whole_file import read_whole
from scoring.settings_section import Secret, Section, as_section

Tables = dict[str, Any]

PREFIX = "SCORING_"
PROJECT_VARIABLE = "SCORING_PROJECT"
# A child gets its parent's settings, whatever the files say by then.
HANDED_ON_VARIABLE = "SCORING_HANDED_ON"
TRACKED_FILE, LOCAL_FILE = "settings.toml", "settings.local.toml"
# The one setting that is no table: the folder that all others are relative to.
PROJECT = "project"

WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
# What may be shown of a wrong value; a list or a table may hold anything.
PLAIN = (str, int, float, time, date)
# A URL may have been given with a password in it.
NEVER_SHOWN = frozenset({"client.server"})


def given_tables(settings_cls: type[Section], project: Path) -> Iterator[Tables]:
    """Yield what each source says of a project, the one that wins first; raises SettingsError."""
    if HANDED_ON_VARIABLE in os.environ:
        yield handed_on(settings_cls)
        return
    yield environment(settings_cls)
    yield settings_file(settings_cls, project / LOCAL_FILE)
    yield tracked_file(settings_cls, project / TRACKED_FILE)


def merged(tables: Tables, over: Tables) -> Tables:
    """Return both, table by table and key by key; what ``over`` says wins."""
    result = dict(tables)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[name] = merged(cast(Tables, below), value) if both else value
    return result


def settings_file(settings_cls: type[Section], path: Path) -> Tables:
    """Return the tables of ``settings.local.toml``; a file that is not there is empty."""
    tables = read_tables(path)
    require_tables(tables, settings_cls, path.name)
    return tables


def tracked_file(settings_cls: type[Section], path: Path) -> Tables:
    """Return those of ``settings.toml``, which version control has: no secret may stand in it."""
    tables = settings_file(settings_cls, path)
    for section, table in tables.items():
        for key in table:
            if _is_secret(settings_cls, section, key):
                raise SettingsError(
                    f"setting {section}.{key} is a secret and stands in {path.name}, which is "
                    "tracked: move it to settings.local.toml, and take a new one if it was "
                    "shared"
                )
    return tables


def handed_on(settings_cls: type[Section]) -> Tables:
    """Return what a parent gave its child instead of files and environment."""
    try:
        tables = json.loads(os.environ[HANDED_ON_VARIABLE])
    except (ValueError, RecursionError):
        tables = None
    if not isinstance(tables, dict):
        raise SettingsError(f"{HANDED_ON_VARIABLE} is for children of this software; unset it")
    require_tables(tables, settings_cls, HANDED_ON_VARIABLE)
    return tables


def environment(settings_cls: type[Section]) -> Tables:
    """Return what ``SCORING_SERVER__PORT`` and its like say; an unknown name is an error."""
    names = [name for name in os.environ if name.upper().startswith(PREFIX)]
    if not set(names) - {PROJECT_VARIABLE}:
        return {PROJECT: os.environ[PROJECT_VARIABLE]} if names else {}
    _refuse_unknown_names(settings_cls, names)
    # Where no variable is set, as on most nights, nothing of it is needed: it takes as long to
    # load as a fifth of all that the client loads.
    from scoring.settings_environment import read_environment

    tables: Tables = {}
    for one in read_environment(settings_cls, PREFIX):
        sections = {name: table for name, table in one.items() if name != PROJECT}
        require_tables(sections, settings_cls, f"{PREFIX}…")
        tables = merged(tables, one)
    return tables


def _refuse_unknown_names(settings_cls: type[Section], names: Sequence[str]) -> None:
    """An unknown SCORING_* name is a typing error that would otherwise be silent."""
    sections = [name for name in settings_cls.entries if name != PROJECT]
    for name in names:
        upper = name.upper()
        if upper in (PROJECT_VARIABLE, HANDED_ON_VARIABLE):
            continue
        section, key = (*upper.removeprefix(PREFIX).lower().split("__"), "")[:2]
        if section not in sections:
            known = ", ".join(f"{PREFIX}{section.upper()}__…" for section in sections)
            raise SettingsError(f"unknown environment setting {name}; there are {known}")
        table = _section(settings_cls, section)
        if key and _takes_tables(table) and key not in table.entries:
            raise SettingsError(
                f"{name}: a variable has no small letters, which names may have; write"
                f' {PREFIX}{section.upper()}={{"NAME": {{"model": "…"}}}} or {LOCAL_FILE}'
            )


def read_tables(path: Path) -> dict[str, Any]:
    """Return what a TOML file says, nothing where there is none; raises SettingsError naming it."""
    try:
        content = read_whole(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return tomllib.loads(_decode(content))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{path}, line {line}: this is no UTF-8; save the file as UTF-8"
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _decode(content: bytes) -> str:
    """Return the text; editors of Windows begin it with a mark, which says nothing."""
    if content.startswith(WIDE_MARKS) or b"\0" in content:
        raise ValueError("it is UTF-16, or no text at all; save it as UTF-8")
    # As a file opened in text mode has it: line ends of every system.
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def require_tables(tables: dict[str, Any], settings_cls: type[Section], where: str) -> None:
    """Raise SettingsError for a section that nobody knows, or that is no table."""
    for name, table in tables.items():
        if name == PROJECT:
            raise SettingsError(
                f"unknown setting {name} in {where}; it is the variable {PROJECT_VARIABLE}"
            )
        if name not in settings_cls.entries:
            raise SettingsError(
                f"unknown setting {name} in {where} (see settings.toml for all there are)"
            )
        if not isinstance(table, dict):
            raise SettingsError(f"{where}: {name} must be one table, headed by [{name}]")


def explain(wrong: Iterable[Wrong], settings_cls: type[Section]) -> str:
    """Return one line: each wrong key by its dotted name, with what is wrong."""
    return "; ".join(_explain_one(one, settings_cls) for one in wrong)


def _explain_one(one: Wrong, settings_cls: type[Section]) -> str:
    section, key = (*map(str, one.place), "", "")[:2]
    takes_tables = _takes_tables(_section(settings_cls, section))
    if one.why in (UNKNOWN, NO_OBJECT):
        hint = _table_hint(one) if takes_tables else ""
        return f"unknown setting {one.name} (see settings.toml for all there are{hint})"
    if takes_tables and isinstance(one.given, dict):
        return f'setting {one.name} is no table; the batch of that name is [{section}."./{key}"]'
    if is_shown(settings_cls, section, key) and isinstance(one.given, PLAIN):
        return f"setting {one.name} = {one.given!r}: {one.why}"
    return f"setting {one.name}: {one.why}"


def _table_hint(one: Wrong) -> str:
    """Return how a name is to be written that has a table of its own."""
    section, *keys = map(str, one.place)
    if len(keys) == 1:
        return f'; a name has a table: [{section}."{keys[0]}"]'
    is_name = isinstance(one.given, dict)
    return f'; a name with dots stands in quotes: [{section}."{".".join(keys)}"]' * is_name


def is_shown(settings_cls: type[Section], section: str, key: str) -> bool:
    """Tell whether a setting's value may be shown: it is no secret, nor may it hold one."""
    return f"{section}.{key}" not in NEVER_SHOWN and not _is_secret(settings_cls, section, key)


def _is_secret(settings_cls: type[Section], section: str, key: str) -> bool:
    """Tell whether a setting holds a secret; one that nobody knows may well do."""
    table = _section(settings_cls, section)
    if key not in table.entries:
        return not _takes_tables(table)
    return _holds_secret(table.entries[key])


def _section(settings_cls: type[Section], name: str) -> type[Section]:
    """Return the class of a section; that of one that nobody knows has no keys."""
    return as_section(settings_cls.entries.get(name)) or Section


def _takes_tables(table: type[Section]) -> bool:
    """Tell whether further keys of a section are names with tables of their own."""
    return table.others is not None


def _holds_secret(annotation: Any) -> bool:
    return annotation is Secret or any(map(_holds_secret, get_args(annotation)))
