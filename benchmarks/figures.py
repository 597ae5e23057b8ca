"""Makes docs/figures.md, its plots, and the table in the README of this directory, all from results.json."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Report

if TYPE_CHECKING:
    from benchmarks.report import Bars

_HERE = Path(__file__).parent
RESULTS = _HERE / "results.json"
_DOCS = _HERE.parent / "docs"
_TABLE = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
_BESIDE = _HERE / "side-by-side.md"

_WIDTH, _ROW, _LABELS, _TOP = 720, 26, 300, 34
_COLOURS = ("#8a94a6", "#2f6fb7")
"""Of what is beside, and of what is ours."""


def write() -> list[Path]:
    """Write everything; return the files."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    reports = {name: Report.from_json(one["report"]) for name, one in kept.items()}
    readme = _HERE / "README.md"
    readme.write_text(_TABLE.sub(lambda _: _targets(reports), readme.read_text(encoding="utf-8")), encoding="utf-8")
    written = [readme]
    sections = []
    for name, report in reports.items():
        pictures = []
        for number, bars in enumerate(report.plots):
            file = _DOCS / "figures" / f"{name}{number or ''}.svg"
            file.parent.mkdir(exist_ok=True)
            file.write_text(svg(bars), encoding="utf-8")
            written.append(file)
            pictures.append(f"![{bars.title}](figures/{file.name})\n")
        sections.append(_section(name, kept[name], report, pictures))
    page = _DOCS / "figures.md"
    page.write_text(
        "\n".join([_HEAD, _targets(reports), *sections, _BESIDE.read_text(encoding="utf-8")]), encoding="utf-8"
    )
    return [*written, page]


_HEAD = """# Figures

What pollinator_magic costs, measured beside what the bare work costs in the same run: seconds depend on the machine and
on what else it does, ratios hardly. `make bench` measures again and writes this page, its plots and the table in
`benchmarks/README.md` from `benchmarks/results.json`; `python -m benchmarks NAME …` measures some of it again, and
`python -m benchmarks --figures` only writes. What an operation costs in requests, hashed files and bytes is asserted by
tests (`tests/integration/cfs/test_cfs_cost.py`, `tests/integration/jobs/test_cost.py`); no test asserts a time.

## Targets
"""


def _targets(reports: dict[str, Report]) -> str:
    lines = ["| | what | bound | measured |", "| --- | --- | --- | --- |"]
    for name, report in reports.items():
        for target in report.targets:
            bound = f"{'at least' if target.at_least else 'at most'} {target.limit:,g} {target.unit}"
            value = f"{target.value:,.0f}" if abs(target.value) >= 100 else f"{target.value:.3g}"
            lines.append(f"| `{name}` | {target.what} | {bound} | {value}{'' if target.met else ' (missed)'} |")
    return "\n".join(lines) + "\n"


def _section(name: str, kept: dict[str, Any], report: Report, pictures: list[str]) -> str:
    lines = [f"## {report.title[0].upper()}{report.title[1:]}", "", f"`python -m benchmarks {name}`, {kept['on']}.", ""]
    lines += ["| | " + " | ".join(report.columns) + " |", "| --- |" + " ---: |" * len(report.columns)]
    lines += ["| " + " | ".join([*row, *[""] * (len(report.columns) + 1 - len(row))]) + " |" for row in report.rows]
    return "\n".join([*lines, "", *pictures])


def svg(bars: Bars) -> str:
    """Return horizontal bars with their numbers, readable on light and dark pages."""
    most = max(bars.values.values(), default=0) or 1
    compared = any(label.startswith("pollinator") for label in bars.values)
    height = _TOP + _ROW * len(bars.values) + 8
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    title = f"{escape(bars.title)} ({escape(bars.unit)})"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="13">',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="20" font-weight="bold" fill="#1c2430">{title}</text>',
    ]
    for number, (label, value) in enumerate(bars.values.items()):
        y = _TOP + _ROW * number
        width = max(1.0, value / most * (_WIDTH - _LABELS - 90))
        colour = _COLOURS[label.startswith("pollinator") or not compared]
        lines += [
            f'<text x="{_LABELS - 8}" y="{y + 16}" text-anchor="end" fill="#1c2430">{escape(label)}</text>',
            f'<rect x="{_LABELS}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 8}" fill="{colour}"/>',
            f'<text x="{_LABELS + width + 6:.1f}" y="{y + 16}" fill="#1c2430">{_number(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>\n"])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
