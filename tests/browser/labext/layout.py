"""The layout of a page, which JupyterLab saves after a while."""

from __future__ import annotations


def saved(page) -> None:
    """Wait until the layout is saved, which a reload restores."""
    page.evaluate(
        """() => new Promise(resolve => {
            const { workspaces } = window.jupyterapp.serviceManager;
            const save = workspaces.save.bind(workspaces);
            workspaces.save = (...saved) => save(...saved).then(resolve);
            window.jupyterapp.shell.layoutModified.emit(undefined);
        })"""
    )
