"""What pages are told of jobs: printable, bounded, and without secrets, whatever a colony says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Attribute, Conditions, DirMount, Executor, FunctionSpec, Mounts, Process
from pollinator_magic.jobs.executors import describe
from pollinator_magic.jobs.ledger import Entry
from pollinator_magic.jobs.parameters import variables
from pollinator_magic.labserver.summaries import Describer, details, executors_told

ROOT = Path("/srv/notebooks")
ID = "0" * 64
NASTY = "\x1b]0;evil\x07\u202e\x00\x9b\ud800 " + "x" * 100_000
TEXT = st.text(st.characters(codec=None), max_size=40) | st.just(NASTY)
JSON = st.recursive(
    TEXT | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def described(process: Process, **more: object) -> dict:
    describer = Describer("somebody", ROOT, **more)
    return details(describer.summary(process), process, why="", dashboard="", now=0)


def process(**spec: object) -> Process:
    return Process(processid=ID, spec=FunctionSpec(**spec))


@given(TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=4), st.dictionaries(TEXT, JSON, max_size=4), st.lists(JSON))
def test_whatever_a_colony_says_is_printable_json(name, error, env, kwargs, args):
    told = described(
        Process(
            processid=ID,
            initiatorname=name,
            errors=[error],
            attributes=[Attribute(key=name, value=error, attributetype=1)],
            spec=FunctionSpec(
                funcname=name,
                env=env,
                kwargs=kwargs,
                args=args,
                conditions=Conditions(executornames=[name]),
                fs=Mounts(dirs=[DirMount(label=f"/pollinator/{name}/src")]),
            ),
        )
    )

    text = json.dumps(told, ensure_ascii=False, allow_nan=False)

    text.encode()
    assert all(shown.isprintable() for shown in everything_in(told) for shown in shown.replace("\n", "").split("\t"))


def test_what_is_told_of_one_job_is_bounded():
    huge = {f"name{number}": ["x" * 10_000] * 1000 for number in range(1000)}
    attributes = [Attribute(key=f"k{number}", value="v" * 10_000, attributetype=1) for number in range(10_000)]

    told = described(
        Process(
            processid=ID,
            errors=["e" * 100_000] * 1000,
            attributes=attributes,
            spec=FunctionSpec(kwargs=huge, args=[[[[]]] * 1000] * 1000, env=dict.fromkeys(huge, "z" * 10_000)),
        )
    )

    assert len(json.dumps(told)) < 600_000


def test_environment_values_that_look_like_secrets_are_not_told():
    key = PrivateKey.generate().reveal()
    env = {
        "MY_API_KEY": "first",
        "db_password": "second",
        "GITHUB_TOKEN": "third",
        "MY_PASSWD": "fourth",
        "SOMETHING": key,
        "URL": "https://me:fifth@example.org/x",
        "PLAIN": "plain",
    }

    spec = described(process(env=env, kwargs={"token": "sixth", "cmd": "python3"}))["spec"]

    assert spec["env"]["PLAIN"] == "plain"
    assert spec["kwargs"] == {"token": "…", "cmd": "python3"}
    assert spec["env"]["URL"] == "https://…@example.org/x"
    told = json.dumps(spec)
    assert not any(secret in told for secret in ("first", "second", "third", "fourth", "fifth", "sixth", key))


def test_attributes_are_those_of_the_executor_and_not_the_environment_again():
    of_executor = Attribute(key="NODES", value="n1", attributetype=1)
    of_environment = Attribute(key="HIDDEN", value="x", attributetype=3)

    told = described(Process(processid=ID, attributes=[of_executor, of_environment]))

    assert told["attributes"] == [{"key": "NODES", "value": "n1"}]


def test_what_a_sweep_has_set_is_told_but_not_what_looks_like_a_secret():
    told = described(process(env=variables({"lr": 0.1, "token": "secret-text"})))

    assert told["parameters"] == "lr=0.1 token=…"
    assert "c2VjcmV0LXRleHQ" not in json.dumps(told)  # nor as base64
    assert described(process(env=variables({"lr": 0.1})))["spec"]["env"]["POLLINATOR_PARAMETERS"] != "…"


@pytest.mark.parametrize(
    ("notebook", "told"),
    [
        ("/srv/notebooks/a/b.ipynb", "a/b.ipynb"),
        ("/srv/notebooks/../secret.ipynb", ""),
        ("/srv/notebooks-of-others/b.ipynb", ""),
        ("/home/somebody/b.ipynb", ""),
        ("b.ipynb", ""),
        ("/srv/notebooks/\x1b.ipynb", ""),
    ],
)
def test_a_notebook_is_named_as_the_server_names_it_or_not_at_all(notebook, told):
    origins = {ID: Entry(Path(notebook), "cell-1", "", Path("/srv/notebooks/a"))}

    job = Describer("somebody", ROOT, origins).summary(process())

    assert (job.notebook, job.cell, job.project) == (told, "cell-1", "a")


def test_a_notebook_is_found_below_the_root_by_another_way(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    origins = {ID: Entry(tmp_path / "real" / "b.ipynb", "", "", tmp_path)}

    assert Describer("somebody", tmp_path / "link", origins).summary(process()).notebook == "b.ipynb"


def test_the_project_is_read_from_the_labels_where_nobody_has_noted_it():
    def project(name):
        mounts = Mounts(dirs=[DirMount(label=f"/pollinator/{name}/jobs/1/result")])
        return Describer("somebody", ROOT).summary(process(fs=mounts)).project

    assert project("climate") == "climate"
    assert project("ab" * 32) == "abababababab"


def test_a_state_of_a_newer_server_counts_as_failed():
    assert Describer("somebody", ROOT).summary(Process(processid=ID, state=17)).state == "failed"


def test_executors_that_are_gone_are_not_told_and_others_are_printable():
    executors = [
        Executor(executorname=f"a\x1b{NASTY}", executortype=NASTY, locationname=NASTY, state=1),
        Executor(executorname="gone", state=3),
    ]

    told = executors_told(describe(executors, running=[], waiting=[]))

    assert len(told) == 1
    assert not told[0]["usable"]
    assert all(text.isprintable() for text in everything_in(told))
    assert len(json.dumps(told)) < 2000


def everything_in(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in everything_in(one)]
    if isinstance(value, list):
        return [text for one in value for text in everything_in(one)]
    return []
