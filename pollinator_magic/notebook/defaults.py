"""What cells do when their option line does not say: the traits behind `%config PollinateMagics.…`.

They can be set in a notebook, in `ipython_config.py` (`c.PollinateMagics.walltime = "2h"`), and by the executor picker.
Values are written as on the option line and are judged when a cell is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from traitlets import Bool, CUnicode, Dict, Enum, HasTraits, Int, List, Unicode

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPTION_OF_TRAIT = {
    **{name: name for name in ("nodes", "ppn", "cpu", "mem", "gpu", "walltime", "image", "init", "source")},
    **{name: name for name in ("detach", "on_interrupt", "cached", "script", "allow_pickle", "quiet", "verbose")},
    "cmd": "command",
    "pip": "packages",
    "get": "patterns",
}


class RunDefaults(HasTraits):
    """The defaults of `%%pollinate`; an empty value leaves the matter to project.yaml."""

    executor = Unicode(
        "", help="The executor that runs cells which name none; empty for that of project.yaml, else `local`."
    ).tag(config=True)
    nodes = CUnicode("", help="Number of nodes.").tag(config=True)
    ppn = CUnicode("", help="Processes on each node.").tag(config=True)
    cpu = CUnicode("", help="CPU of each process, e.g. 2000m; 1000m is one core.").tag(config=True)
    mem = CUnicode("", help="Memory of each node, e.g. 4Gi.").tag(config=True)
    gpu = CUnicode("", help="GPUs of each node, e.g. 1 or A100:2.").tag(config=True)
    walltime = CUnicode("", help="Longest run: seconds, or 10m, 2h, 1h30m.").tag(config=True)
    image = Unicode("", help="Container image.").tag(config=True)
    cmd = Unicode("", help="What runs the source, e.g. python3.").tag(config=True)
    init = Unicode("", help="What runs first, e.g. 'pip3 install numpy'.").tag(config=True)
    source = Unicode("", help="The file in cfs/src that a cell becomes.").tag(config=True)
    pip = List(Unicode(), help="Packages that jobs install first; `--pip` on the line goes instead.").tag(config=True)
    env = Dict(
        key_trait=Unicode(), value_trait=CUnicode(), help="Environment variables of jobs; `--env` adds to them."
    ).tag(config=True)
    get = List(Unicode(), help="Patterns of the results to fetch and show; empty for all.").tag(config=True)
    detach = Bool(default_value=False, help="Whether cells return at once, without following.").tag(config=True)
    on_interrupt = Enum(
        ("detach", "cancel"), "detach", help="What the stop button means for the job of the cell that it stops."
    ).tag(config=True)
    cached = Bool(
        default_value=False, help="Whether the earlier results of the same run are given, if there are any."
    ).tag(config=True)
    script = Bool(
        default_value=False, help="Whether Python cells run as plain files, without the notebook runner."
    ).tag(config=True)
    allow_pickle = Bool(
        default_value=False, help="Whether variables may travel as pickles, which can run code when they are read."
    ).tag(config=True)
    quiet = Bool(default_value=False, help="Whether log and results are left out of the output.").tag(config=True)
    verbose = Bool(default_value=False, help="Whether more is said of what is done.").tag(config=True)
    log_lines = Int(
        2000, min=0, help="How many lines of a log become ordinary output; from there its end is shown."
    ).tag(config=True)
    log_kib = Int(
        256, min=0, help="How much of a log becomes ordinary output, in KiB; from there its end is shown."
    ).tag(config=True)

    def blamed(self, message: str, line: Sequence[str]) -> str:
        """Return an error about an option, with where its value comes from if that is not this option line."""
        flag = message.split(" ", 1)[0]
        trait = flag.removeprefix("--")
        from_here = flag.startswith("--") and flag not in line and trait in _OPTION_OF_TRAIT and getattr(self, trait)
        return f"{message} It is the default that `%config PollinateMagics.{trait}` holds." if from_here else message

    def option_defaults(self) -> dict[str, object]:
        """Return the values for the parser of the option line, by its names; empty ones are left out."""
        values = {option: getattr(self, trait) for trait, option in _OPTION_OF_TRAIT.items()}
        values["env"] = [f"{name}={value}" for name, value in self.env.items()]
        return {option: value for option, value in values.items() if value}
