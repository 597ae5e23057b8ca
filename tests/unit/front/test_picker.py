"""The executor picker without a browser: what it shows, and what choosing does."""

from __future__ import annotations

import threading
import time

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets import HasTraits, TraitError, Unicode, link

from pollinator_magic.cli import main
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.jobs.executors import Condition, ExecutorView, Work
from pollinator_magic.notebook import executors as table
from pollinator_magic.notebook import lookout as lookout_module
from pollinator_magic.notebook.eyes import Topic
from pollinator_magic.notebook.picker import ExecutorPicker

VIEWS = [
    ExecutorView("busy", "hpc", "Luleå", condition=Condition.BUSY, heard_s=3, work=Work(running=2, waiting=7)),
    ExecutorView("gpu", "hpc", "Kajaani", gpus=8, gpu_name="A100", condition=Condition.IDLE, heard_s=1),
    ExecutorView("lost", "k8s", condition=Condition.QUIET, heard_s=400, work=Work(waiting=1)),
    ExecutorView("local", "embedded colony", condition=Condition.ASLEEP, embedded=True),
]


@pytest.fixture
def picker(colony, lookout):
    """Make a picker that knows two executors and the embedded one."""
    for name in ("lumi-std", "lumi-gpu"):
        colony.new_executor(name)
    lookout.look(Topic.EXECUTORS, 30)
    made = ExecutorPicker(lookout=lookout)
    yield made
    made.close()


@pytest.fixture
def quick(monkeypatch):
    """Refresh much sooner; to be asked for before the picker."""
    monkeypatch.setattr(lookout_module, "FRESH_S", 0.02)


# --- the table --------------------------------------------------------------------------------------------------------


def names(views: list[ExecutorView]) -> list[str]:
    return [view.name for view in views]


def test_the_filter_needs_every_word_somewhere():
    assert names(table.chosen(VIEWS, "", "name")) == ["busy", "gpu", "local", "lost"]
    assert names(table.chosen(VIEWS, "HPC a100", "name")) == ["gpu"]
    assert names(table.chosen(VIEWS, "quiet", "name")) == ["lost"]
    assert names(table.chosen(VIEWS, "nothing like it", "name")) == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("name", ["busy", "gpu", "local", "lost"]),
        ("free first", ["gpu", "busy", "local", "lost"]),
        ("least waiting", ["gpu", "local", "lost", "busy"]),
        ("most GPUs", ["gpu", "busy", "local", "lost"]),
        ("last heard", ["gpu", "busy", "lost", "local"]),
    ],
)
def test_the_table_is_sorted_by_what_matters(order, expected):
    assert names(table.chosen(VIEWS, "", order)) == expected


def test_the_lines_are_aligned_and_mark_the_quiet_ones():
    header, lines = table.lines(VIEWS)

    column = header.index("state")
    assert [line[column:].split("\xa0")[0] for line in lines] == ["busy", "idle", "quiet", "on"]
    assert [line[0] for line in lines] == ["●", "●", "○", "●"]


def test_a_line_stays_the_same_while_nothing_happens():
    """Else the list would be redrawn, and scrolled back, every few seconds."""
    now = [ExecutorView("x", condition=Condition.IDLE, heard_s=1)]
    later = [ExecutorView("x", condition=Condition.IDLE, heard_s=110)]

    assert table.lines(now) == table.lines(later)


def test_what_comes_from_outside_is_cut_and_escaped():
    evil = ExecutorView("<script>alert(1)</script>", "t" * 500, place="\x1b[2J", condition=Condition.IDLE, heard_s=1)

    as_html, as_text = table.static_table([evil], "<b>")
    _, (line,) = table.lines([evil])

    assert "<script" not in as_html + table.detail(evil)
    assert "\x1b" not in as_html + as_text + line
    assert len(line) < 200


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_it_shows_the_colony_and_the_embedded_one(picker):
    assert [value for _, value in picker._list.options] == ["local", "lumi-gpu", "lumi-std"]
    assert "2 executors of colony &#x27;hpc&#x27;" in picker._standing_line.value


def test_choosing_in_the_list_sets_the_trait_and_the_line(picker):
    picker._list.value = "lumi-gpu"
    picker._fields["mem"].value = "4Gi"
    picker._fields["gpu"].value = "A100:2"

    assert picker.executor == "lumi-gpu"
    assert picker.line == "%%pollinate lumi-gpu --mem 4Gi --gpu A100:2"
    assert ">%%pollinate lumi-gpu --mem 4Gi --gpu A100:2</code>" in picker._line.value
    assert "<b>lumi-gpu</b>" in picker._detail.value


def test_the_line_is_read_back_as_it_was_meant():
    from pollinator_magic.options import parse_run_line

    line = table.cell_line("my executor", {"nodes": "2", "walltime": "1h30m", "gpu": ""})
    options = parse_run_line("%%pollinate", line.removeprefix("%%pollinate"))

    assert (options.executors, options.nodes, options.walltime) == (("my executor",), "2", "1h30m")


def test_setting_the_traits_moves_what_is_shown(picker):
    picker.executor = "lumi-std"
    picker.nodes = 4

    assert picker._list.value == "lumi-std"
    assert picker._fields["nodes"].value == "4"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("executor", "lumi-sdt", "Did you mean &#x27;lumi-std&#x27;?"),
        ("nodes", "four", "--nodes must be a positive whole number"),
        ("mem", "4GB", "Use Ki, Mi or Gi"),
        ("cpu", "many", "is not an amount of CPU"),
        ("gpu", "a b", "is not a number of GPUs"),
        ("walltime", "soon", "is not a time"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_line_and_changes_nothing(picker, name, value, said):
    with pytest.raises(TraitError):
        setattr(picker, name, value)

    assert getattr(picker, name) == ""
    assert said in picker._message.value


def test_what_is_typed_wrongly_stays_to_be_corrected(picker):
    field = picker._fields["mem"]
    field.value = "4Gi"
    field.value = "4GB"

    assert (picker.mem, field.value) == ("4Gi", "4GB")
    assert "Use Ki, Mi or Gi" in picker._message.value

    field.value = "8Gi"
    assert (picker.mem, picker._message.value) == ("8Gi", "")


def test_traits_can_be_observed_and_linked(picker):
    class Form(HasTraits):
        where = Unicode()

    form, seen = Form(), []
    link((form, "where"), (picker, "executor"))
    picker.observe(lambda change: seen.append(change.new), "walltime")

    form.where = "lumi-gpu"
    picker.walltime = "2h"

    assert picker.executor == "lumi-gpu"
    assert seen == ["2h"]


def test_filtering_keeps_what_was_chosen(picker):
    picker._list.value = "lumi-gpu"
    picker._filter.value = "std"

    assert [value for _, value in picker._list.options] == ["lumi-std"]
    assert (picker.executor, picker._list.value) == ("lumi-gpu", None)

    picker._filter.value = ""
    assert picker._list.value == "lumi-gpu"


@pytest.fixture
def magics():
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "pollinator_magic")
    yield shell.magics_manager.registry["PollinateMagics"]
    InteractiveShell.clear_instance()


def test_using_it_sets_what_cells_run_with(magics, picker):
    picker.executor, picker.mem = "lumi-gpu", "4Gi"
    assert magics.executor == ""

    picker._use.click()

    assert (magics.executor, magics.mem, magics.nodes) == ("lumi-gpu", "4Gi", "")
    assert "now run on lumi-gpu (mem 4Gi)" in picker._message.value


def test_it_begins_with_what_cells_run_with(magics, colony, lookout):
    magics.executor, magics.walltime, magics.mem = "lumi-std", "2h", "nonsense"
    colony.new_executor("lumi-std")
    lookout.look(Topic.EXECUTORS, 30)

    picker = ExecutorPicker(lookout=lookout)

    assert (picker.executor, picker.walltime, picker.mem) == ("lumi-std", "2h", "")
    picker.close()


def test_without_the_magics_using_it_says_what_to_do(picker):
    picker.use()

    assert "%load_ext pollinator_magic" in picker._message.value


# --- without widgets, and as time goes by -----------------------------------------------------------------------------


def test_where_there_is_no_kernel_it_is_a_plain_table(picker):
    bundle = picker._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html"}
    assert "lumi-gpu" in bundle["text/plain"]
    assert "<td" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]


def test_in_a_terminal_the_subcommand_lists_the_executors(colony, capsys):
    colony.new_executor("lumi-std")

    assert main(["pick"]) == 0

    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("lumi-std"))
    assert "never heard" in row


def test_it_refreshes_by_itself_until_it_is_closed(quick, picker, colony, lookout):
    picker.show_live()
    colony.new_executor("newcomer")

    until(lambda: "newcomer" in [value for _, value in picker._list.options])
    picker.close()
    until(lambda: lookout._thread is None)
    assert not [thread for thread in threading.enumerate() if thread.name == "pollinator-lookout"]


def test_a_refresh_does_not_take_back_what_is_being_typed(quick, picker, colony, lookout):
    picker.show_live()
    picker._fields["mem"].value = "4GB"
    colony.new_executor("newcomer")

    until(lambda: "newcomer" in [value for _, value in picker._list.options])

    assert picker._fields["mem"].value == "4GB"
    assert "Use Ki, Mi or Gi" in picker._message.value


def test_it_says_when_the_colony_is_away_and_when_it_is_back(quick, picker, colony):
    picker.executor = "lumi-std"
    picker.show_live()

    colony.stop()
    until(lambda: "Asking again" in picker._standing_line.value)
    assert [value for _, value in picker._list.options] == ["local", "lumi-gpu", "lumi-std"]
    colony.start()

    until(lambda: "2 executors of colony" in picker._standing_line.value)
    assert (picker.executor, picker._list.value) == ("lumi-std", "lumi-std")


def test_two_pickers_and_the_completion_share_one_thread(picker, lookout):
    other = ExecutorPicker(lookout=lookout)
    picker.show_live()
    other.show_live()
    lookout.glance(Topic.PROCESSES)

    assert len([thread for thread in threading.enumerate() if thread.name == "pollinator-lookout"]) == 1
    other.close()


def test_an_executor_that_is_chosen_and_then_goes_away_stays_chosen(quick, picker, colony, lookout):
    picker.executor = "lumi-std"
    picker.show_live()
    with Colonies(colony.server, colony.colony, colony.owner_key) as owner:
        owner.remove_executor("lumi-std")

    until(lambda: "lumi-std" not in [value for _, value in picker._list.options])

    assert picker.executor == "lumi-std"
    assert "'lumi-std' is not there any more" in picker._detail.value.replace("&#x27;", "'")


def until(condition, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
