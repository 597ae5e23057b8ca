"""What the completer of IPython offers behind the magics."""

from __future__ import annotations

import shlex
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import (
    Capabilities,
    Conditions,
    Executor,
    FunctionSpec,
    Gpu,
    Hardware,
    WorkflowSpec,
)
from pollinator_magic.jobs import Job, Session
from pollinator_magic.notebook import completion, eyes
from pollinator_magic.notebook import lookout as lookout_module
from pollinator_magic.notebook.cellnames import names_of
from pollinator_magic.notebook.eyes import Topic
from pollinator_magic.notebook.lookout import Lookout
from pollinator_magic.notebook.optionline import MagicLine, unfinished
from pollinator_magic.options import cell_parser, split
from pollinator_magic.settings import Connection

BOTH = pytest.mark.parametrize("jedi", [True, False], ids=["jedi", "plain"])


@pytest.fixture
def jedi() -> bool:
    return False


@pytest.fixture
def shell(nowhere, jedi):
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell(config=config)
    made.Completer.use_jedi = jedi
    return made


@pytest.fixture
def offered(shell, lookout):
    """Return a function that presses the tabulator: what is offered, and of what type."""
    shell.Completer.custom_matchers.append(completion.matcher_for(shell, lookout))

    def press(text: str) -> dict[str, str]:
        """Complete at the `|`, or at the end; return by what the whole word at the cursor could be replaced."""
        offset = text.index("|") if "|" in text else len(text)
        text = text.replace("|", "")
        with provisionalcompleter():
            found = list(shell.Completer.completions(text, offset))
        return {text[: one.start].rpartition(" ")[2] + one.text: breakable(one.type) for one in found}

    return press


# --- options ----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("magic", ["%%pollinate", "%pollinate"])
def test_every_option_of_the_real_parser_is_offered_with_its_help(offered, magic):
    found = offered(f"{magic} --")

    for action in cell_parser(magic)._actions:
        for name in action.option_strings:
            if name.startswith("--") and not name.startswith("--no-"):
                assert action.help[:40] in found[name]


@BOTH
def test_an_option_is_completed_wherever_it_stands(offered):
    assert set(offered("%%pollinate local --nodes 4 --wall")) == {"--walltime"}
    assert set(offered("%%pollinate --wall| local --nodes 4\nprint(1)")) == {"--walltime"}
    assert set(offered("x = 1\n%pollinate --wall")) == {"--walltime"}
    assert set(offered("job = %pollinate --wall")) == {"--walltime"}


def test_an_option_that_is_given_is_not_offered_again_unless_it_may_be_repeated(offered):
    found = offered("%%pollinate --nodes 4 --env A=1 --")

    assert "--nodes" not in found
    assert "--env" in found


def test_options_are_turned_off_when_that_is_asked_for(offered):
    assert "--no-detach" not in offered("%%pollinate --no")
    assert "--no-detach" in offered("%%pollinate --no-")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%%pollinate --on-interrupt ", {"detach", "cancel"}),
        ("%%pollinate --on-interrupt c", {"cancel"}),
        ("%%pollinate --on-interrupt=c", {"--on-interrupt=cancel"}),
        ("%%pollinate --cmd ba", {"bash"}),
        ("%%pollinate --mem 1", {"1Gi", "16Gi"}),
        ("%pollinator local st", {"start", "stop", "status"}),
        ("%pollinator executor k", {"kinds"}),
        ("%pollinator executor start p", {"process"}),
        ("%pollinator executor start process --gr", {"--grace-s"}),
        ("%pollinator executor start process --log-format j", {"json"}),
        ("%pollinator att", {"attach"}),
        ("%pollinator logs --t", {"--tail"}),
    ],
)
def test_values_and_subcommands_are_completed(offered, line, expected):
    assert set(offered(line)) == expected


def test_what_a_step_comes_after_is_offered_from_those_that_are_collected(offered, monkeypatch):
    from pollinator_magic.notebook.collected import collected

    steps = {"prepare": SimpleNamespace(after=()), "fit": SimpleNamespace(after=("prepare",))}
    monkeypatch.setattr(collected, "_steps", steps)

    assert offered("%%pollinate local --step x --after ") == {"prepare": "step", "fit": "step, after prepare"}
    assert list(offered("%%pollinate local --step x --after prepare,")) == ["prepare,fit"]
    assert {"show", "run", "clear", "attach"} <= offered("%pollinator graph ").keys()


def test_a_subcommand_says_what_it_does(offered):
    assert offered("%pollinator can")["cancel"] == "Cancel a job."


# --- executors and jobs -----------------------------------------------------------------------------------------------


@BOTH
def test_executors_are_offered_with_type_and_state(colony, lookout, offered):
    register(colony, "lumi-gpu", gpus=4)
    register(colony, "lumi-std")
    lookout.look(Topic.EXECUTORS, 30)

    found = offered("%%pollinate lumi-")

    assert found["lumi-gpu"] == "container-executor · never heard · 4 x A100"
    assert set(found) == {"lumi-gpu", "lumi-std"}
    assert set(offered("%%pollinate lumi-std,lumi-")) == {"lumi-std,lumi-gpu"}
    assert set(offered("%%pollinate lumi-std lumi-")) == {"lumi-gpu"}
    assert "4 x A100" in offered("%%pollinate --gpu A")["A100:1"]
    assert "lumi-std" in offered("%pollinator new -n lumi")


def test_local_is_always_offered_and_never_started_by_it(offered, tmp_path):
    assert offered("%%pollinate lo") == {"local": "embedded colony · on demand"}
    assert not (tmp_path / "home").exists()


def test_processes_are_offered_by_short_id_and_by_the_variables_that_hold_jobs(colony, lookout, offered, shell):
    waiting, cancelled = submit(colony), submit(colony)
    with Colonies(colony.server, colony.colony, colony.user_key) as client:
        client.cancel(cancelled)
        session = Session(Connection(colony.server, colony.colony, colony.user_key, None))
        shell.user_ns["fit"] = Job(session, client.process(waiting))
    lookout.look(Topic.PROCESSES, 30)

    found = offered("%pollinator attach ")
    assert found[waiting[:12]].startswith("waiting · ")
    assert "lumi-std" in found[waiting[:12]]
    assert found[cancelled[:12]].startswith("cancelled")
    assert found["fit"].startswith(f"Job {waiting[:12]} · waiting")
    assert set(offered(f"%pollinator logs {cancelled[:4]}")) == {cancelled[:12]}
    assert cancelled[:12] not in offered("%pollinator cancel ")
    assert {waiting[:12], "fit"} <= set(offered("%pollinator cancel "))


def test_graphs_are_offered_where_they_can_be_meant(colony, lookout, offered):
    conditions = {"colonyname": colony.colony, "executornames": ["lumi-std"], "executortype": "container-executor"}
    specs = [FunctionSpec(nodename=name, funcname="execute", conditions=Conditions(**conditions)) for name in "ba"]
    with Colonies(colony.server, colony.colony, colony.user_key) as client:
        graph = client.submit_workflow(WorkflowSpec(functionspecs=specs)).processgraphid
    lookout.look(Topic.PROCESSES, 30)

    assert offered(f"%pollinator attach {graph[:6]}") == {graph[:12]: "graph of a, b"}
    assert graph[:12] in offered("%pollinator graph attach ")
    assert graph[:12] not in offered("%pollinator logs ")


def test_a_colony_that_does_not_answer_costs_one_short_wait_and_no_word(offered, lookout, mute, point_at, capfd):
    point_at(mute.port)

    first = offered("%%pollinate lo")
    assert mute.connected.wait(10), "the colony was asked"
    still_asking = not lookout.look(Topic.EXECUTORS).complete
    second = offered("%%pollinate --nodes 2 lo")

    assert still_asking, "the first completion came back before the colony answered"
    assert first == second == {"local": "embedded colony · on demand"}
    assert not lookout.look(Topic.EXECUTORS).complete, "nor did the second one wait for it"
    assert capfd.readouterr() == ("", "")


def test_only_the_first_key_press_waits_at_all(lookout, mute, point_at, monkeypatch):
    """The patience is made endless for others, so that a second wait would not come back."""
    point_at(mute.port)
    lookout.glance(Topic.EXECUTORS)
    monkeypatch.setattr(lookout_module, "FIRST_PATIENCE_S", 3600)

    assert not lookout.glance(Topic.EXECUTORS).complete


def test_a_colony_that_refuses_is_asked_less_and_less_often(point_at, lookout, offered, mute):
    mute.close()
    point_at(mute.port)
    looks = []
    see = lookout._eyes.see
    lookout._eyes.see = lambda topic: looks.append(topic) or see(topic)

    until(lambda: lookout.look(Topic.EXECUTORS, 1).problem)
    for _ in range(20):
        offered("%%pollinate lo")

    assert looks == [Topic.EXECUTORS]
    assert lookout._memories[Topic.EXECUTORS].failures == 1


def test_another_colony_is_not_mistaken_for_the_one_before(colony, point_at, lookout, mute):
    register(colony, "lumi-std")
    assert "lumi-std" in [view.name for view in lookout.look(Topic.EXECUTORS, 30).executors]

    point_at(mute.port, colony="other")

    assert "lumi-std" not in [view.name for view in lookout.look(Topic.EXECUTORS).executors]


def test_the_thread_ends_when_nobody_wants_anything(lookout):
    lookout.look(Topic.EXECUTORS, 30)

    until(lambda: lookout._thread is None)
    assert not [thread for thread in threading.enumerate() if thread.name == "pollinator-lookout"]


def test_the_executor_local_of_a_configured_colony_is_not_offered(colony, lookout):
    """The word always means the embedded colony."""
    register(colony, "local")

    found = lookout.look(Topic.EXECUTORS, 30).executors

    assert [(view.name, view.embedded) for view in found] == [("local", True)]


# --- variables --------------------------------------------------------------------------------------------------------


def test_variables_that_can_be_carried_are_offered_and_those_first_that_the_cell_reads(offered, shell):
    import numpy as np

    class Odd:
        @property
        def shape(self):
            raise RuntimeError

    shell.user_ns |= {"alpha": [1, 2], "omega": np.zeros((3, 4)), "function": len, "module": np, "odd": Odd()}

    found = offered("%%pollinate --in |\nprint(omega)")

    assert list(found)[:2] == ["omega", "alpha"]
    assert found["omega"] == "ndarray 3 x 4 float64"
    assert found["alpha"] == "list of 2"
    assert not {"function", "module", "odd", "In", "_"} & set(found)
    assert "odd" in offered("%%pollinate --allow-pickle --in o")


def test_lists_of_variables_go_on_after_the_comma(offered, shell):
    shell.user_ns |= {"alpha": 1, "beta": 2}

    assert set(offered("%%pollinate --in alpha,b")) == {"alpha,beta"}
    assert "alpha,alpha" not in offered("%%pollinate --in alpha,")


def test_out_offers_what_the_cell_assigns(offered):
    body = "import x\ndef f():\n    inner = 1\nmodel, (score, _) = f()\nfor row in []: total += row\n"

    assert list(offered(f"%%pollinate --out |\n{body}")) == ["model", "score", "row", "total"]
    assert set(offered("%%pollinate --out |\nmodel = 1\nbroken = (")) == {"model", "broken"}


def test_each_offers_what_the_cell_reads_and_does_not_make(offered):
    body = "import math\nprint(lr, len([i for i in range(3)]), math.pi)\nseen = lr"

    assert set(offered(f"%%pollinate --each |\n{body}")) == {"lr="}


def test_a_long_program_is_not_parsed_again_for_each_key():
    program = "x = 1\n" * 1000
    names_of(program)
    before = names_of.cache_info().hits

    names_of(program)

    assert names_of.cache_info().hits == before + 1


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_are_offered_where_files_are_meant(offered, tmp_path):
    for name in (
        *("cfs/src/main.py", "cfs/src/lib/fit.py", "cfs/src/.pollinator/start.sh", "cfs/result/sub/a b.csv"),
        *("lumi.env", ".env", "notes.txt", "tables/params.csv", "lab.toml"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    assert set(offered("%%pollinate --source ")) == {"main.py", "lib/fit.py"}
    assert set(offered("%%pollinate --map tables/")) == {"tables/params.csv"}
    assert {".env", "lumi.env"} <= set(offered("%pollinator connect "))
    assert "notes.txt" not in offered("%pollinator connect ")
    assert "lab.toml" in offered("%pollinator executor start process --config ")
    assert set(offered("%%pollinate --get ")) == {"*.csv", "'sub/a b.csv'"}
    assert split(next(iter(offered("%%pollinate --get sub")))) == ["sub/a b.csv"]


# --- where nothing is ours --------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.get",
        "%%pollinate local\nimport os\nos.get",
        "%%pollinate local\n%pollinate lo",
        "%%bash\n%pollinate lo",
        "%%pollinate --mem={le",
        "%pollinator attach {le",
        "%pollin",
        "pollinate lo",
        "%time lo",
        "",
    ],
)
def test_everything_else_is_completed_as_before(shell, offered, text):
    before = shell.Completer.custom_matchers.copy()
    shell.Completer.custom_matchers.clear()
    expected = list(offered(text))
    shell.Completer.custom_matchers[:] = before

    assert list(offered(text)) == expected


def test_below_a_cell_magic_that_only_measures_the_magics_are_completed(offered):
    assert "local" in offered("%%time\n%%pollinate lo")
    assert "local" in offered("\n%%capture out\n\n%%pollinate lo")
    assert "attach" in offered("%%time\n%pollinator att")


def test_installing_and_removing_may_be_done_twice(shell):
    other = shell.Completer.custom_matchers.copy()

    completion.install(shell)
    completion.install(shell)
    assert len(shell.Completer.custom_matchers) == len(other) + 1
    completion.uninstall(shell)
    completion.uninstall(shell)

    assert shell.Completer.custom_matchers == other


def test_an_error_of_our_own_is_no_completion_and_no_word(offered, lookout, monkeypatch, capfd):
    def broken(_topic):
        raise RuntimeError("broken")

    monkeypatch.setattr(lookout, "glance", broken)

    assert "local" not in offered("%%pollinate loc")
    assert capfd.readouterr() == ("", "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(alphabet=st.sampled_from("-=,'\"\\ {}a%n\t"), max_size=30), st.sampled_from(["%%pollinate", "%pollinator"])
)
def test_whatever_is_written_can_be_completed(head, magic):
    lookout = Known()

    fragment, found = completion.complete(MagicLine(magic, head), {"a": 1}, completion.Path("/nonexistent"), lookout)

    assert head.endswith(fragment)
    assert all(suggestion.text for suggestion in found)


@given(st.lists(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=10), max_size=5))
def test_finished_words_are_read_as_the_magic_reads_them(words):
    assert unfinished(shlex.join(words) + " ").words == tuple(words)


class Known(Lookout):
    """Knows nothing, and does not look."""

    def look(self, *_):
        return eyes.Known()


def breakable(text: str) -> str:
    """Return the words that JupyterLab must not break, as they were."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NON-BREAKING HYPHEN}", "-")


def register(colony, name: str, gpus: int = 0) -> None:
    from pollinator_magic.colonies.keys import PrivateKey

    hardware = Hardware(nodes=1, gpu=Gpu(name="A100", count=gpus))
    with Colonies(colony.server, colony.colony, colony.owner_key) as owner:
        owner.add_executor(
            Executor(
                executorid=PrivateKey.generate().identity,
                executorname=name,
                executortype="container-executor",
                colonyname=colony.colony,
                capabilities=Capabilities(hardware=[hardware]),
            )
        )
        owner.approve_executor(name)


def submit(colony) -> str:
    conditions = Conditions(
        colonyname=colony.colony, executornames=["lumi-std"], executortype="container-executor", processespernode=1
    )
    with Colonies(colony.server, colony.colony, colony.user_key) as client:
        return client.submit(FunctionSpec(funcname="execute", conditions=conditions, maxwaittime=-1)).processid


def until(condition, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
