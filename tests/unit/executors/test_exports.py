"""Variables as lines for shells: whatever they hold, they arrive as they were."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pollinator_magic.executors.exports import export_lines, not_exportable

HOSTILE = {
    "COMMAS": "a,b,c=d",
    "QUOTES": """it's "quoted" \\ `id` $HOME $(id) $$""",
    "LINES": "first\nexport EVIL=1\n\n",
    "TABS": "\t \r",
    "EMPTY": "",
    "EQUALS": "a=b=c",
    "BYTES": "\x01\x1b[31m\x7f",
    "UNICODE": "Grüße 🐝",
    "GLOB": "* ~ ? [a-z] !!",
    "LONG": "x" * 100_000,
    "PATH": "/nowhere",
    "IFS": "x",
    "ENV": "/etc/passwd",
    "PS4": "$(id)",
}
SHELLS = [["dash"], ["bash", "--posix"], ["bash"], ["busybox", "sh"]]
PRINT = shutil.which("python3", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin") or shutil.which("python3")


def seen(shell, lines, tmp_path):
    """Return the variables that a program sees after a shell has read the lines."""
    file = tmp_path / "exports"
    file.write_text(lines)
    program = [shutil.which(shell[0]) or shell[0], *shell[1:]]
    code = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(k + b'=' + v for k, v in os.environb.items()))"
    inside = '. "$1" && shift && exec "$@"'
    output = subprocess.check_output([*program, "-c", inside, "sh", str(file), PRINT, "-I", "-c", code], env={})
    return dict(pair.split("=", 1) for pair in os.fsdecode(output).split("\0"))


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_hostile_values_arrive_as_they_were_in_every_shell(shell, tmp_path):
    found = seen(shell, export_lines(HOSTILE), tmp_path)

    assert {name: found[name] for name in HOSTILE} == HOSTILE
    assert "EVIL" not in found


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_names_that_a_shell_cannot_set_are_left_out_and_stop_nothing(shell, tmp_path):
    bad = {"SLURM-JOBID": "16", "1A": "x", "A B": "x", "": "x", "UID": "7", "PPID": "1", "OPTIND": "no", "A;id": "x"}
    bad |= {"SHELLOPTS": "x", "NUL": "a\0b", "É": "x"}

    found = seen(shell, export_lines({**bad, "GOOD": "yes"}), tmp_path)

    assert found["GOOD"] == "yes"
    assert not_exportable({**bad, "GOOD": "yes"}) == list(bad)
