"""Whatever the value of a cell is, and wherever the job runs: what would have run as a script runs."""

from __future__ import annotations

import os
import re
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cell_jobs import interpreters, oldest_newest_and_this

LAST_EXPRESSIONS = {
    "a repr that raises": "class V:\n    def __repr__(self): raise ValueError('no')\nV()\n",
    "a repr that exits": "class V:\n    def __repr__(self): raise SystemExit(5)\nV()\n",
    "a repr that is no text": "class V:\n    def __repr__(self): return 3\nV()\n",
    "a repr that prints": "class V:\n    def __repr__(self):\n        print('from repr')\n        return 'V'\nV()\n",
    "a repr that recurses": "class V:\n    def __repr__(self): return repr(self)\nV()\n",
    "a repr of half a character": "class V:\n    def __repr__(self): return '\\ud800'\nV()\n",
    "a repr of control characters": "class V:\n    def __repr__(self): return '\\x1b]5470;E;00\\x07\\x00'\nV()\n",
    "a representation that raises": "class V:\n    def _repr_html_(self): raise ValueError('no')\nV()\n",
    "a representation that exits": "class V:\n    def _repr_html_(self): raise SystemExit(5)\nV()\n",
    "a representation of another type": "class V:\n    def _repr_html_(self): return object()\nV()\n",
    "a representation that takes arguments": "class V:\n    def _repr_html_(self, more): return 'x'\nV()\n",
    "a bundle that JSON cannot carry": """
class V:
    def _repr_mimebundle_(self, **_): return {'a/b': {1j}, 2: 3}
V()
""",
    "a bundle that is none": "class V:\n    def _repr_mimebundle_(self, **_): return 'text'\nV()\n",
    "a bundle of three": "class V:\n    def _repr_mimebundle_(self, **_): return 1, 2, 3\nV()\n",
    "a bundle that contains itself": """
class V:
    def _repr_mimebundle_(self, **_):
        bundle = {}
        bundle['application/json'] = bundle
        return bundle
V()
""",
    "one that has every attribute": "class V:\n    def __getattr__(self, name): return lambda *a, **k: 'x'\nV()\n",
    "one whose attributes raise": "class V:\n    def __getattribute__(self, name): raise RuntimeError\nV()\n",
    "one that shows itself and fails": "class V:\n    def _ipython_display_(self): raise RuntimeError\nV()\n",
    "a mock": "from unittest.mock import MagicMock\nMagicMock()\n",
    "a class": "class V:\n    def _repr_html_(self): return 'x'\nV\n",
    "a class without a name": "type('\\x1b\\n', (), {'_repr_html_': lambda self: 'x'})()\n",
    "a list in itself": "x = []\nx.append(x)\nx\n",
    "a deep list": "x = []\nfor _ in range(100000): x = [x]\nx\n",
    "a long list": "list(range(1000000))\n",
    "a large number": "10 ** 10000\n",
    "a large picture": "class V:\n    def _repr_png_(self): return b'\\x89PNG' + bytes(80 << 20)\nV()\n",
    "a comparison that raises": "class V:\n    def __eq__(self, other): raise ValueError\n    __hash__ = None\nV()\n",
    "a truth that raises": """
class V:
    def __bool__(self): raise ValueError
    def __len__(self): raise ValueError
V()
""",
    "a generator": "(print('taken') for _ in [1])\n",
    "a coroutine": "async def f(): pass\nc = f()\nc.close()\nc\n",
    "a module": "import sys\nsys\n",
    "a shallow stack": "import sys\nsys.setrecursionlimit(60)\n[1]\n",
    "no modules": "import sys\nsys.modules.clear()\n[1]\n",
    "no builtins": "import builtins\nbuiltins.__import__ = None\n[1]\n",
    "no files": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n[1]\n",
    "no stdout": "import sys\nsys.stdout = None\n[1]\n",
    "a closed stdout": "import sys\nsys.stdout.close()\n[1]\n",
    "a broken stdout": """
import sys
class Broken:
    encoding = 'utf-8'
    def write(self, text): raise OSError('broken')
    def flush(self): raise OSError('broken')
sys.stdout = Broken()
[1]
""",
    "closed descriptors": "import os\nos.close(1)\nos.close(2)\n[1]\n",
    "another file in place of stdout": """
import os
os.close(1)
file = os.open('precious.txt', os.O_CREAT | os.O_WRONLY)
assert file == 1
class V:
    def _repr_html_(self): return 'x'
V()
""",
    "a thread that displays at the end": """
import threading
def work():
    threading.main_thread().join()
    if 'display' in dir(__builtins__): display(3)
threading.Thread(target=work).start()
4
""",
    "a fork that goes on": "import os\nif os.fork(): os.wait()\n[1]\n",
    "an interrupt while it is shown": """
import os, signal
class V:
    def __repr__(self): return 'shown'
signal.signal(signal.SIGINT, lambda *_: print('handled', flush=True))
os.kill(os.getpid(), signal.SIGINT)
V()
""",
    "figures that cannot be drawn": """
import sys, types
pyplot = types.ModuleType('matplotlib.pyplot')
helpers = types.ModuleType('matplotlib._pylab_helpers')
sys.modules['matplotlib.pyplot'] = pyplot
sys.modules['matplotlib._pylab_helpers'] = helpers
1
""",
}


@pytest.mark.parametrize("about", LAST_EXPRESSIONS)
@pytest.mark.parametrize("version", oldest_newest_and_this())
def test_a_cell_that_runs_as_a_script_runs_whatever_its_value_is(version, about, cell_job):
    cell = "print('before')\n" + LAST_EXPRESSIONS[about]
    python = interpreters()[version]
    script_job, job = cell_job(cell), cell_job(cell)
    with ThreadPoolExecutor() as both:
        script = both.submit(script_job.run_as_script, python=python)
        outcome = job.run(python=python)

    assert outcome.status == script.result().status, outcome.stderr
    assert _comparable(outcome.stderr) == _comparable(script.result().stderr)
    assert outcome.stdout.startswith(script.result().stdout)
    assert (job.directory / "precious.txt").exists() == (script_job.directory / "precious.txt").exists()


def test_a_request_to_end_is_heard_while_something_is_displayed(cell_job):
    outcome = cell_job("""
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
class Value:
    def _repr_html_(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return "x"
display(Value())
print("not reached")
""").run()

    assert (outcome.status, outcome.stdout) == (9, "")


def _comparable(errors):
    return re.sub(r"0x[0-9a-f]+", "0x…", re.sub(r"/\S*/job\d+/", "", errors))


def test_what_took_the_place_of_stdout_gets_no_output(cell_job):
    job = cell_job(LAST_EXPRESSIONS["another file in place of stdout"])
    job.run()

    assert (job.directory / "precious.txt").read_bytes() == b""


RICH = """
class Rich:
    def __init__(self, size): self.size = size
    def _repr_html_(self): return '<b>' + 'é' * self.size + '</b>'
print('before')
display(Rich(10))
import os
display_large = display(type('Large', (), {'_repr_png_': lambda self: os.urandom(300000)})())
print('after')
x = 1
x
"""


def _full(job):
    return {"stdout": Path("/dev/full").open("wb")}


def _closed(job):
    return {"preexec_fn": lambda: os.close(1), "stdout": None}


def _no_larger_files(job):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))}


def _result_is_a_file(job):
    job.results.rmdir()
    job.results.write_text("in the way")
    return {}


def _ascii_only(job):
    return {"env": {"PYTHONIOENCODING": "ascii:strict"}}


PLACES = (_full, _closed, _no_larger_files, _result_is_a_file, _ascii_only)


@pytest.mark.parametrize("place", PLACES)
def test_rich_outputs_change_nothing_where_they_cannot_be_written(place, cell_job):
    job, script_job = cell_job(RICH), cell_job("display = lambda *_: None\n" + RICH)

    outcome, script = job.run(**place(job)), script_job.run_as_script(**place(script_job))

    assert (outcome.status, outcome.stderr) == (script.status, script.stderr)
    assert outcome.stdout.startswith(script.stdout[:6])


def test_a_large_output_that_cannot_be_stored_is_said(cell_job):
    job = cell_job(RICH)

    outcome = job.run(**_result_is_a_file(job))

    assert "[Large: image/png, 293.0 KiB] (not shown: " in outcome.readable
    assert outcome.readable.endswith("after\n1\n")


def test_a_broken_settings_file_is_as_none(cell_job):
    for content in ("", "{", "[]", '{"outputs": 3, "line_offset": "x", "reads": {}}', "\x00", "[" * 100_000):
        job = cell_job("1/0\n")
        (job.hidden / "run.json").write_text(content)

        assert job.run().raised.line == 2
    job = cell_job("'fine'\n")
    (job.hidden / "run.json").unlink()
    assert job.run().stdout == "'fine'\n"


def test_a_runner_that_is_not_whole_runs_the_script_and_says_so(cell_job):
    job = cell_job("print(__name__)\n")
    (job.hidden / "runner/execute.py").write_text("raise RuntimeError('damaged')\n")

    outcome = job.run(flags=["-X", "utf8"])

    assert outcome.stdout == "__main__\n"
    assert "cannot start (RuntimeError: damaged): the cell runs as a plain script" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_a_missing_file_is_an_error_as_for_a_script(cell_job):
    job = cell_job()
    job.source.unlink()

    outcome, script = job.run(), job.run_as_script()

    assert outcome.status == script.status == 2
    assert outcome.stderr.endswith(script.stderr)


def test_the_job_leaves_nothing_beside_its_results(cell_job):
    job = cell_job("display(1)\n1/0\n")
    before = {path.relative_to(job.directory) for path in job.directory.rglob("*")}

    job.run()

    assert {path.relative_to(job.directory) for path in job.directory.rglob("*")} == before
