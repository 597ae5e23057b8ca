"""The steps that the notebook of this kernel has collected; they end with the kernel."""

from __future__ import annotations

from pollinator_magic.jobs.workflow import Workflow

collected = Workflow()
"""What `%%pollinate --step` adds to, and `%pollinator graph run` submits."""
