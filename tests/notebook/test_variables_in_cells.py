"""`--in`, `--out` and `job.value` in real kernels."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import error_of, shown

pytestmark = pytest.mark.notebook

LOAD = "%load_ext pollinator_magic"


def test_variables_go_into_the_job_and_come_back(execute):
    notebook = execute(
        LOAD,
        "import numpy as np, pandas as pd\nx = np.arange(4.0)\nlabel = 'doubled'",
        "%%pollinate local --in x,label --out y,table\n"
        "import pandas as pd\ny = 2 * x\ntable = pd.DataFrame({label: y})\ny.sum()",
        "y, type(y).__name__, list(table.columns), _.value",
    )

    assert shown(notebook.cells[3]) == ["(array([0., 2., 4., 6.]), 'ndarray', ['doubled'], np.float64(12.0))"]


def test_a_missing_variable_is_answered_with_the_nearest_before_anything_is_sent(execute, tmp_path):
    notebook = execute(LOAD, "measurements = 1", "%%pollinate local --in measurement\nprint(1)", allow_errors=True)

    error = error_of(notebook.cells[2])
    assert error.ename == "UsageError"
    assert "'measurements'" in error.evalue
    assert not (tmp_path / "cfs").exists()


def test_what_cannot_travel_is_named_before_anything_is_sent(execute, tmp_path):
    notebook = execute(
        LOAD,
        "import math\nf = lambda: 1",
        "%%pollinate local --in math,f\nprint(1)",
        allow_errors=True,
    )

    assert "'math'" in error_of(notebook.cells[2]).evalue
    assert "'f'" in error_of(notebook.cells[2]).evalue
    assert not (tmp_path / "project.yaml").exists()


def test_what_did_not_come_back_is_named_when_the_rest_is_there(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --out fit,fits --as job\nfit = 3\nopen('result/a.txt', 'w').write('kept')",
        "fit, job.state.name, job.results['a.txt'].text()",
        allow_errors=True,
    )

    assert error_of(notebook.cells[1]).ename == "VariableError"
    assert "'fits'" in error_of(notebook.cells[1]).evalue
    assert shown(notebook.cells[2]) == ["(3, 'SUCCESS', 'kept')"]


def test_a_pickle_needs_permission_on_the_way_in_and_on_the_way_back(execute):
    make = "class Model:\n    def __init__(self, a): self.a = a\nmodel = Model(1)"
    notebook = execute(
        LOAD,
        "import decimal, re\npattern = re.compile('a+')",
        "%%pollinate local --in pattern\nprint(1)",
        "%%pollinate local --in pattern --out found --allow-pickle\nfound = pattern",
        "found.pattern",
        f"{make}",
        allow_errors=True,
    )

    assert "--allow-pickle" in error_of(notebook.cells[2]).evalue
    assert shown(notebook.cells[4]) == ["'a+'"]


def test_a_job_sets_no_variable_that_was_not_asked_for(execute):
    hostile = (
        "import json, os, hashlib\nos.makedirs('result/.pollinator/out', exist_ok=True)\n"
        "text = b'666'\nopen('result/.pollinator/out/secret.data', 'wb').write(text)\n"
        "from pathlib import Path\n"
        "record = {'name': 'secret', 'format': 'json', 'file': 'secret.data', 'size': 3,"
        " 'sha256': hashlib.sha256(text).hexdigest()}\n"
        "Path('result/.pollinator/out/secret.json').write_text(json.dumps(record))\nwanted = 1\n"
    )
    notebook = execute(LOAD, "secret = 'mine'", f"%%pollinate local --out wanted\n{hostile}", "secret, wanted")

    assert shown(notebook.cells[3]) == ["('mine', 1)"]


def test_attach_brings_the_variables_of_a_detached_job(execute):
    notebook = execute(
        LOAD,
        "%%pollinate local --out x --detach --as job\nx = [1, 2]",
        "%pollinator attach job",
        "x",
    )

    assert shown(notebook.cells[3]) == ["[1, 2]"]


def test_a_script_has_no_variables_to_carry(execute):
    notebook = execute(LOAD, "a = 1", "%%pollinate local --script --in a\nprint(a)", allow_errors=True)

    assert "leave out --script" in error_of(notebook.cells[2]).evalue


def test_another_language_has_no_variables_to_carry(execute):
    notebook = execute(LOAD, "a = 1", "%%pollinate local --cmd bash --in a\necho 1", allow_errors=True)

    assert "not Python" in error_of(notebook.cells[2]).evalue
