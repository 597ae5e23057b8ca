"""`make demo`: run the quickstart notebook headless on an embedded colony of its own, and say what happened."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "demo"
NOTEBOOK = "01-quickstart.ipynb"


def main() -> int:
    """Run the notebook in build/demo; return 0 if every cell worked."""
    BUILD.mkdir(parents=True, exist_ok=True)
    # A colony of its own, so that the demo shows the first start and leaves the user's colony alone.
    os.environ["POLLINATOR_HOME"] = str(BUILD / "colony")
    for name in [name for name in os.environ if name.startswith(("COLONIES_", "AWS_S3_"))]:
        del os.environ[name]
    notebook = nbformat.read(HERE / NOTEBOOK, as_version=4)
    print(f"Running {NOTEBOOK} in {BUILD} …", flush=True)
    started = time.monotonic()
    where = {"metadata": {"path": str(BUILD)}}
    client = NotebookClient(notebook, timeout=300, resources=where, store_widget_state=False)
    try:
        with (BUILD / "kernel.log").open("wb") as log:
            client.execute(stderr=log)
    finally:
        nbformat.write(notebook, BUILD / NOTEBOOK)
        stop_colony()
    print(f"Done in {time.monotonic() - started:.1f} s. What the cells showed:\n")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            show(cell)
    print(
        "What came back is in", BUILD / "cfs" / "result", "—", ", ".join(sorted(os.listdir(BUILD / "cfs" / "result")))
    )
    jupyter = Path(sys.executable).with_name("jupyter")
    print(f"\nOpen the notebook as it ran:\n  {relative(jupyter)} lab {relative(BUILD / NOTEBOOK)}")
    return 0


def show(cell: nbformat.NotebookNode) -> None:
    """Print the first line of a cell and its outputs as text."""
    print(f"  In: {cell.source.splitlines()[0]}")
    for output in cell.outputs:
        text = output.text if output.output_type == "stream" else output.get("data", {}).get("text/plain", "")
        for line in text.splitlines()[:12]:
            print(f"      {line}")
    print()


def stop_colony() -> None:
    """Stop the demo's colony: it would go on running, as a user's own does."""
    from pollinator_magic.local.colony import LocalColony

    LocalColony().stop()


def relative(path: Path) -> str:
    """Return the path as the user would type it."""
    shown = os.path.relpath(path)
    return shown if shutil.which(shown) or not shown.startswith("..") else str(path)


if __name__ == "__main__":
    sys.exit(main())
