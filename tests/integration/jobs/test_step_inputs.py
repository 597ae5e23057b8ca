"""What a step finds of the steps before it is for reading: whatever it does there, nobody else sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.jobs.workflow import Workflow
from tests.jobs import WAIT_S, own_lines

if TYPE_CHECKING:
    from pollinator_magic.jobs import Session
    from pollinator_magic.project import Project

PREPARE = "open('result/numbers.csv', 'w').write('1 2 3')"
CHANGE = """\
open("steps/prepare/numbers.csv", "w").write("0")
open("steps/prepare/more.csv", "w").write("4")
"""
LOOK = """\
import os
print(os.listdir("steps/prepare"), open("steps/prepare/numbers.csv").read())
"""
REMOVE = f"{LOOK}os.remove('steps/prepare/numbers.csv')"


def test_what_a_step_does_below_steps_changes_no_results_of_the_step_before(session: Session, project: Project):
    workflow = Workflow()
    for name, source, after in (
        ("prepare", PREPARE, []),
        ("change", CHANGE, ["prepare"]),
        ("remove", REMOVE, ["prepare", "change"]),
        ("look", LOOK, ["prepare", "remove"]),
    ):
        workflow.add(session, project, name, after=after, source=source)

    graph = workflow.submit(session).wait(WAIT_S)

    assert [own_lines(graph[name]) for name in ("remove", "look")] == [["['numbers.csv'] 1 2 3"]] * 2
    results = graph["prepare"].fetch_results()
    assert {name: result.text() for name, result in results.items()} == {"numbers.csv": "1 2 3"}
