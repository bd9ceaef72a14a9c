"""Names and messages made safe for one line of a text file."""

from __future__ import annotations

import re
import shlex
import sys
import unicodedata
from functools import lru_cache

from scoring.protocol.commands import command
from scoring.protocol.file_names import as_text

# What a spreadsheet takes for the start of a formula (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@")
# And its other shapes: full width and small, as East Asian spreadsheets take them; the minus sign.
FORMULA_SHAPES = "\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
# A cell that begins with it is text and no more: what follows is the text.
TEXT_MARK = "'"

# What a spreadsheet shows as it stands: whole numbers without a zero before them, up to the
# eleven digits that it does not turn into powers of ten.
PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{0,10}")
# What ``printable`` writes in the place of characters.
ESCAPE = re.compile(r"\\(\\|[tnr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
# A joiner between two characters that are none of Latin script; U+200C and U+200D.
JOINER = re.compile(r"(?<=[^\x00-\u024f])\\u200[cd](?=[^\x00-\u024f])")
# What a shell takes for one word as it stands.
BARE = re.compile(r"[\w./:-]+")
# What it makes numbers, dates and times of, in one country or another: digits with signs between.
NUMBER_LIKE = re.compile(r"[\W\d_年月日时時分秒点點년월일시분초]*")
POWER = re.compile(r"([\W\d_]*)e([\W\d_]*)", re.IGNORECASE)
CLOCK = re.compile(r"\d[\d:.,]*\s*[ap]\.?(?:m\.?)?", re.IGNORECASE)
ONE_WORD = re.compile(r"[\W\d_]*([^\W\d_]+)[\W\d_]*")
# Nearly every file is named so: two words and something between. Looked at first, for speed.
TWO_WORDS = re.compile(r"[a-z0-9](?:.*?[a-z])?[a-z][^a-z].*?[a-z]{2}", re.I | re.A | re.S)
# The beginnings of month names in the languages that spreadsheets are sold in most.
MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    *("jän", "mär", "mrz", "maer", "mai", "okt", "dez", "fév", "fev", "avr", "jui", "aoû", "aou"),
    *("déc", "ene", "abr", "ago", "dic", "gen", "mag", "giu", "lug", "set", "ott", "out", "maj"),
    *("maa", "mei", "mrt", "sty", "lut", "kwi", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"),
)
TRUTHS = frozenset(
    "true false wahr falsch vrai faux verdadero falso vero verdadeiro waar onwaar prawda fałsz"
    " sant falskt sand falsk tosi epätosi pravda nepravda igaz hamis doğru истина ложь"
    " 真 偽 参 假".split()
)


def printable(text: str) -> str:
    """Return ``text`` on one physical line, in UTF-8, and still telling any two texts apart.

    Backslashes are doubled; control characters, line separators and bytes that are not UTF-8
    (surrogates, as Python reads such file names) become ``\\n``, ``\\x1b``, ``\\udcff``.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_printable_character(character) for character in as_text(text))


def on_one_line(text: str) -> str:
    """Return what a page, a message or a log shows of a text, on one physical line.

    Names in it are printable already: no backslash is doubled once more, nor are those of a path
    on Windows.
    """
    if text.isprintable():
        return text
    return "\\".join(map(printable, text.split("\\")))


def on_a_page(text: str) -> str:
    """Return what a page shows of a text on one line, its letters and pictures joined as written.

    A joiner is kept from joining by ``printable``, which makes what is unseen seen; between two
    characters of a script that has it, or of one emoji, it is seen.
    """
    return JOINER.sub(_read_escape, on_one_line(text))


def as_looks(text: str) -> str:
    """Return what two texts have in common that nobody can tell apart by looking at them.

    Without what is not seen, and with one kind of blank; a joiner that joins is seen.
    """
    shown = JOINER.sub(_read_escape, printable(text))
    return " ".join(ESCAPE.sub(_looks, shown).split())


def read_printable(text: str) -> str:
    """Return the text that ``printable`` made one line of."""
    return ESCAPE.sub(_read_escape, text) if "\\" in text else text


def scoring_command(batch: str, *flags: str) -> str:
    """Return the command that scores a batch, by its printable name: it can be pasted as it stands.

    A name is one word of the shell's, whatever is in it: nothing of it is run or filled in.
    """
    # Behind "--" nothing is a flag, so that the real ones stand before.
    words = (*flags, "--", batch) if batch.startswith("-") else (batch, *flags)
    return command("client.request", *map(_word, words))


def _word(name: str) -> str:
    if BARE.fullmatch(name):
        return name
    # Windows takes no other quotes, and no name with them.
    return f'"{name}"' if sys.platform == "win32" else shlex.quote(name)


def _printable_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable() or character == "\u3000":
        return character
    return character.encode("unicode_escape").decode("ascii")


def _read_escape(match: re.Match[str]) -> str:
    escape = match[0]
    return escape[1:] if escape == "\\\\" else escape.encode("ascii").decode("unicode_escape")


def _looks(match: re.Match[str]) -> str:
    character = _read_escape(match)
    return character if character.isprintable() else " " * character.isspace()


def neutral_cell(text: str) -> str:
    """Return ``text`` as a cell that no spreadsheet runs as a formula or writes otherwise.

    Where it would, a ``'`` stands before it; ``read_cell`` takes it away again.
    """
    if TWO_WORDS.match(text):
        return text
    if text.startswith(TEXT_MARK) or is_formula(text) or is_rewritten(text):
        return TEXT_MARK + text
    return text


@lru_cache(maxsize=1024)
def text_cell(text: str | None) -> str:
    """Return any text, whoever wrote it, as one harmless cell; nothing for None."""
    return neutral_cell(printable(text)) if text else ""


def read_cell(cell: str) -> str:
    """Return the text that ``neutral_cell`` made a cell of."""
    return cell.removeprefix(TEXT_MARK)


def as_searched(text: str) -> str:
    """Return a text as it is compared by who looks for a part of it: in no case, composed (NFC)."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet may take it for a formula; blanks and the unseen may lead."""
    start = _seen(text)
    unseen = text[: len(text) - len(start)]
    return start.startswith((*FORMULA_STARTS, *FORMULA_SHAPES)) or "\t" in unseen or "\r" in unseen


def is_rewritten(text: str) -> bool:
    """Tell whether a spreadsheet may make a number, a date or a truth of it: ``007``, ``1-2``."""
    if PLAIN_NUMBER.fullmatch(text) or text.startswith(TEXT_MARK):
        return False
    plain = unicodedata.normalize("NFKC", _seen(text)).strip()
    if any(character.isdigit() for character in plain):
        like = NUMBER_LIKE.fullmatch(plain) or CLOCK.fullmatch(plain)
        return bool(like) or _is_power(plain) or _is_date(plain)
    return plain.casefold() in TRUTHS


def _is_power(text: str) -> bool:
    match = POWER.fullmatch(text)
    return match is not None and all(any(map(str.isdigit, part)) for part in match.groups())


def _is_date(text: str) -> bool:
    match = ONE_WORD.fullmatch(text)
    return match is not None and match[1].casefold().startswith(MONTHS)


def _seen(text: str) -> str:
    """Return ``text`` from its first character that is neither blank nor unseen."""
    for place, character in enumerate(text):
        if not (character.isspace() or unicodedata.category(character) in ("Cf", "Cc")):
            return text[place:]
    return ""
