"""Matplotlib in a job: figures come where `show` is called and at the end of the cell, as pictures."""

from __future__ import annotations

import base64
import struct

import pytest

PLOT = """
import matplotlib.pyplot as plt
def plot(title):
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    axes.set_title(title)
    return figure
"""


def _pictures(outcome):
    """Return the titles' places in the log are not known, so: the sizes of the pictures."""
    pictures = [base64.b64decode(event.data["image/png"]) for event in outcome.displayed]
    return [struct.unpack(">II", picture[16:24]) for picture in pictures]


def test_show_sends_the_open_figures_at_that_place_and_closes_them(cell_job):
    outcome = cell_job(
        PLOT + "plot('a'); plot('b')\nprint('before')\nplt.show()\nprint('after', plt.get_fignums())\nplt.show()\n"
    ).run()

    lines = outcome.readable.splitlines()
    assert [line.split(":")[0] for line in lines] == ["before", *["[Figure 640x480"] * 2, "after []"]
    assert len(_pictures(outcome)) == 2


def test_figures_that_are_still_open_come_at_the_end_of_the_cell(cell_job):
    outcome = cell_job(PLOT + "figure = plot('a')\nprint('last')\n").run()

    assert outcome.readable.splitlines()[0] == "last"
    assert len(outcome.displayed) == 1


def test_figures_come_before_the_error_that_ends_the_cell(cell_job):
    outcome = cell_job(PLOT + "figure = plot('a')\n1/0\n").run(merged=True)

    assert [type(event).__name__ for event in outcome.events] == ["Displayed", "Raised"]
    assert outcome.status == 1


def test_a_figure_as_the_last_expression_is_shown_once(cell_job):
    assert len(cell_job(PLOT + "plot('a')\n").run().displayed) == 1


def test_a_displayed_figure_is_shown_again_only_if_it_has_changed(cell_job):
    assert len(cell_job(PLOT + "f = plot('a')\ndisplay(f)\n").run().displayed) == 1
    assert len(cell_job(PLOT + "f = plot('a')\ndisplay(f)\nf.axes[0].plot([2, 1]);\n").run().displayed) == 2


def test_a_figure_that_was_closed_or_is_empty_is_not_shown(cell_job):
    outcome = cell_job(PLOT + "plot('a')\nplt.close()\nempty = plt.figure()\n").run()

    assert not outcome.displayed


def test_figures_can_be_saved_before_they_are_shown(cell_job):
    job = cell_job(
        PLOT + "figure = plot('a')\nplt.savefig('result/a.png')\nplt.show()\nfigure.savefig('result/b.png')\n"
    )
    outcome = job.run()

    assert outcome.status == 0, outcome.stderr
    assert (job.results / "a.png").read_bytes()[:4] == (job.results / "b.png").read_bytes()[:4] == b"\x89PNG"
    assert len(outcome.displayed) == 1


def test_a_figure_that_cannot_be_drawn_does_not_fail_the_cell(cell_job):
    outcome = cell_job(PLOT + "plot(r'$\\undefined$')\nplt.show()\nprint('goes on')\n").run()

    assert outcome.status == 0
    assert "goes on" in outcome.printed


def test_matplotlib_draws_without_a_screen_also_in_programs_that_the_cell_starts(cell_job):
    ask = "import matplotlib.pyplot as plt; print(plt.get_backend().lower())"
    outcome = cell_job(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {ask!r}])\n{ask};\n").run()

    assert outcome.printed.split() == ["agg", "agg"]


@pytest.mark.parametrize("how", ["environment", "file", "call"])
def test_a_backend_that_the_user_has_chosen_stays(how, cell_job):
    choose = "import matplotlib\nmatplotlib.use('svg')\n" if how == "call" else ""
    job = cell_job(choose + PLOT + "print(plt.get_backend())\nfigure = plot('a')\nplt.show()\n")
    if how == "file":
        job.file("matplotlibrc", "backend: svg\n")

    outcome = job.run(env={"MPLBACKEND": "svg"} if how == "environment" else {})

    assert outcome.printed == "svg\n"
    assert len(outcome.displayed) == 1


def test_other_ranks_show_no_figures_and_no_warnings(cell_job):
    outcome = cell_job(PLOT + "plot('a')\nplt.show()\nprint(plt.get_fignums())\nplot('b')\n").run(
        env={"SLURM_PROCID": "2"}
    )

    assert (outcome.stdout, outcome.stderr) == ("[]\n", "")
