"""What a site sets for Slurm: the table `[slurm]` of the executor's TOML file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, field

from pollinator_magic.executors import amounts
from pollinator_magic.executors.kinds import FilePath, Program, Settings

_OPTION = re.compile(r"(-[A-Za-z]|--[a-z][a-z0-9-]*)(=?)([^\n\r\0]*)", re.DOTALL)
_GRES_NAME = re.compile(r"[A-Za-z0-9_.-]*")
# What the engine says itself: another word for it would make jobs that are never found again, or whose log is not read.
_OURS = {
    *("--array", "-a", "--job-name", "-J", "--output", "-o", "--error", "-e", "--input", "-i", "--open-mode"),
    *("--chdir", "-D", "--workdir", "--wrap", "--parsable", "--wait", "-W", "--quiet", "-Q", "--verbose", "-v"),
    *("--test-only", "--help", "-h", "--usage", "--version", "-V", "--export", "--export-file", "--ignore-pbs"),
    *("--clusters", "-M", "--nodes", "-N", "--ntasks", "-n", "--ntasks-per-node", "--time", "-t"),
    *("--requeue", "--no-requeue", "--comment"),
}


class SlurmSettings(Settings, frozen=True):
    """What a site sets for Slurm."""

    partition: Annotated[str, Meta(description="The partition of the jobs; empty for Slurm's default.")] = ""
    account: Annotated[str, Meta(description="The account that pays, such as project_465000001.")] = ""
    qos: Annotated[str, Meta(description="The quality of service.")] = ""
    constraint: Annotated[str, Meta(description="Features that nodes must have.")] = ""
    directives: Annotated[
        list[str],
        Meta(description='More options of sbatch, each as one text: ["--reservation=course", "--exclusive"].'),
    ] = field(default_factory=list)
    srun_options: Annotated[
        list[str], Meta(description='More options of srun, each as one text: ["--mpi=pmix", "--cpu-bind=cores"].')
    ] = field(default_factory=list)
    modules: Annotated[list[str], Meta(description="Modules to load on the first node before a job.")] = field(
        default_factory=list
    )
    prolog: Annotated[
        list[str], Meta(description="Lines for bash, run on the first node before a job, after the modules.")
    ] = field(default_factory=list)
    login_shell: Annotated[
        bool,
        Meta(description="Whether the script of a job reads /etc/profile, as it always does where modules are loaded."),
    ] = False
    gpu_option: Annotated[
        Literal["gpus-per-node", "gres", "none"], Meta(description="How this Slurm is asked for accelerators.")
    ] = "gpus-per-node"
    gpu_names: Annotated[
        dict[str, str],
        Meta(description='What Slurm calls the accelerators that jobs name: {"nvidia-a100" = "a100"}; "" for any.'),
    ] = field(default_factory=dict)
    request_memory: Annotated[
        bool, Meta(description="Whether memory is asked for. Not where nodes are only given out whole.")
    ] = True
    requeue: Annotated[
        bool, Meta(description="Whether Slurm may start a job again after a node has failed, or for a better one.")
    ] = True
    runtime: Annotated[
        Program,
        Meta(
            description="What runs images: apptainer, singularity, the path of one, auto for the one that is found, "
            "or none to run jobs directly on the nodes."
        ),
    ] = "auto"
    runtime_gpu: Annotated[
        Literal["", "nv", "rocm"], Meta(description="How the runtime shows accelerators to a job that asks for some.")
    ] = "nv"
    images: Annotated[
        FilePath,
        Meta(description="The directory of fetched images, which all nodes see; empty for one beside the files."),
    ] = ""
    image_files: Annotated[
        list[FilePath], Meta(description="Directories from which jobs may name an image by its path.")
    ] = field(default_factory=list)
    binds: Annotated[
        list[str], Meta(description='More directories that containers see: ["/scratch", "/opt/data:/data:ro"].')
    ] = field(default_factory=list)
    max_jobs: Annotated[
        int, Meta(ge=1, description="How many jobs may be in Slurm at the same time, waiting or running.")
    ] = 100
    query_s: amounts.ShortestQuery = 1.0
    longest_query_s: amounts.LongestQuery = 5.0
    commands: Annotated[
        FilePath, Meta(description="The directory of sbatch, srun, squeue and the others; empty to look in PATH.")
    ] = ""
    conf: Annotated[
        FilePath, Meta(description="Slurm's configuration file; empty for the usual one, or SLURM_CONF.")
    ] = ""

    def __post_init__(self) -> None:
        """Refuse options that are none, or are not for a site to choose."""
        for name, options in (("directives", self.directives), ("srun-options", self.srun_options)):
            for option in options:
                _check_option(name, option)
        for name, values in (("modules", self.modules), ("prolog", self.prolog)):
            if any("\0" in value for value in values):
                raise ValueError(f"{name} must not hold NUL characters")
        for given, known in self.gpu_names.items():
            if not _GRES_NAME.fullmatch(known):
                raise ValueError(f"gpu-names: {known!r} for {given!r} is no type of accelerator that Slurm could know")
        for name in ("partition", "account", "qos", "constraint"):
            if any(character in getattr(self, name) for character in "\0\n\r"):
                raise ValueError(f"{name} must be one line")
        amounts.check_queries(shortest_s=self.query_s, longest_s=self.longest_query_s)
        for bind in self.binds:
            if not bind.startswith("/"):
                raise ValueError(f"binds: {bind!r} must begin with an absolute path")

    @property
    def bare(self) -> bool:
        """Whether jobs run directly on the nodes."""
        return self.runtime == "none"


def _check_option(name: str, option: str) -> None:
    match = _OPTION.fullmatch(option)
    long = option.startswith("--")
    if match is None or (long and match[3] and not match[2]):
        raise ValueError(f'{name}: {option!r} is no option in one text and one line, like "--exclusive" or "--name=x"')
    if name == "directives" and match[1] in _OURS:
        raise ValueError(f"{name}: {match[1]} is set by the executor itself")
