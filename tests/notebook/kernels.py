"""Real kernels of several ipykernels, and as much of a front end as the tests need.

Which thread handles a click, and what an interrupt does to a cell that waits, differs between ipykernels. The older
ones are laid over the installed one: each in a directory of its own, which is put in front of the kernel's path.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_client.manager import start_new_kernel

from tests import overlays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

F = TypeVar("F", bound="FrontEnd")

NEWEST = "the installed one"
VERSIONS = {"6.31.0": ("ipykernel==6.31.0", "nest-asyncio==1.6.0"), "7.3.0": ("ipykernel==7.3.0",), NEWEST: ()}
"""Which packages are laid over, without what they need: that is installed."""
WAIT_S = 60
WIDGET = "application/vnd.jupyter.widget-view+json"
LOAD = "%load_ext pollinator_magic"
PATIENT = "import pollinator_magic.notebook.display as display_module\ndisplay_module.WINDOW_S = 60"
"""After this a second interrupt counts, however long a slow machine takes until it comes."""


def overlay(version: str) -> str:
    """Return the directory to put in front of a kernel's path, made if need be; nothing for the installed one."""
    return "" if version == NEWEST else str(overlays.overlay(f"ipykernel-{version}", VERSIONS[version]))


@dataclass
class Cell:
    """What a cell shows, as a front end keeps it: a display that is updated changes in its place."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    reply: dict[str, Any] | None = None
    idle: bool = False
    """Whether the kernel has said that nothing more comes: its reply may arrive before the last outputs."""

    @property
    def printed(self) -> str:
        """What was written to its standard output."""
        return "".join(output["text"] for output in self.outputs if output.get("name") == "stdout")

    @property
    def card(self) -> dict[str, Any]:
        """The MIME types of its first display."""
        return next((output["data"] for output in self.outputs if "data" in output), {})

    @property
    def mark(self) -> dict[str, Any]:
        """By what a page that has the extension knows its card."""
        return next((output["metadata"].get("pollinator", {}) for output in self.outputs if "data" in output), {})

    @property
    def plain(self) -> str:
        """Its card as text."""
        return self.card.get("text/plain", "")


class FrontEnd:
    """A kernel in a directory, and what it has shown."""

    def __init__(self, directory: Path) -> None:
        self._manager, self._client = start_new_kernel(kernel_name="python3", cwd=str(directory))
        self._cells: dict[str, Cell] = {}
        self._displays: dict[str, list[dict[str, Any]]] = {}
        self.widgets: dict[str, dict[str, Any]] = {}
        """The state of every widget that is open, by its comm."""
        self.astray: list[str] = []
        """What was printed for no cell of ours."""
        self._subshell: str | None = None

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def shut_down(self) -> int:
        """Ask the kernel to end, as a front end does before it kills it; return its exit status once it has."""
        process = self._manager.provisioner.process
        self._manager.interrupt_kernel()
        self._client.shutdown()
        return process.wait(WAIT_S)

    def begin(self, code: str, *, stop_on_error: bool = False, **options: Any) -> Cell:
        """Send a cell. With `stop_on_error` the kernel drops what arrives just after it has failed, as in Run All."""
        cell = self._cells[self._client.execute(code, stop_on_error=stop_on_error, **options)] = Cell()
        return cell

    def run(self, code: str, **options: Any) -> Cell:
        """Run a cell to its end."""
        return self.finish(self.begin(code, **options))

    def run_as(self, cell_id: str, code: str) -> Cell:
        """Run a cell to its end, telling its id as front ends do, or none."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self._client.session.msg("execute_request", {**content, "stop_on_error": False})
        message["metadata"] = {"cellId": cell_id} if cell_id else {}
        cell = self._cells[message["header"]["msg_id"]] = Cell()
        self._client.shell_channel.send(message)
        return self.finish(cell)

    def finish(self, cell: Cell) -> Cell:
        """Wait until a cell has ended, and all that it has shown is here."""
        self.until(lambda: cell.reply is not None and cell.idle)
        return cell

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def interrupt_twice(self, cell: Cell) -> Cell:
        """Interrupt a cell, and again when it has said what that means; wait until it has ended. See `PATIENT`."""
        self.interrupt()
        self.until(lambda: "Interrupt once more" in cell.printed)
        self.interrupt()
        return self.finish(cell)

    def until(self, condition: Callable[[], Any]) -> None:
        """Take in what the kernel says until the condition holds."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, [
                (cell.printed, cell.plain, cell.reply) for cell in self._cells.values()
            ]
            self._take_in()

    def buttons(self) -> dict[str, str]:
        """The comms of the buttons that are shown, by what is written on them."""
        shown = {
            child.removeprefix("IPY_MODEL_") for state in self.widgets.values() for child in state.get("children", ())
        }
        return {
            state["description"]: comm
            for comm, state in self.widgets.items()
            if state.get("_model_name") == "ButtonModel"
            and comm in shown
            and not state.get("disabled")
            and not self._is_hidden(state)
        }

    def hidden_buttons(self) -> dict[str, list[str]]:
        """The classes of the buttons that only a page with the extension shows, by what is written on them."""
        return {
            state["description"]: state["_dom_classes"]
            for state in self.widgets.values()
            if "pollinator-cancel" in state.get("_dom_classes", ()) and self._is_hidden(state)
        }

    def _is_hidden(self, state: dict[str, Any]) -> bool:
        layout = self.widgets.get(state["layout"].removeprefix("IPY_MODEL_"), {})
        return layout.get("display") == "none"

    def click(self, description: str, *, by_subshell: bool = False) -> None:
        """Click a button; `by_subshell` as JupyterLab does, which lets another thread of the kernel handle it."""
        self.until(lambda: description in self.buttons())
        comm = self.buttons()[description]
        content = {"comm_id": comm, "data": {"method": "custom", "content": {"event": "click"}}}
        message = self._client.session.msg("comm_msg", content)
        if by_subshell:
            message["header"]["subshell_id"] = self._subshell_id()
        self._client.shell_channel.send(message)

    def _subshell_id(self) -> str:
        if self._subshell is None:
            request = self._client.session.msg("create_subshell_request")
            self._client.control_channel.send(request)
            reply = self._client.control_channel.get_msg(timeout=WAIT_S)
            self._subshell = reply["content"]["subshell_id"]
        return self._subshell

    def _take_in(self) -> None:
        import queue

        try:
            message = self._client.get_iopub_msg(timeout=0.05)
        except queue.Empty:
            self._take_in_replies()
            return
        kind, content = message["msg_type"], message["content"]
        parent = message["parent_header"].get("msg_id")
        if kind == "update_display_data":
            for output in self._displays.get(content["transient"]["display_id"], ()):
                output.update(data=content["data"], metadata=content["metadata"])
        elif kind == "status" and content["execution_state"] == "idle" and parent in self._cells:
            self._cells[parent].idle = True
        elif kind.startswith("comm_"):
            self._take_in_comm(kind, content)
        elif kind in {"stream", "display_data", "execute_result", "error"}:
            if parent not in self._cells:
                self.astray.append(str(content))
                return
            self._cells[parent].outputs.append(content)
            if "display_id" in content.get("transient", {}):
                self._displays.setdefault(content["transient"]["display_id"], []).append(content)

    def _take_in_comm(self, kind: str, content: dict[str, Any]) -> None:
        state = content["data"].get("state", {})
        if kind == "comm_open":
            self.widgets[content["comm_id"]] = dict(state)
        elif kind == "comm_close":
            self.widgets.pop(content["comm_id"], None)
        elif content["data"].get("method") == "update":
            self.widgets[content["comm_id"]].update(state)

    def _take_in_replies(self) -> None:
        while self._client.shell_channel.msg_ready():
            message = self._client.get_shell_msg(timeout=WAIT_S)
            cell = self._cells.get(message["parent_header"].get("msg_id", ""))
            if cell is not None and message["msg_type"] == "execute_reply":
                cell.reply = message["content"]


def put_in_front(monkeypatch: Any, version: str) -> None:
    """Let the kernels of this test be of this ipykernel."""
    path = [overlay(version), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))


@contextmanager
def loaded_kernel(directory: Path, *, front_end: type[F] = FrontEnd, go: Path | None = None) -> Iterator[F]:
    """Run a kernel with the extension loaded until the block ends, and with it what still waits for the file `go`.

    By default it is a file of that name in `directory`. A job that went on waiting would keep later ones from running.
    """
    kernel = front_end(directory)
    try:
        assert kernel.run(LOAD).reply["status"] == "ok"
        yield kernel
    finally:
        (go or directory / "go").touch()
        kernel.close()
