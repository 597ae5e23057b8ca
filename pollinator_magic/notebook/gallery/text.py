"""Text and source: the first lines, with the colours of their language.

Colours are those of JupyterLab's editor where there is one (so that they suit its light and dark themes) and quiet ones
elsewhere; without any styles it is still the text.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, clean, escape, plural

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT_BYTES = 64 << 10
"""How much of a text is read for its preview."""
LINES = 200
LINE_LENGTH = 500
RECORD_LINES = 20
"""How many lines of a text stay in static records and in plain text."""
HIGHLIGHT_S = 0.5
"""How long colours may take; what is left then stays without."""

# Languages by ending, by Pygments' names. What is not here is shown without colours.
LANGUAGES = {
    **dict.fromkeys((".py", ".pyi"), "python"),
    **dict.fromkeys((".sh", ".bash", ".sbatch", ".slurm"), "bash"),
    **dict.fromkeys((".js", ".mjs"), "javascript"),
    **dict.fromkeys((".c", ".h"), "c"),
    **dict.fromkeys((".cpp", ".cc", ".cxx", ".hpp", ".cu"), "cpp"),
    **dict.fromkeys((".f90", ".f95", ".f03", ".f08"), "fortran"),
    **dict.fromkeys((".yaml", ".yml"), "yaml"),
    **dict.fromkeys((".ini", ".cfg"), "ini"),
    **dict.fromkeys((".diff", ".patch"), "diff"),
    **dict.fromkeys((".html", ".htm"), "html"),
    ".css": "css",
    ".go": "go",
    ".java": "java",
    ".jl": "julia",
    ".json": "json",
    ".m": "octave",
    ".md": "markdown",
    ".r": "r",
    ".rs": "rust",
    ".sql": "sql",
    ".tex": "tex",
    ".toml": "toml",
    ".ts": "typescript",
    ".xml": "xml",
}

# Kinds of tokens, by the beginnings of Pygments' names: the variable of JupyterLab's themes, and the colour elsewhere.
_COLOURS = {
    "Token.Comment": ("comment", "#6e7781"),
    "Token.Keyword.Constant": ("atom", "#8250df"),
    "Token.Keyword": ("keyword", "#1a7f37"),
    "Token.Literal.String": ("string", "#b3541e"),
    "Token.Literal.Number": ("number", "#0a7f8f"),
    "Token.Name.Builtin": ("builtin", "#0a7f8f"),
    "Token.Name.Function": ("def", "#2f6fdb"),
    "Token.Name.Class": ("def", "#2f6fdb"),
    "Token.Name.Decorator": ("meta", "#8250df"),
    "Token.Name.Tag": ("tag", "#1a7f37"),
    "Token.Name.Attribute": ("attribute", "#2f6fdb"),
    "Token.Generic.Heading": ("header", "#2f6fdb"),
    "Token.Generic.Subheading": ("header", "#2f6fdb"),
    "Token.Generic.Deleted": ("error", "#cf222e"),
    "Token.Generic.Inserted": ("string", "#1a7f37"),
    "Token.Operator.Word": ("keyword", "#1a7f37"),
}

BLOCK = (
    "max-height:24em;overflow:auto;margin:0;padding:.5em .7em;box-sizing:border-box;line-height:1.35;white-space:pre;"
    "font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px);"
    "border:1px solid var(--jp-border-color2,#8884);border-radius:3px;"
    "background:var(--jp-layout-color1,transparent);color:var(--jp-ui-font-color1,inherit)"
)


@dataclass(frozen=True)
class Beginning:
    """The first part of a text file."""

    text: str
    whole: bool
    """Whether that is all of it."""
    encoding: str = "UTF-8"

    @property
    def remark(self) -> str:
        """What is to be said about the encoding, if anything."""
        return "" if self.encoding == "UTF-8" else f"; read as {self.encoding}"


def beginning(path: Path, limit: int = TEXT_BYTES) -> Beginning | None:
    """Return the first `limit` bytes of a file as text; None if it is none."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    whole, data = len(data) <= limit, data[:limit]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _if_text(data[: len(data) & ~1].decode("utf-16", "replace"), "UTF-16", whole=whole)
    if b"\0" in data:
        return None
    try:
        return _if_text(data.decode("utf-8-sig"), "UTF-8", whole=whole)
    except UnicodeDecodeError as error:
        # A character that the bound has cut in two is no reason to call it something else.
        if not whole and error.start > len(data) - 4:
            return _if_text(data[: error.start].decode("utf-8-sig"), "UTF-8", whole=False)
    return _if_text(data.decode("latin-1"), "Latin-1", whole=whole)


def _if_text(text: str, encoding: str, *, whole: bool) -> Beginning | None:
    """Tell text from other bytes: it has no control characters but those that logs have."""
    strange = sum(1 for character in text[:4096] if character < " " and character not in "\t\n\r\f\v\b\x1b")
    if encoding == "Latin-1":
        strange += sum(1 for character in text[:4096] if "\x7f" <= character <= "\x9f")
    return Beginning(text, whole, encoding) if strange * 50 <= min(len(text), 4096) else None


def text_preview(path: Path, *, kind: Kind = Kind.TEXT, remark: str = "") -> Preview:
    """Show the first lines of a text or source file; raise Problem if it is none."""
    found = beginning(path)
    if found is None:
        raise Problem("binary")
    lines = lines_of(found.text)
    shown = lines[:LINES]
    cut = not found.whole or len(lines) > LINES
    about = f"the first {plural(len(shown), 'line')}" if cut else plural(len(lines), "line")
    return Preview(
        kind,
        f"{remark}{about}{found.remark}",
        html=block(highlighted("\n".join(shown), LANGUAGES.get(path.suffix.lower())), cut=cut),
        plain=excerpt(shown, cut=cut),
        record=record(shown, cut=cut),
    )


def lines_of(text: str) -> list[str]:
    """Return clean lines, each bounded; of a line that a progress bar wrote over, what it wrote last."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n", LINES + 1)[: LINES + 1]
    lasts = (line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return [clip(clean(line[: 4 * LINE_LENGTH]), LINE_LENGTH) for line in lasts]


def clip(text: str, length: int) -> str:
    """Return the beginning of a text, marked where it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def block(inner: str, *, cut: bool = False) -> str:
    """Return a block of text whose inside is HTML already."""
    return f'<pre style="{BLOCK}">{inner}{_more(cut=cut)}</pre>'


def record(lines: list[str], *, cut: bool) -> str:
    """Return a short block for records, without colours."""
    return f"<pre>{escape(excerpt(lines, cut=cut))}</pre>"


def excerpt(lines: list[str], *, cut: bool) -> str:
    """Return the few lines that stay in records and plain text."""
    return "\n".join(lines[:RECORD_LINES]) + _more(cut=cut or len(lines) > RECORD_LINES)


def _more(*, cut: bool) -> str:
    return "\n…" if cut else ""


def highlighted(text: str, language: str | None) -> str:
    """Return clean text as HTML with the colours of its language."""
    if language is None:
        return escape(text)
    pieces, colour, run = [], "", ""
    for token, value in _tokens(text, language):
        now = theme_colour(token) if value.strip() else colour  # spaces need no colour of their own
        if now != colour:
            pieces.append(_span(run, colour))
            colour, run = now, ""
        run += value
    pieces.append(_span(run, colour))
    return "".join(pieces)


def _tokens(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield names of kinds of tokens, and tokens; when time is up, the rest as one of no kind."""
    from pygments.lexers import get_lexer_by_name

    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    deadline, done = time.monotonic() + HIGHLIGHT_S, 0
    for token, value in lexer.get_tokens(text):
        yield str(token), value
        done += len(value)
        if time.monotonic() > deadline:
            break
    yield "Token.Text", text[done:]


def theme_colour(token: str) -> str:
    """Return the colour of a kind of token, or nothing."""
    while token:
        if token in _COLOURS:
            variable, otherwise = _COLOURS[token]
            return f"var(--jp-mirror-editor-{variable}-color,{otherwise})"
        token = token.rpartition(".")[0]
    return ""


def _span(text: str, colour: str) -> str:
    return f'<span style="color:{colour}">{escape(text)}</span>' if colour and text else escape(text)
