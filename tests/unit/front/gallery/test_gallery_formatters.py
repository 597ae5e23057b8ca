"""What `job.results` and one of them show as the value of a cell."""

from __future__ import annotations

import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from pollinator_magic.jobs.results import Results
from pollinator_magic.notebook import formatters
from tests.unit.front.gallery import samples


@pytest.fixture
def shell():
    made = InteractiveShell()
    formatters.register(made)
    yield made
    formatters.unregister(made)


def test_results_show_a_list_and_one_of_them_its_preview(shell, tmp_path):
    samples.every_kind(tmp_path)
    results = Results(tmp_path)

    listed, _ = shell.display_formatter.format(results)
    picture, _ = shell.display_formatter.format(results["photo.png"])
    table, _ = shell.display_formatter.format(results["fit.csv"])

    assert "31 results" in listed["text/html"]
    assert listed["text/plain"].splitlines()[1].startswith("  analysis.ipynb  ")
    assert "image/png" in picture
    assert "bill_length" in table["text/html"]
    assert table["text/plain"].startswith("fit.csv · 60 rows × 4 columns")


def test_unregistered_they_show_their_reprs_again(shell, tmp_path):
    (tmp_path / "a.txt").write_text("x")
    shell.display_formatter.format(Results(tmp_path))

    formatters.unregister(shell)
    formatters.unregister(shell)
    shown, _ = shell.display_formatter.format(Results(tmp_path))

    assert shown == {"text/plain": repr(Results(tmp_path))}


def test_registering_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "before = set(sys.modules)\n"
        "from pollinator_magic.notebook import formatters\n"
        "formatters.register(InteractiveShell())\n"
        "new = {name for name in set(sys.modules) - before if not name.startswith('IPython')}\n"
        "heavy = {'PIL', 'pygments', 'ipywidgets', 'numpy', 'pandas', 'msgspec', 'pyarrow'}\n"
        "print(sorted(name for name in new if 'gallery' in name or name.split('.')[0] in heavy - before))\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output.strip() == "[]"
