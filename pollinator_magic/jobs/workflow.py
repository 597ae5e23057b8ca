"""Steps that are collected one by one, each frozen when it is added, and submitted together as one graph.

A step finds the results of the steps before it below `steps/NAME` of its directory: their labels are known before the
graph runs, because the run ids that are in them are chosen here. Submitting again makes another graph of other runs.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import DirMount, WorkflowSpec
from pollinator_magic.errors import PollinatorError, SubmissionUnclear, UsageError
from pollinator_magic.jobs.freezing import Hold, freeze, is_gone, specify
from pollinator_magic.jobs.graph import EVERYTHING, Graph, StepRow, count_of_steps
from pollinator_magic.jobs.ledger import NOWHERE, Ledger
from pollinator_magic.jobs.steps import MOST, check_after, check_name, in_order
from pollinator_magic.jobs.submission import find_submitted, silently
from pollinator_magic.jobs.variables import note_asked
from pollinator_magic.project import result_label
from pollinator_magic.runner.settings import STEPS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.colonies.models import FunctionSpec
    from pollinator_magic.jobs.freezing import Announce, Frozen
    from pollinator_magic.jobs.ledger import Origin
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project, Runner

_SURELY_THERE_S = 3600
"""Nobody cleans up what is younger (`%pollinator clean`)."""


@dataclass(frozen=True)
class Step:
    """One step, as it was when it was collected."""

    name: str
    after: tuple[str, ...]
    """The steps whose results it sees."""
    frozen: Frozen
    hold: Hold
    takes: Mapping[str, str]
    """Variables that go in and that a step before it brings back: the name of the step, by theirs."""
    outputs: tuple[str, ...]
    """Variables that it brings back."""
    patterns: tuple[str, ...]
    """Which of its results shall be fetched."""
    allow_pickle: bool

    def row(self) -> StepRow:
        """Return what can be shown of it before it is submitted."""
        where = ", ".join(self.frozen.project.executors)
        return StepRow(parameters={}, job=None, name=self.name, after=self.after, where=where)


class Workflow:
    """Steps that have been collected, by their names."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}

    @property
    def steps(self) -> dict[str, Step]:
        """The steps, in an order in which they can run."""
        return {name: self._steps[name] for name in in_order(self._after)}

    @property
    def _after(self) -> dict[str, tuple[str, ...]]:
        return {name: step.after for name, step in self._steps.items()}

    def __len__(self) -> int:
        return len(self._steps)

    def __repr__(self) -> str:
        after = {name: f"  after {', '.join(step.after)}" if step.after else "" for name, step in self.steps.items()}
        lines = [f"  {name}{before}" for name, before in after.items()]
        return "\n".join([f"<Workflow of {count_of_steps(len(self))}>", *lines])

    def rows(self) -> list[StepRow]:
        """Return what can be shown of the steps."""
        return [step.row() for step in self.steps.values()]

    def clear(self) -> None:
        """Forget all steps; graphs that were submitted go on."""
        self._steps.clear()

    # --- collecting --------------------------------------------------------------------------------------------------

    def check(self, name: str, after: Collection[str] = ()) -> None:
        """Raise UsageError if no step of this name can come after these, in the place of the one that there may be."""
        others = self._after.keys() - {name}
        check_name(name, others)
        check_after(name, after, self._after)
        if len(others) >= MOST:
            raise UsageError(f"--step {name!r}: a graph can have {MOST} steps at most.")

    def _check_place(self, session: Session, project: Project, name: str) -> None:
        if project.shared_results:
            raise UsageError(
                f"--step {name!r}: steps need a result directory each, but project.yaml says `results: shared`. "
                "Use `results: per-job`."
            )
        other = next((step for known, step in self._steps.items() if known != name), None)
        if other is None:
            return
        if _colony(other.frozen.session) != _colony(session):
            raise UsageError(
                f"Step {name!r} would run in {_colony(session)}, but step {other.name!r} in "
                f"{_colony(other.frozen.session)}: all steps of a graph run in one colony. `%pollinator graph clear` "
                "begins another graph."
            )
        if other.frozen.project.root != project.root:
            raise UsageError(
                f"Step {name!r} is of the project in {str(project.root)!r}, but step {other.name!r} of that in "
                f"{str(other.frozen.project.root)!r}: a graph is of one project."
            )

    def taken_from_steps(self, names: Iterable[str], after: Iterable[str]) -> dict[str, str]:
        """Return which of these variables the steps of `after` bring back, and by which step each comes."""
        found: dict[str, str] = {}
        wanted = set(names)
        for earlier in after:
            for name in self._steps[earlier].outputs if earlier in self._steps else ():
                if name in found:
                    raise UsageError(
                        f"--in {name!r} is brought back by two of the steps before this one: {found[name]!r} and "
                        f"{earlier!r}. Use another name in one of them."
                    )
                if name in wanted:
                    found[name] = earlier
        return found

    def add(
        self,
        session: Session,
        project: Project,
        name: str,
        *,
        after: Collection[str] = (),
        source: str | None = None,
        runner: Runner | None = None,
        patterns: tuple[str, ...] = EVERYTHING,
        progress: Progress | None = None,
        announce: Announce = silently,
        origin: Origin = NOWHERE,
    ) -> Step:
        """Freeze the project as it is, as `submit` does, and keep it as the step of this name, in the place of another.

        `after` names steps that were added before: when they have succeeded this one runs, and finds their results in
        `steps/NAME`. `patterns` are those of its results that shall be fetched. `origin` is remembered as where its
        processes come from. Raises UsageError before anything is written or sent, and what `submit` raises.
        """
        self.check(name, after)
        self._check_place(session, project, name)
        frozen = freeze(
            session, project, source=source, runner=runner, progress=progress, announce=announce, origin=origin
        )
        self._steps[name] = Step(
            name,
            tuple(dict.fromkeys(after)),
            frozen,
            Hold(session, project),
            takes=dict(runner.from_steps) if runner else {},
            outputs=runner.outputs if runner else (),
            patterns=patterns,
            allow_pickle=runner is not None and runner.allow_pickle,
        )
        return self._steps[name]

    # --- submitting --------------------------------------------------------------------------------------------------

    def specify(self) -> WorkflowSpec:
        """Return the specification of a new graph of all steps; raise UsageError if there can be none."""
        if not self._steps:
            raise UsageError(
                "There are no steps: `%%pollinate --step NAME` collects a cell as one. What was collected before the "
                "kernel was started is gone; a graph that was submitted can be taken up by `%pollinator attach ID`."
            )
        for step in self._steps.values():
            for name, earlier in step.takes.items():
                if name not in self._steps[earlier].outputs:
                    raise UsageError(
                        f"Step {step.name!r} takes {name!r} from step {earlier!r}, which does not bring it back any "
                        f"more. Run the cell of {step.name!r} again, or that of {earlier!r} with `--out {name}`."
                    )
        runs = {name: secrets.token_hex(16) for name in self._steps}
        colony = next(iter(self._steps.values())).frozen.session.connection.colony
        return WorkflowSpec(
            colonyname=colony, functionspecs=[self._specify(step, runs) for step in self.steps.values()]
        )

    def _specify(self, step: Step, runs: Mapping[str, str]) -> FunctionSpec:
        frozen = step.frozen
        spec = specify(frozen.session, frozen.project, frozen.snapshot, {}, run_id=runs[step.name])
        spec.nodename = step.name
        spec.conditions.dependencies = list(step.after)
        directory = (spec.env or {})["PROJECT_DIR"].removeprefix(spec.fs.mount)
        spec.fs.dirs += [
            DirMount(label=result_label(frozen.project, runs[earlier]), dir=f"{directory}/{STEPS}/{earlier}")
            for earlier in step.after
        ]
        return spec

    def submit(self, session: Session) -> Graph:
        """Submit all steps as one graph; they stay collected.

        Raises UsageError before anything is sent; SubmissionUnclear if the connection broke in such a way that nobody
        knows whether the graph was accepted.
        """
        spec = self.specify()
        for step in self._steps.values():
            if _colony(step.frozen.session) != _colony(session):
                raise UsageError(f"The steps were collected for {_colony(step.frozen.session)}: connect to it again.")
            old = time.time() - step.frozen.begun > _SURELY_THERE_S
            if old and is_gone(session, step.frozen.snapshot):
                raise UsageError(f"The sources of step {step.name!r} have been cleaned up since. Run its cell again.")
        graph_id = _submit_once(session, spec)
        try:
            graph = Graph.attach(session, graph_id, self._project, patterns=self._patterns)
        except PollinatorError as error:
            raise SubmissionUnclear(
                f"The graph was submitted, but its steps could not be asked for: {error} "
                f"Take it up with `%pollinator attach {graph_id}`."
            ) from error
        self._note(graph)
        return graph

    @property
    def _project(self) -> Project:
        return next(iter(self._steps.values())).frozen.project

    @property
    def _patterns(self) -> dict[str, tuple[str, ...]]:
        return {name: step.patterns for name, step in self._steps.items()}

    def _note(self, graph: Graph) -> None:
        """Remember of each job which cell it is of, and which variables were asked for."""
        for name, job in graph.items():
            step = self._steps[name]
            job.allow_pickle = step.allow_pickle
            note_asked(job, step.outputs)
            Ledger().note([job.id], step.frozen.project.root, step.frozen.origin)


def _submit_once(session: Session, spec: WorkflowSpec) -> str:
    """Submit, and where the answer was lost, look whether the graph is there: never submit twice. Return its id."""
    try:
        return session.client.submit_workflow(spec).processgraphid
    except SubmissionUnclear as unclear:
        try:
            found = find_submitted(session, spec.functionspecs[0])
        except PollinatorError:
            raise unclear from None
        if found is not None and found.processgraphid:
            return found.processgraphid
        raise SubmissionUnclear(
            "The connection broke while the graph was being submitted, and the server does not list its steps. "
            "Run it again; `%pollinator jobs` shows whether the first one arrived after all."
        ) from None


def _colony(session: Session) -> str:
    """Say which colony this is; the embedded one may be at another address the next time."""
    connection = session.connection
    if connection.embedded:
        return "the embedded colony"
    return f"colony {connection.colony!r} at {connection.server}"
