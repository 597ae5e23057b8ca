"""Runs the benchmarks that are named, or all, and prints what they find."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time

from benchmarks import hello, load, log, push, server, tree
from benchmarks.report import Options

_ALL = {"load": load, "hello": hello, "server": server, "push": push, "log": log, "tree": tree}


def main() -> int:
    """Return 1 if a target was missed and --strict was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print the ratios.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones, default all: {', '.join(_ALL)}")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if a target is missed")
    parser.add_argument("--big-file-mib", type=int, default=Options.big_file_mib, help="size of the file in `tree`")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - _ALL.keys())
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}: {', '.join(_ALL)}")
    options = Options(big_file_mib=arguments.big_file_mib)
    print(f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}\n")
    missed, began = 0, time.monotonic()
    for name in arguments.names or _ALL:
        start = time.monotonic()
        report = _ALL[name].run(options)
        print(f"{name}: {report}\n  ({time.monotonic() - start:.0f} s)\n", flush=True)
        missed += not report.met
    print(f"{time.monotonic() - began:.0f} s in all" + (f", targets missed in {missed}" if missed else ""))
    return 1 if missed and arguments.strict else 0


if __name__ == "__main__":
    sys.exit(main())
