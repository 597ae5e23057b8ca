"""project.yaml, the directories below cfs/, and what a colony is asked to run for them."""

from pollinator_magic.project.project import Project
from pollinator_magic.project.scripts import prepare_scripts
from pollinator_magic.project.spec import build, data_label, result_label, source_label
from pollinator_magic.project.validation import validate
from pollinator_magic.project.values import Conditions, Environment, GpuRequest, Results, Runner, Tunnel

__all__ = [
    "Conditions",
    "Environment",
    "GpuRequest",
    "Project",
    "Results",
    "Runner",
    "Tunnel",
    "build",
    "data_label",
    "prepare_scripts",
    "result_label",
    "source_label",
    "validate",
]
