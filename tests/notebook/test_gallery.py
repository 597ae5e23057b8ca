"""Results of real jobs below their cells, and as values of cells."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.notebook.conftest import shown
from tests.unit.front.gallery import samples
from tests.unit.front.gallery.harmless import dangers

pytestmark = pytest.mark.notebook

LOAD = "%load_ext pollinator_magic"
WIDGET = "application/vnd.jupyter.widget-view+json"
FEW = """%%pollinate local --as job
from pathlib import Path
Path('result/fit.csv').write_text('a,b\\n' + '1,2\\n' * 30)
Path('result/notes.txt').write_text('<script>alert(1)</script>')
Path('result/dot.png').write_bytes(bytes.fromhex(
    '89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55'
    '0000000a49444154789c63600000000200014898e0ea0000000049454e44ae426082'))
"""
MANY = """%%pollinate local --as job
from pathlib import Path
for number in range(40):
    Path(f'result/loss-{number}.csv').write_text(f'epoch,loss\\n1,{number}\\n')
"""


def bundles(cell) -> list[dict]:
    return [output.data for output in cell.outputs if "data" in output]


def test_few_results_are_shown_below_the_cell_as_outputs_of_their_kinds(execute):
    cell = execute(LOAD, FEW).cells[1]

    html = "".join(shown(cell, "text/html"))
    assert shown(cell, "image/png")
    assert "30 rows × 2 columns" in html
    assert "3 results" in html
    assert 'href="cfs/result/fit.csv"' in html
    assert "&lt;script&gt;alert(1)" in html
    assert not any(WIDGET in bundle for bundle in bundles(cell) if "3 results" in bundle.get("text/html", ""))


def test_many_results_are_a_gallery_with_a_record_that_needs_no_kernel(execute):
    cell = execute(LOAD, MANY).cells[1]

    record = next(html for html in shown(cell, "text/html") if "40 results" in html)
    assert dangers(record) == []
    assert "loss-39.csv" in record
    assert "1 row × 2 columns" in record
    assert any(WIDGET in bundle and "gallery" in bundle["text/plain"] for bundle in bundles(cell))


def test_results_are_shown_as_the_value_of_a_cell(execute):
    register = "from pollinator_magic.notebook import formatters; formatters.register(get_ipython())"
    notebook = execute(LOAD, register, FEW, "job.results", "job.results['fit.csv']", "job.results['dot.png']")

    listed, table, picture = (bundles(cell)[0] for cell in notebook.cells[3:])
    assert "3 results" in listed["text/html"]
    assert re.search(r"dot\.png  \d+ B", listed["text/plain"])
    assert table["text/plain"].startswith("fit.csv · 30 rows × 2 columns")
    assert "image/png" in picture


def test_what_the_runner_brings_along_is_no_result(execute):
    cell = execute(LOAD, FEW, "sorted(job.results)").cells[2]

    assert shown(cell) == ["['dot.png', 'fit.csv', 'notes.txt']"]


SHOW = (
    "from pathlib import Path\n"
    "from pollinator_magic.jobs.results import Results\n"
    "from pollinator_magic.notebook import gallery\n"
    "gallery.SAVED_BYTES = 20_000\n"
    "gallery.show_results(Results(Path('files').absolute()))\n"
)


def test_what_would_make_the_notebook_large_is_named_and_left_out(execute, tmp_path):
    (tmp_path / "files").mkdir()
    samples.pages_and_media(tmp_path / "files", "http://198.51.100.7")
    samples.texts(tmp_path / "files")
    for name in ("config.json", "config.yaml", "notes.md", "pyproject.toml"):
        (tmp_path / "files" / name).unlink()

    cell = execute(SHOW).cells[0]

    left_out = [text for text in shown(cell) if "left out, so that the notebook stays small" in text]
    assert any(text.startswith("tone.wav") for text in left_out)
    assert sum(len(str(output)) for output in cell.outputs) < 40_000


def test_in_a_terminal_many_results_are_a_list_of_names(tmp_path):
    (tmp_path / "files").mkdir()
    for number in range(20):
        (tmp_path / "files" / f"loss-{number}.txt").write_text("1")

    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", SHOW]
    output = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    ).stdout

    assert output.startswith("20 results\n  loss-0.txt  1 B\n  loss-1.txt")
    assert "gallery" not in output
