"""The files of one job: what its containers read and write, and what another executor needs to take it up.

They lie in a directory that only the executor's user can enter, `.executor/container/<process id>`. A container sees
those that it needs, each on its own, so that it can put nothing else in their place.
"""

from __future__ import annotations

import os
import shlex
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from pollinator_magic.executors.container.commandline import INIT, Place, Rank, word_of
from pollinator_magic.executors.exports import export_lines
from pollinator_magic.executors.hostcommand import rank_variables
from pollinator_magic.executors.sessions import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.executors.engine import Task

_SCRIPT = Path(__file__).with_name("inside.sh")
_KEEP_VARIABLES = "umask 077; POLLINATOR_PWD=$PWD; export POLLINATOR_PWD; export -p > /.pollinator-exports"
_MOST_BYTES = 64 * 1024


class Record(msgspec.Struct, kw_only=True, frozen=True):
    """How far a job has come."""

    attempt: str
    stage: Literal["init", "ranks"]
    """What runs: the init-cmd alone, or the ranks."""
    ranks: int
    """How many there are."""
    started: bool = False
    """Whether all containers of this stage were certainly started."""
    image: str = ""
    """What containers are made of."""
    own_image: str = ""
    """The image that is this job's own."""
    network: str = ""
    """The network that is this job's own."""
    devices: tuple[str, ...] = ()


class JobFiles:
    """The directory of a process's job."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._record = directory / "job.json"

    @property
    def record(self) -> Record | None:
        """How far the job has come; None if nothing was begun, or nobody can tell."""
        try:
            return msgspec.json.decode(self._record.read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def note(self, record: Record) -> None:
        """Write down how far the job has come; what follows happens after that."""
        new = self._record.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(record))
        new.replace(self._record)

    def write(self, task: Task, *, master_port: int, meeting: bool, home: bool) -> None:
        """Write what the containers read. With `meeting` the ranks wait until they are told where they are."""
        shutil.rmtree(self.directory, ignore_errors=True)
        inside = self.directory / "inside"
        inside.mkdir(mode=0o755, parents=True)
        (self.directory / "nothing").mkdir(mode=0o755)
        self.directory.chmod(0o700)
        shutil.copyfile(_SCRIPT, inside / "start.sh")
        variables = {"PYTHONUNBUFFERED": "1", **task.env, MARK: task.process_id}
        line = " ".join([task.command, *map(shlex.quote, task.args)])
        texts = {"variables": export_lines(variables), "command": f"{line}\n"}
        for number in range(task.ranks):
            texts[f"rank-{number}"] = export_lines(rank_variables(task, number, master_port))
        if task.init_command:
            texts["init"] = f"{{ {task.init_command}\n}} && {{ {_KEEP_VARIABLES}; }}\n"
        if task.init_command and task.ranks > 1:
            texts["init-apart"] = ""
        if meeting:
            texts["meeting"] = ""
        for name, text in texts.items():
            (inside / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        for number in (INIT, *range(task.ranks)):
            rank = self.rank(number)
            _make_writable(rank.log, rank.end)
        _make_writable(self.directory / "exports")
        if home:
            (self.directory / "home").mkdir()
            (self.directory / "home").chmod(0o777)  # of whatever user the container runs as

    def place(self, fs_dir: Path) -> Place:
        """Return where containers find these files."""
        home = self.directory / "home"
        directory = self.directory
        return Place(
            fs_dir, directory / "inside", directory / "exports", directory / "nothing", home if home.is_dir() else None
        )

    def rank(self, number: int, *, node: int = 0) -> Rank:
        """Return the files of one container."""
        word = word_of(number)
        return Rank(number, self.directory / f"log-{word}", self.directory / f"end-{word}", node)

    def say_where(self, addresses: Mapping[str, str], *, master: str) -> None:
        """Tell the ranks the addresses of all of them by name, and that of the first."""
        inside = self.directory / "inside"
        lines = "".join(f"{address}\t{name}\n" for address, name in addresses.items())
        (inside / "hosts").write_text(lines, encoding="ascii")
        (inside / "met.new").write_text(export_lines({"MASTER_ADDR": master}), encoding="ascii")
        (inside / "met.new").rename(inside / "met")

    @property
    def has_met(self) -> bool:
        """Whether the ranks know where they are."""
        return (self.directory / "inside" / "met").exists()

    def remove(self) -> None:
        """Remove all of it; raise OSError if that is not possible."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.directory)


def end_text(path: Path) -> str:
    """Return what a container has written into a file at its end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_MOST_BYTES).decode(errors="replace")


def _make_writable(*paths: Path) -> None:
    """Make empty files that the container can write to, whatever user it runs as."""
    for path in paths:
        path.touch()
        path.chmod(0o666)
