"""Names and messages made safe for one line of a text file."""

from __future__ import annotations

# What a spreadsheet takes for the start of a formula (OWASP, "CSV Injection").
# The full-width forms are what East Asian spreadsheets take for the same signs.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def printable(text: str) -> str:
    """Return ``text`` on one physical line, in UTF-8, and still telling any two texts apart.

    Backslashes are doubled; control characters, line separators and bytes that are not UTF-8
    (surrogates, as Python reads such file names) become ``\\n``, ``\\x1b``, ``\\udcff``.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_printable_character(character) for character in text)


def _printable_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable() or character == "\u3000":
        return character
    return character.encode("unicode_escape").decode("ascii")


def neutral_cell(text: str) -> str:
    """Return ``text`` so that no spreadsheet runs it as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
