"""The reference of all settings as Markdown, made from the settings themselves.

    python -m pollinator_magic.executors.reference              prints it
    python -m pollinator_magic.executors.reference FILE         puts it into a document, between the two marks

A test compares `docs/executors.md` with it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import inspect

from pollinator_magic.executors import kinds, tables
from pollinator_magic.executors.configuration import EXECUTOR, ExecutorSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import msgspec

OWN = ("process", "slurm", "container", "kubernetes")
"""The kinds of this package, in the order of the document."""
BEGIN = "<!-- settings: made by `python -m pollinator_magic.executors.reference docs/executors.md` -->"
END = "<!-- end of settings -->"


def markdown(names: Sequence[str] = OWN) -> str:
    """Return the reference: a table for every executor, and one for each kind."""
    parts = [_section(EXECUTOR, "Every executor has these.", ExecutorSettings)]
    for name in names:
        kind = kinds.kind(name)
        parts.append(_section(name, kind.summary, kind.settings))
    return "\n\n".join(parts)


def put_into(document: str, reference: str) -> str:
    """Return a document with the reference in the place of what is between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference}\n\n{END}{after}"


def _section(name: str, summary: str, settings: type[msgspec.Struct]) -> str:
    rows = [f"| {' | '.join(map(_cell, row))} |" for row in _rows(settings, "")]
    return "\n".join(
        [f"### `[{name}]`", "", summary, "", "| key | value | default | |", "| --- | --- | --- | --- |", *rows]
    )


def _rows(settings: type[msgspec.Struct], path: str) -> Iterator[tuple[str, str, str, str]]:
    for field in tables.fields(settings):
        key, default = f"{path}{field.encode_name}", tables.default(field)
        meaning = tables.description(field)
        yield f"`{key}`", tables.wanted(field.type), f"`{default}`" if default else "", meaning
        within = tables.bare(field.type)
        if isinstance(within, inspect.DictType):
            within, key = tables.bare(within.value_type), f"{key}.NAME"
        elif isinstance(within, inspect.ListType):
            within = tables.bare(within.item_type)
        if isinstance(within, inspect.StructType):
            yield from _rows(within.cls, f"{key}.")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def main(words: Sequence[str]) -> int:
    """Print the reference, or put it into the file that is named."""
    if not words:
        print(markdown())  # noqa: T201  it is what was asked for
        return 0
    file = Path(words[0])
    file.write_text(put_into(file.read_text(encoding="utf-8"), markdown()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
