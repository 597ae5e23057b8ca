"""The log and the rich outputs of a job, as a real kernel publishes them and a notebook file keeps them."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import nbformat
import pytest

from tests.notebook.conftest import printed, shown

pytestmark = pytest.mark.notebook

BEGIN = """
import base64, io, json, time
from pathlib import Path
from pollinator_magic.jobs import Results
from pollinator_magic.jobs.events import Displayed
from pollinator_magic.notebook.logview import LogView

def rich(data, text="<output>", **more):
    return Displayed(data=data, text=text, timestamp_ns=0, **more)

def svg(name):
    return {"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'><!--{name}--></svg>", "text/plain": name}
"""


def texts(cell) -> list[str]:
    """What a cell shows, in order: streams as they are, outputs by their plain text."""
    found = []
    for is_stream, group in itertools.groupby(cell.outputs, lambda output: output.output_type == "stream"):
        texts = [output.text if is_stream else output.data["text/plain"] for output in group]
        found += ["".join(texts)] if is_stream else texts
    return found


def test_a_short_log_is_ordinary_output(execute):
    notebook = execute(
        BEGIN,
        "view = LogView(file=None)\nfor n in range(100):\n    view.write(f'line {n}\\n')\n"
        "view.write('\\x1b[32mno end of line')\nview.finish()",
    )

    assert printed(notebook.cells[1]) == "".join(f"line {n}\n" for n in range(100)) + "\x1b[32mno end of line\x1b[0m"
    assert not shown(notebook.cells[1])


def test_the_first_text_is_there_at_once(execute):
    notebook = execute(BEGIN, "view = LogView()\nview.write('first\\n')\nview.write('second\\n')")

    assert printed(notebook.cells[1]).startswith("first\n")


def test_after_a_silence_text_is_there_at_once(execute):
    notebook = execute(
        BEGIN,
        "view = LogView()\nview.write('first\\n')\ndeadline = time.monotonic() + 0.5\n"
        "while time.monotonic() < deadline:\n    view.tick()\nview.write('second\\n')",
    )

    assert printed(notebook.cells[1]) == "first\nsecond\n"


# Not ru_maxrss, which begins with what the process that started the kernel had.
PEAK = "print(next(int(line.split()[1]) >> 10 for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def test_a_log_of_a_million_lines_leaves_its_beginning_its_end_and_a_small_notebook(execute):
    notebook = execute(
        BEGIN,
        "view = LogView(file=Path.cwd() / 'cfs' / 'log' / '3fc0.log')\n"
        "for n in range(0, 1_000_000, 20):\n"
        "    lines = [f'\\x1b[36m{m:8}\\x1b[0m of the lines that this job writes\\n' for m in range(n, n + 20)]\n"
        "    view.write(''.join(lines))\n"
        "view.finish()",
        PEAK,
    )

    stream, end = texts(notebook.cells[1])
    assert stream.startswith("\x1b[36m       0\x1b[0m of the lines")
    assert len(stream.splitlines()) == 2000
    head, *lines = end.split("\n")
    assert head == "… 1,000,000 lines (49.6 MiB); the last 40 follow, the whole log is in cfs/log/3fc0.log"
    assert lines[-1] == "\x1b[36m  999999\x1b[0m of the lines that this job writes"
    assert len(lines) == 40
    assert len(nbformat.writes(notebook)) < 2 << 20
    assert int(printed(notebook.cells[2])) < 400, "MiB"


def test_the_end_is_one_output_that_is_replaced(execute):
    notebook = execute(
        BEGIN,
        "view = LogView(lines=5)\nfor n in range(30):\n    view.write(f'line {n}\\n')\n    time.sleep(0.02)\n"
        "view.finish()",
    )

    stream, end = texts(notebook.cells[1])
    assert stream == "".join(f"line {n}\n" for n in range(5))
    assert end.startswith("… 30 lines (")
    assert end.endswith("\nline 29")


def test_a_bar_of_ten_thousand_ticks_is_one_line_and_a_few_kilobytes(execute):
    notebook = execute(
        BEGIN,
        "view = LogView()\nfor n in range(10_000):\n    view.write(f'\\r{n:5} of 10000 {\"#\" * (n // 200):50}|')\n"
        "    time.sleep(0.0003)\nview.write('\\ndone\\n')\nview.finish()",
    )

    text = printed(notebook.cells[1])
    assert text.count("\n") == 2
    assert text.endswith(f"\r 9999 of 10000 {'#' * 49:50}|\ndone\n")
    assert text.count("\r") < 200
    assert len(text) < 16 << 10


def test_rich_outputs_are_in_their_place_among_the_text(execute):
    notebook = execute(
        BEGIN,
        "view = LogView()\nview.write('one\\n')\nview.write('two\\n')\nview.display(rich(svg('first')))\n"
        "view.write('three\\n')\nview.display(rich(svg('second')))\nview.write('four\\n')\nview.finish()",
    )

    assert texts(notebook.cells[1]) == ["one\ntwo\n", "first", "three\n", "second", "four\n"]
    assert shown(notebook.cells[1], "text/html")[0].startswith('<img src="data:image/svg+xml;base64,')


def test_a_program_replaces_its_own_outputs_and_no_others(execute):
    notebook = execute(
        BEGIN + "from IPython.display import display\nhandle = display('of the user', display_id='shared')",
        "view = LogView()\nview.display(rich(svg('0'), display_id='shared'))\nview.write('text\\n')\n"
        "for n in range(1, 500):\n    view.display(rich(svg(str(n)), display_id='shared', update=True))\nview.finish()",
        "other = LogView()\nother.display(rich(svg('of another job'), display_id='shared', update=True))\n"
        "other.finish()",
    )

    assert texts(notebook.cells[0]) == ["'of the user'"]
    assert texts(notebook.cells[1]) == ["499", "text\n"]
    assert texts(notebook.cells[2]) == ["of another job"]


def test_updates_of_outputs_are_at_most_four_a_second(execute):
    notebook = execute(
        BEGIN,
        "sent = []\npublisher = get_ipython().display_pub\npublisher.register_hook(lambda m: sent.append(m) or m)\n"
        "view = LogView()\nbegan = time.monotonic()\nview.display(rich(svg('x'), display_id='a'))\n"
        "for n in range(3000):\n    view.display(rich(svg(str(n)), display_id='a', update=True))\nview.finish()\n"
        "limit = 3 + 4 * (time.monotonic() - began)\n"
        "count = sum(m['header']['msg_type'] == 'update_display_data' for m in sent)\nprint(1 <= count <= limit)",
    )

    assert texts(notebook.cells[1])[-1] == "True\n"


def test_after_fifty_outputs_only_their_names_are_shown(execute):
    notebook = execute(
        BEGIN,
        "view = LogView()\nfor n in range(60):\n    view.display(rich(svg(f'picture {n}'), text=f'<picture {n}>'))\n"
        "view.finish()",
    )

    assert len(shown(notebook.cells[1])) == 50
    note, *names = printed(notebook.cells[1]).splitlines()
    assert note.startswith("[More than 50 outputs")
    assert names == [f"<picture {n}>" for n in range(50, 60)]


def test_outputs_together_do_not_sink_the_notebook(execute):
    notebook = execute(
        BEGIN,
        "view = LogView()\nfor n in range(30):\n"
        "    view.display(rich({'text/html': '<p>' + 'x' * 10**6, 'text/plain': f'page {n}'}, display_id=str(n)))\n"
        "for n in range(3):\n"
        "    view.display(rich({'text/html': '<p>' + 'x' * 5_000_000}, display_id=str(n), update=True))\n"
        "view.finish()",
    )

    assert len(nbformat.writes(notebook)) < 10 << 20
    assert "[More than 50 outputs, or 8.0 MiB" in printed(notebook.cells[1])


STORE = """
root = Path("results") / ".pollinator" / "outputs"
root.mkdir(parents=True)
(root / "1.json").write_text(json.dumps({"data": svg("the large one"), "metadata": {}}))
(root / "2.json").write_text("[" * 100_000)
(root / "3.json").write_text(json.dumps({"data": {"text/html": "<script>pwned()</script>"}}))
(root / "5.json").symlink_to("/etc/hostname")
def stored(n, **more):
    return rich({}, text=f"<large {n}>", file=f".pollinator/outputs/{n}.json", **more)
"""


def test_large_outputs_come_to_their_places_with_the_results(execute):
    notebook = execute(
        BEGIN + STORE,
        "view = LogView()\nview.write('before\\n')\nview.display(stored(1))\n"
        "view.write('after\\n')\nview.display(stored(2))\n"
        "view.display(stored(3))\nview.display(stored(4))\nview.display(stored(5))\n"
        "view.display(rich({}, text='<escaped>', file='../../../outside.json'))\nview.finish()",
        "view.fill(Results(Path('results')))",
    )

    first, after, second, third, fourth, fifth, sixth = texts(notebook.cells[1])[1:]
    assert (first, after) == ("the large one", "after\n")
    assert second == "<large 2> (not shown: it did not come back whole)"
    assert third == "<large 3>"
    assert "sandbox=" in shown(notebook.cells[1], "text/html")[-1]
    assert {fourth[9:], fifth[9:], sixth[9:]} == {" (not shown: it did not come back)"}
    assert not notebook.cells[2].outputs


def test_until_the_results_are_here_a_large_output_is_named(execute):
    notebook = execute(BEGIN + STORE, "view = LogView()\nview.display(stored(1))\nview.finish()")

    assert texts(notebook.cells[1]) == ["<large 1> (comes with the results)"]


def test_what_a_large_output_replaces_stays_until_it_is_here(execute):
    notebook = execute(
        BEGIN + STORE,
        "view = LogView()\nview.display(rich(svg('small'), display_id='a'))\n"
        "view.display(stored(1, display_id='a', update=True))\nview.finish()",
        "other = LogView()\nother.display(rich(svg('small'), display_id='a'))\n"
        "other.display(stored(1, display_id='a', update=True))\nother.finish()\nother.fill(Results(Path('results')))",
    )

    assert texts(notebook.cells[1]) == ["small"]
    assert texts(notebook.cells[2]) == ["the large one"]


def test_under_capture_the_whole_log_is_captured(execute):
    notebook = execute(
        BEGIN,
        "%%capture captured\nview = LogView(lines=5)\nfor n in range(100):\n    view.write(f'line {n}\\n')\n"
        "view.display(rich(svg('x')))\nview.finish()",
        "print(captured.stdout.count('\\n'), len(captured.outputs))",
    )

    assert printed(notebook.cells[2]) == "100 1\n"


def test_in_a_terminal_the_whole_log_is_ordinary_output_and_nothing_repeats_itself():
    program = BEGIN + (
        "view = LogView(lines=5)\nfor n in range(1000):\n"
        "    view.write(f'\\x1b[3')\n    view.write(f'1mline {n}\\x1b[0m\\n')\n"
        "    view.display(rich(svg('state'), display_id='a', update=n > 0))\n    time.sleep(0.001)\nview.finish()\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "--quick", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )

    lines = run.stdout.splitlines()
    assert [line for line in lines if "line" in line] == [f"\x1b[31mline {n}\x1b[0m" for n in range(1000)]
    assert sum("state" in line for line in lines) == 2, "when it was made, and its last state"


def test_the_log_can_be_shown_where_there_is_no_ipython_shell():
    program = BEGIN + "view = LogView()\nview.write('plain\\n')\nview.display(rich(svg('x')))\nview.finish()\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.startswith("plain\n")


def test_control_sequences_of_a_job_do_not_reach_the_notebook(execute):
    notebook = execute(
        BEGIN,
        "view = LogView(lines=2)\n"
        "for part in ['\\x1b]0;ti', 'tle\\x07a\\x1b[2', 'Jb\\n', '\\x1b[1A\\x9b31mc\\n', '<b>\\x00\\n', 'x' * 10**6]:\n"
        "    view.write(part)\nview.finish()",
    )

    stream, end = texts(notebook.cells[1])
    assert stream == "ab\n31mc\n"
    assert re.fullmatch(r"… 4 lines \(976.\d KiB\); the last 2 follow\n<b>\nx{400}…", end)
