"""Runs the benchmarks that are named, or all; prints what they find, keeps it, and writes the figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from datetime import date

from benchmarks import engines, figures, firstline, hello, labext, load, log, push, queue, server, tree, warm
from benchmarks.report import Options

_ALL = {
    "push": push,
    "warm": warm,
    "server": server,
    "log": log,
    "firstline": firstline,
    "hello": hello,
    "load": load,
    "labext": labext,
    "queue": queue,
    "tree": tree,
    "engines": engines,
}


def main() -> int:
    """Return 1 if a target was missed and --strict was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print the ratios.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones, default all: {', '.join(_ALL)}")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if a target is missed")
    parser.add_argument("--big-file-mib", type=int, default=Options.big_file_mib, help="size of the file in `tree`")
    parser.add_argument("--keep", action="store_true", help="keep what was measured, and write the figures from it")
    parser.add_argument("--figures", action="store_true", help="only write the figures from what was kept")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - _ALL.keys())
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}: {', '.join(_ALL)}")
    options = Options(big_file_mib=arguments.big_file_mib)
    machine = f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}"
    print(f"{machine}\n")
    missed, began = 0, time.monotonic()
    for name in [] if arguments.figures else arguments.names or _ALL:
        start = time.monotonic()
        report = _ALL[name].run(options)
        print(f"{name}: {report}\n  ({time.monotonic() - start:.0f} s)\n", flush=True)
        missed += not report.met
        if arguments.keep:
            _keep(name, {"on": f"{date.today().isoformat()}, {machine}", "report": asdict(report)})  # noqa: DTZ011  a date
    if arguments.keep or arguments.figures:
        print("written:", *(file.relative_to(figures.RESULTS.parents[1]) for file in figures.write()))
    print(f"{time.monotonic() - began:.0f} s in all" + (f", targets missed in {missed}" if missed else ""))
    return 1 if missed and arguments.strict else 0


def _keep(name: str, result: dict[str, object]) -> None:
    """Put a result in place of the one before; the others stay."""
    kept = json.loads(figures.RESULTS.read_text(encoding="utf-8")) if figures.RESULTS.exists() else {}
    kept[name] = result
    text = json.dumps({name: kept[name] for name in _ALL if name in kept}, indent=1, ensure_ascii=False)
    figures.RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
