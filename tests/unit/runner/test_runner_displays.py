"""Rich outputs: what they hold, where they come in the log, how large they may be, and what displays them."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import struct
import subprocess
import termios
import time

import pytest
from cell_jobs import WAIT_S, environment, interpreters, oldest_newest_and_this
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.jobs.events import Displayed, LogText
from pollinator_magic.jobs.stream import LogDecoder
from pollinator_magic.runner.log import _pieces

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def test_the_last_expression_is_shown_as_in_a_notebook(cell_job):
    assert cell_job("x = 40\nx + 2").run().stdout == "42\n"
    assert cell_job("'text'").run().stdout == "'text'\n"
    assert cell_job("None\n").run().stdout == ""
    assert cell_job("x = 1\n").run().stdout == ""
    assert cell_job("if True:\n    5\n").run().stdout == ""
    assert cell_job('"""A docstring."""').run().stdout == "'A docstring.'\n"


@pytest.mark.parametrize("end", [";", " ;", ";  # done", ";\n\n# done; really\n"])
def test_a_semicolon_at_the_end_keeps_the_value_from_being_shown(end, cell_job):
    assert cell_job(f"é = 'é;'\n(é,\n '#'){end}\n").run().stdout == ""


def test_a_semicolon_elsewhere_does_not(cell_job):
    assert cell_job("x = 1; ';#'  # ;\n# ;\n").run().stdout == "';#'\n"


def test_a_long_container_is_shown_on_lines_of_a_readable_length(cell_job):
    shown = cell_job("{'key %d' % n: list(range(n)) for n in range(20)}\n").run().stdout

    assert eval(shown) == {f"key {n}": list(range(n)) for n in range(20)}
    assert max(map(len, shown.splitlines())) <= 80


def test_a_very_long_text_is_shown_in_bounds(cell_job):
    shown = cell_job("'x' * 10_000_000\n").run().stdout

    assert len(shown) < 110_000
    assert "9,900,002 characters left out" in shown


VALUE = """
class Value:
    shape = (333, 7)
    def _repr_html_(self): return "<table>"
    def _repr_latex_(self): return "$x$", {"size": "large"}
    def _repr_svg_(self): return "<svg/>"
    def _repr_png_(self): return bytes.fromhex("%s")
    def _repr_jpeg_(self): return b"not needed"
    def _repr_json_(self): return {"a": [1, float("nan")]}
    def _repr_javascript_(self): return None
    def _repr_markdown_(self): raise ValueError
    def __repr__(self): return "Value()"
Value()
""".replace("%s", PNG.hex())


@pytest.mark.parametrize("version", oldest_newest_and_this())
def test_a_value_comes_in_all_its_representations(version, cell_job):
    (shown,) = cell_job(VALUE).run(python=interpreters()[version]).displayed

    assert shown.data == {
        "text/plain": "Value()",
        "text/html": "<table>",
        "text/latex": "$x$",
        "image/svg+xml": "<svg/>",
        "image/png": base64.b64encode(PNG).decode(),
        "application/json": {"a": [1, None]},
    }
    assert shown.metadata == {"text/latex": {"size": "large"}}
    assert shown.text.startswith("[Value 333 x 7: image/")


def test_a_bundle_has_precedence_over_the_methods_for_its_types(cell_job):
    (shown,) = (
        cell_job("""
class Value:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"application/vnd.x+json": {"a": 1}, "text/html": "from bundle"}, {"text/html": {"isolated": True}}
    def _repr_html_(self): return "from method"
    def _repr_markdown_(self): return "*x*"
display(Value())
""")
        .run()
        .displayed
    )

    assert shown.data["text/html"] == "from bundle"
    assert shown.data["text/markdown"] == "*x*"
    assert shown.data["application/vnd.x+json"] == {"a": 1}
    assert shown.metadata == {"text/html": {"isolated": True}}
    assert shown.text == "[Value: application/vnd.x+json, 8 bytes]"


def test_what_answers_to_every_name_is_shown_as_text(cell_job):
    outcome = cell_job("""
class Proxy:
    def __getattr__(self, name): return lambda *words, **options: "made up"
    def __repr__(self): return "Proxy()"
Proxy()
""").run()

    assert outcome.stdout == "Proxy()\n"


def test_a_widget_is_shown_by_what_else_it_is(cell_job):
    outcome = cell_job("""
class Widget:
    def _repr_mimebundle_(self, **_):
        return {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}, "text/plain": "Widget()"}
Widget()
""").run()

    assert outcome.stdout == "Widget()\n"


def test_types_can_be_chosen_and_raw_bundles_shown(cell_job):
    outcome = cell_job("""
class Value:
    def _repr_html_(self): return "h"
    def _repr_latex_(self): return "l"
display(Value(), include=["text/html"])
display(Value(), exclude=["text/html"], metadata={"a": 1})
display({"text/html": "raw", "image/png": b"x"}, raw=True)
""").run()
    first, second, third = outcome.displayed

    assert first.data == {"text/html": "h"}
    assert set(second.data) == {"text/latex", "text/plain"}
    assert second.metadata == {"a": 1}
    assert third.data == {"text/html": "raw", "image/png": "eA=="}


def test_an_output_can_be_replaced(cell_job):
    outcome = cell_job("""
handle = display("first", display_id=True)
handle.update("second")
named = display("other", display_id="name")
assert named.display_id == "name"
named.display("again")
print(handle)
assert display("no handle") is None
""").run()
    first, second, other, again = outcome.displayed

    assert (first.data, first.update) == ({"text/plain": "'first'"}, False)
    assert (second.data, second.update) == ({"text/plain": "'second'"}, True)
    assert second.display_id == first.display_id != ""
    assert (other.display_id, again.display_id, again.update) == ("name", "name", False)
    assert outcome.readable.splitlines()[0] == "'first'"


def test_outputs_come_in_their_order_among_what_is_printed(cell_job):
    outcome = cell_job("""
import sys
class Value:
    def __init__(self, n): self.n = n
    def _repr_html_(self): return str(self.n)
print("one")
display(Value(2))
print("three", file=sys.stderr)
sys.stdout.write("four")
display(Value(5))
display(6)
print("seven")
Value(8)
""").run(merged=True)

    pieces = [event.text if isinstance(event, LogText) else event.data["text/html"] for event in outcome.events]
    assert "".join(pieces).split() == ["one", "2three", "four56", "seven", "8"]
    assert outcome.readable.splitlines()[:2] == ["one", "[Value: text/html, 1 bytes]"]


def test_an_output_is_there_while_the_job_goes_on(cell_job):
    job = cell_job("class V:\n    def _repr_html_(self): return 'x'\nprint('printed')\ndisplay(V())\ninput()\n")
    process = job.popen(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    decoder, events = LogDecoder(), []
    try:
        while not any(isinstance(event, Displayed) for event in events):
            data = os.read(process.stdout.fileno(), 65536)
            assert data, events
            events += decoder.feed(data.decode(), 0)
        assert process.poll() is None
    finally:
        process.communicate(b"\n", timeout=WAIT_S)


@pytest.mark.parametrize("redirect", ["contextlib.redirect_stdout(text)", "contextlib.nullcontext(text)"])
def test_redirecting_what_is_printed_does_not_redirect_pictures(redirect, cell_job):
    outcome = cell_job(f"""
import contextlib, io
class Value:
    def _repr_html_(self): return 'x'
text = io.StringIO()
with {redirect}:
    print("printed")
    display(Value())
    display("plain")
assert text.getvalue() in ("", "printed\\n'plain'\\n")
""").run()

    assert outcome.status == 0
    assert len(outcome.displayed) == 1
    assert outcome.printed == ("" if "redirect" in redirect else "printed\n'plain'\n")


LARGE = """
import os
class Large:
    def __init__(self, size): self.size = size
    def _repr_png_(self): return os.urandom(self.size)
"""


def test_a_large_output_comes_as_a_file_of_the_results(cell_job):
    job = cell_job(LARGE + "display(Large(30_000))\ndisplay(Large(100_000), display_id='big')\nLarge(2_000_000)\n")
    outcome = job.run()
    small, large, huge = outcome.displayed

    assert small.data["image/png"]
    assert not large.data
    assert large.file == ".pollinator/outputs/1.json"
    assert large.text == "[Large: image/png, 97.7 KiB]"
    content = json.loads((job.results / large.file).read_text())
    assert len(base64.b64decode(content["data"]["image/png"])) == 100_000
    assert (content["display_id"], large.display_id) == ("big", "big")
    assert (job.results / huge.file).is_file()
    assert max(len(line) for line in outcome.stdout.splitlines()) < 64 * 1024
    assert sorted(path.name for path in (job.results / ".pollinator/outputs").iterdir()) == ["1.json", "2.json"]


def test_no_control_sequence_is_longer_than_what_a_pipe_writes_at_once(cell_job):
    outcome = cell_job(LARGE + "Large(40_000)\n").run()

    assert len(outcome.displayed) == 1
    assert max(map(len, outcome.stdout.split("\x07"))) < 4096


def test_ranks_that_write_at_the_same_time_do_not_damage_outputs(cell_job):
    job = cell_job(LARGE + "for n in range(20):\n    print('-' * 500)\n    display(Large(20_000))\n")
    reading, writing = os.pipe()
    ranks = [
        job.popen(stdout=writing, stderr=writing, env={"SLURM_PROCID": str(rank), "POLLINATOR_DISPLAY": "all"})
        for rank in range(3)
    ]
    os.close(writing)
    with os.fdopen(reading, "rb") as log:
        text = log.read().decode()
    assert [rank.wait(WAIT_S) for rank in ranks] == [0, 0, 0]

    decoder = LogDecoder()
    events = [*decoder.feed(text, 0), *decoder.finish()]
    assert sum(isinstance(event, Displayed) for event in events) == 60


def test_a_log_that_does_not_wait_gets_whole_outputs(cell_job):
    job = cell_job(LARGE + "for n in range(10):\n    display(Large(30_000))\n")
    process = job.popen(stdout=subprocess.PIPE, preexec_fn=lambda: os.set_blocking(1, False))
    deadline, sizes = time.monotonic() + WAIT_S, [0]
    while sizes[-1] == 0 or sizes[-10:] != sizes[-1:] * 10:  # until it is full
        assert time.monotonic() < deadline
        time.sleep(0.02)
        sizes.append(_unread_bytes(process.stdout))
    text, _ = process.communicate(timeout=WAIT_S)

    decoder = LogDecoder()
    assert sum(isinstance(event, Displayed) for event in decoder.feed(text.decode(), 0)) == 10
    assert process.returncode == 0


def _unread_bytes(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"0000"))[0]


@given(
    st.lists(
        st.one_of(
            st.text(alphabet="ab\n", max_size=20).map(lambda text: text * 500),
            st.integers(0, 3900).map(lambda length: "\x1b]5470;" + "x" * length + "\x07"),
        )
    )
)
def test_what_is_written_is_cut_between_control_sequences_so_that_a_pipe_keeps_it_together(texts):
    whole = "".join(text + "\n" for text in texts).encode()
    pieces = _pieces(whole)

    assert b"".join(pieces) == whole
    assert max(map(len, pieces), default=0) <= 4096
    for command in re.findall(rb"\x1b\]5470;x*\x07", whole):
        assert any(command in piece for piece in pieces)


def test_outputs_are_bounded_in_number_and_that_is_said_once(cell_job):
    outcome = cell_job("""
class Value:
    def _repr_html_(self): return 'x'
for n in range(1010):
    display(Value())
print('end')
""").run()

    assert len(outcome.displayed) == 1000
    assert outcome.printed.count("More than 1000 outputs") == 1
    assert outcome.printed.endswith("end\n")


def test_an_output_is_bounded_in_size_and_that_is_said(cell_job):
    outcome = cell_job(LARGE + "display(Large(60 << 20))\nprint('on')\n").run()

    assert not outcome.displayed
    assert "[Large: image/png, 60.0 MiB] (not shown: larger than 64 MiB; write it to a file" in outcome.printed
    assert outcome.printed.endswith("on\n")


def test_a_forked_process_displays_without_taking_its_parents_files(cell_job):
    job = cell_job(
        LARGE
        + """
display(Large(200_000))
if os.fork():
    os.wait()
    display(Large(200_000))
else:
    display(Large(200_000))
    os._exit(0)
"""
    )
    outcome = job.run()

    assert len({event.file for event in outcome.displayed}) == 3
    assert all((job.results / event.file).is_file() for event in outcome.displayed)


def test_a_forked_process_does_not_wait_for_a_thread_that_it_does_not_have(cell_job):
    outcome = cell_job("""
import os, signal, sys, threading
began, go_on = threading.Event(), threading.Event()
class Slow:
    def write(self, text):
        began.set()
        go_on.wait()
    def flush(self): pass
real, sys.stdout = sys.stdout, Slow()
thread = threading.Thread(target=display, args=("by the thread",))
thread.start()
began.wait()
child = os.fork()
if not child:
    signal.alarm(20)
    sys.stdout = real
    display("by the child")
    os._exit(0)
_, status = os.waitpid(child, 0)
go_on.set()
thread.join()
assert status == 0
""").run()

    assert outcome.status == 0, outcome.stderr
    assert outcome.stdout == "'by the child'\n"


def test_display_does_not_replace_what_the_program_calls_so(cell_job):
    outcome = cell_job("def display(x): print('mine', x)\ndisplay(1)\n").run()

    assert outcome.stdout == "mine 1\n"


def test_a_display_that_is_there_already_stays(cell_job):
    job = cell_job("display(1)\n")
    job.file("site/sitecustomize.py", "import builtins\nbuiltins.display = lambda x: print('theirs', x)\n")

    assert job.run(env={"PYTHONPATH": str(job.directory / "site")}).stdout == "theirs 1\n"


def test_pandas_and_pictures_are_shown(cell_job):
    outcome = cell_job("""
import pandas as pd
from PIL import Image
display(pd.DataFrame({"a": [1, 2], "b": ["<x>", "y"]}))
display(Image.new("RGB", (20, 10), "red"))
pd.Series([1, 2])
""").run()
    frame, picture = outcome.displayed

    assert "<table" in frame.data["text/html"]
    assert "&lt;x&gt;" in frame.data["text/html"]
    assert frame.text.startswith("[DataFrame 2 x 2: text/html, ")
    assert base64.b64decode(picture.data["image/png"]).startswith(b"\x89PNG")
    assert picture.text.startswith("[Image 20x10: image/png, ")
    assert outcome.printed == "0    1\n1    2\ndtype: int64\n"


def test_a_figure_like_those_of_plotly_is_shown(cell_job):
    outcome = cell_job("""
class Figure:
    def _ipython_display_(self):
        raise ValueError("Mime type rendering requires ipython but it is not installed")
    def _repr_mimebundle_(self, include=None, exclude=None, validate=True, **kwargs):
        return {"application/vnd.plotly.v1+json": {"data": [{"y": [1, 2]}], "layout": {}}}
    def _repr_html_(self): return "<div></div>"
Figure()
""").run()

    assert outcome.displayed[0].data["application/vnd.plotly.v1+json"]["data"] == [{"y": [1, 2]}]


PLOTLY = {
    "src/plotly/__init__.py": "",
    "src/plotly/io/__init__.py": "from ._renderers import renderers, show\n",
    "src/plotly/io/_renderers.py": """
class Renderers:
    default = None
renderers = Renderers()
def show(fig, renderer=None, validate=True, **kwargs):
    if renderer or renderers.default == "plotly_mimetype":
        raise ValueError("Mime type rendering requires ipython but it is not installed")
""",
    "src/plotly/graph_objects.py": """
class Figure:
    def show(self, *args, **kwargs):
        import plotly.io as pio
        return pio.show(self, *args, **kwargs)
    def _ipython_display_(self):
        import plotly.io as pio
        if pio.renderers.default:
            pio.show(self)
        else:
            print(repr(self))
    def _repr_mimebundle_(self, include=None, exclude=None, validate=True, **kwargs):
        return {"application/vnd.plotly.v1+json": {"data": [{"y": [1, 2]}], "layout": {}}}
    def _repr_html_(self):
        raise AssertionError("it has a network's script in it")
""",
}
"""The parts of plotly's own modules that matter here, as they are in its version 7."""


def test_the_figures_of_plotly_are_shown_without_ipython(cell_job):
    job = cell_job("import plotly.graph_objects as go\ngo.Figure().show()\nprint('between')\ngo.Figure()\n")
    for name, content in PLOTLY.items():
        job.file(name, content)

    outcome = job.run()
    chosen = job.run(env={"PLOTLY_RENDERER": "browser"})

    assert [list(event.data) for event in outcome.displayed] == [["application/vnd.plotly.v1+json", "text/plain"]] * 2
    assert outcome.readable.splitlines()[1] == "between"
    assert not chosen.displayed


IPYTHON = """
from IPython.display import display as show, HTML, Markdown, update_display, publish_display_data, clear_output
import IPython.display
print("printed")
show(HTML("<i>1</i>"), Markdown("*2*"))
handle = show(HTML("3"), display_id=True)
handle.update(HTML("4"))
update_display(HTML("5"), display_id=handle.display_id)
publish_display_data({"text/html": "6"}, {"a": 1})
IPython.display.display(HTML("7"))
"""


def test_what_ipython_displays_is_displayed(cell_job):
    outcome = cell_job(IPYTHON).run()
    shown = outcome.displayed

    assert [event.data.get("text/html") or event.data["text/markdown"] for event in shown] == [
        *("<i>1</i>", "*2*", "3", "4", "5", "6", "7")
    ]
    assert [event.update for event in shown] == [False, False, False, True, True, False, False]
    assert shown[2].display_id == shown[3].display_id == shown[4].display_id
    assert shown[5].metadata == {"a": 1}
    assert outcome.printed == "printed\n"


def test_a_cleared_output_is_replaced_by_the_next_one(cell_job):
    outcome = cell_job("""
from IPython.display import HTML, clear_output
display(HTML("above"))
clear_output()
for n in range(3):
    clear_output(wait=True)
    display(HTML(str(n)))
    display(HTML("second %d" % n))
""").run()
    shown = outcome.displayed

    places = {event.display_id: event.data["text/html"] for event in shown}
    assert list(places.values()) == ["2", "second 2"]
    assert [event.update for event in shown] == [False, True, False, True, True, True, True]


def test_ipython_is_not_imported_for_its_own_sake(cell_job):
    program = "import sys\nassert not {'IPython', 'matplotlib', 'numpy', 'pandas', 'PIL'} & set(sys.modules)\n"

    assert cell_job("class V:\n    def _repr_html_(self): return 'x'\ndisplay(V())\n" + program).run().status == 0


@pytest.mark.parametrize("version", oldest_newest_and_this())
def test_a_cell_may_await(version, cell_job):
    outcome = cell_job("""
import asyncio
async def numbers():
    for n in range(3):
        await asyncio.sleep(0)
        yield n
found = [n async for n in numbers()]
await asyncio.gather(*(asyncio.sleep(0, n) for n in found))
""").run(python=interpreters()[version])

    assert outcome.status == 0, outcome.stderr
    assert outcome.stdout == "[0, 1, 2]\n"


def test_an_error_while_awaiting_shows_only_the_cells_lines(cell_job):
    outcome = cell_job("async def f():\n    1/0\nawait f()\n").run()

    assert outcome.raised.traceback.splitlines()[0:3] == [
        "Traceback (most recent call last):",
        "  Cell line 4",
        "    await f()",
    ]
    assert "asyncio" not in outcome.raised.traceback
    assert outcome.raised.line == 3


@pytest.mark.parametrize("name", ["SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"])
def test_only_the_first_rank_displays_unless_all_shall(name, cell_job):
    job = cell_job("class V:\n    def _repr_html_(self): return 'x'\nprint('hi')\ndisplay(V())\nV()\n")

    first, other = job.run(env={name: "0"}), job.run(env={name: "1"})
    asked = job.run(env={name: "1", "POLLINATOR_DISPLAY": "all"})

    assert len(first.displayed) == 2
    assert other.stdout == "hi\n"
    assert len(asked.displayed) == 2


def test_the_environment_of_the_tests_has_no_rank():
    assert not [name for name in environment() if name.endswith(("_RANK", "PROCID"))]
