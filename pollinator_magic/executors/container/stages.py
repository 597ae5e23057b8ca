"""What is done before the ranks of a job run, each of it a generator that yields while the runtime is at work."""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors import thishost
from pollinator_magic.executors.container.commandline import create_words, qualified
from pollinator_magic.executors.container.runtime import RuntimeTrouble
from pollinator_magic.executors.container.verdict import start_error
from pollinator_magic.executors.imagenames import registry_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.executors.container.commandline import Names, Rank
    from pollinator_magic.executors.container.engine import ContainerEngine
    from pollinator_magic.executors.container.record import JobFiles, Record
    from pollinator_magic.executors.engine import Task

_UNKNOWN_IMAGE = re.compile(r"no such image|not known|not found|does not exist", re.IGNORECASE)
_PATIENCE_S = 60.0
_RETRY_S = 2.0
_FINISH_S = 10.0
_ADDRESSES = "{{.Name}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"


class StageFailed(PollinatorError):
    """The job cannot go on; the message is the user's."""


class Stages:
    """The stages of one job. `say` is told in a line what takes time; it all ends soon after `cancelled` is true."""

    def __init__(
        self, engine: ContainerEngine, task: Task, say: Callable[[str], None], cancelled: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._task = task
        self._say = say
        self._cancelled = cancelled

    def image(self) -> Generator[None, None, str]:
        """Fetch the image where that is due; return its id."""
        task, settings = self._task, self._engine.settings
        if not (task.image or settings.image):
            raise StageFailed(
                "The job names no container image, and this executor has none for such jobs. Use --image."
            )
        name = registry_name(task.image or settings.image)
        found = yield from self._look(name)
        anew = task.rebuild_image or settings.pull == "always"
        if settings.pull == "never":
            if not found:
                raise StageFailed(
                    f"There is no image {name} on this executor, and it fetches none. Choose another one."
                )
            if task.rebuild_image:
                self._say(f"This executor fetches no images; the image {name} is used as it is.")
            return found
        if found and not anew:
            return found
        if not (yield from self._wait_for_others(name)):
            try:
                self._say(f"Fetching the image {name}.")
                source = name if self._engine.runtime.is_docker else qualified(name)
                yield from self._do("pull", "--quiet", source, breakable=True)
            except RuntimeTrouble as trouble:
                raise StageFailed(f"The image {name} could not be fetched: {trouble}") from trouble
            finally:
                self._engine.fetching.discard(name)
        fetched = yield from self._look(name)
        if not fetched:
            raise StageFailed(f"The image {name} was fetched, and has vanished. Submit the job again.")
        return fetched

    def devices(self) -> Generator[None, None, tuple[str, ...]]:
        """Wait until there are as many accelerators as the job needs; return their names."""
        count = self._task.gpus * self._task.nodes
        if count > len(self._engine.settings.gpus):
            raise StageFailed(
                f"The job asks for {count} GPUs, and this executor has {len(self._engine.settings.gpus)}. Ask for "
                "fewer, or choose another executor."
            )
        told = False
        while (taken := self._engine.devices.take(self._task.process_id, count)) is None:
            if not told:
                self._say("Waiting for GPUs that other jobs use.")
                told = True
            self._check()
            yield
        return taken

    def create(
        self, names: Names, files: JobFiles, ranks: Sequence[Rank], record: Record
    ) -> Generator[None, None, None]:
        """Make containers, without starting them."""
        engine, task = self._engine, self._task
        per_node = task.gpus
        for rank in ranks:
            devices = record.devices[rank.node * per_node : (rank.node + 1) * per_node]
            words = create_words(
                task,
                engine.settings,
                names,
                files.place(engine.fs_dir),
                rank,
                image=record.image,
                network=record.network or engine.settings.network,
                user=engine.user,
                devices=devices,
                cores=thishost.cores(),
            )
            yield from self._do_or_fail(*words)

    def start(self, containers: Sequence[str]) -> Generator[None, None, None]:
        """Start containers. What watches them notes where it was started that memory was short."""
        directory = self._engine.files(self._task.process_id).directory
        yield from self._do_or_fail("start", *containers, directory=directory)

    def network(self, name: str) -> Generator[None, None, None]:
        """Make a network."""
        yield from self._do_or_fail("network", "create", name)

    def keep(self, container: str, image: str) -> Generator[None, None, None]:
        """Make an image of what a container has become."""
        try:
            yield from self._do("commit", container, image)
        except RuntimeTrouble as trouble:
            raise StageFailed(f"What the init-cmd has done could not be kept for all ranks: {trouble}") from trouble

    def addresses(self, containers: Sequence[str]) -> Generator[None, None, Mapping[str, str]]:
        """Return the first address of each container that has one, by the container's name."""
        text = yield from self._do("container", "inspect", "--format", _ADDRESSES, *containers)
        words = (line.split() for line in text.splitlines())
        return {line[0].lstrip("/"): line[1] for line in words if len(line) > 1}

    def _look(self, name: str) -> Generator[None, None, str]:
        """Return the id of an image that is there, else nothing."""
        for candidate in dict.fromkeys((name, qualified(name))):
            found = yield from self._look_for(candidate)
            if found:
                return found
        return ""

    def _look_for(self, name: str) -> Generator[None, None, str]:
        """Ask the runtime about an image, patiently if it does not work now."""
        until = time.monotonic() + _PATIENCE_S
        told = False
        while True:
            try:
                return (yield from self._do("image", "inspect", "--format", "{{.Id}}", name)).strip()
            except RuntimeTrouble as trouble:
                if _UNKNOWN_IMAGE.search(str(trouble)):
                    return ""
                if time.monotonic() > until or shutil.which(self._engine.runtime.program) is None:
                    raise StageFailed(f"This executor cannot run containers now: {trouble}") from trouble
                if not told:
                    self._say(f"The executor cannot run containers yet, and tries again: {trouble}")
                    told = True
            again_at = time.monotonic() + _RETRY_S
            while time.monotonic() < again_at:
                self._check()
                yield

    def _wait_for_others(self, name: str) -> Generator[None, None, bool]:
        """Return whether another job has fetched the image meanwhile; if not, nobody else does now."""
        if self._engine.fetching.add(name):
            return False
        self._say("Waiting for another job that fetches the same image.")
        while not self._engine.fetching.add(name):
            self._check()
            yield
        if not (yield from self._look(name)):
            return False  # it could not
        self._engine.fetching.discard(name)
        return True

    def _do_or_fail(self, *words: str, directory: Path | None = None) -> Generator[None, None, str]:
        try:
            return (yield from self._do(*words, directory=directory))
        except RuntimeTrouble as trouble:
            raise StageFailed(start_error(str(trouble))) from trouble

    def _do(self, *words: str, breakable: bool = False, directory: Path | None = None) -> Generator[None, None, str]:
        """Have the runtime do something. What changes its store is not broken off in the middle unless it hangs."""
        self._check()
        command = self._engine.runtime.begin(*words, directory=directory)
        try:
            while command.running:
                if breakable:
                    self._check()
                yield
            return command.result()
        finally:
            command.close(patience_s=0.0 if breakable else _FINISH_S)

    def _check(self) -> None:
        if self._cancelled():
            raise StageFailed("Cancelled.")
