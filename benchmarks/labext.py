"""The JupyterLab extension: what it takes to load and activate it, its size, and what it sends when nothing happens."""

from __future__ import annotations

import gzip
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from benchmarks.report import Options, Report, median, ms, p90, ratio
from benchmarks.surroundings import scratch
from tests.browser import chromium
from tests.browser.jupyterlab import TOKEN, Lab, running_lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_OURS, _THEIRS = "pollinator-magic", "@jupyter-widgets/jupyterlab-manager"
_BUILT = Path(__file__).parents[1] / "pollinator_magic" / "_labextension" / "static"
_BESIDE = Path(sysconfig.get_path("data")) / "share" / "jupyter" / "labextensions" / _THEIRS / "static"
_RUNS = 5
_IDLE_S = 30
_TIMED = """
    // How long an extension's modules take to run, and then each of its plugins until it gives the page back; a plugin
    // that waits for something, such as its settings, is done later, but the page is not busy with it.
    window._JUPYTERLAB = {};
    window.taken = {};
    for (const name of %s) {
        let container;
        const took = (window.taken[name] = {});
        const timed = (what, action) => {
            const begin = performance.now();
            try { return action(); } finally { took[what] = performance.now() - begin; }
        };
        Object.defineProperty(window._JUPYTERLAB, name, {
            enumerable: true,
            get: () => container,
            set: given => {
                container = { ...given, get: async module => {
                    const factory = await given.get(module);
                    return () => {
                        const exported = timed(module, factory);
                        for (const plugin of module === './extension' ? [exported.default].flat() : []) {
                            const activate = plugin.activate;
                            plugin.activate = (...services) => timed(plugin.id, () => activate(...services));
                        }
                        return exported;
                    };
                } };
            }
        });
    }
"""


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(f"the JupyterLab extension in a page, {_RUNS} times", ("median", "p90", "ratio"))
    with scratch() as place, running_lab(place) as lab, chromium.running() as browser:
        loads = [_load(browser, lab) for _ in range(-1, _RUNS)][1:]  # the first one warms up
        sent = _idle(browser, lab)
    sums = {name: [sum(load[name].values()) / 1000 for load in loads] for name in (_OURS, _THEIRS)}
    for part in loads[0][_OURS]:
        times = [load[_OURS][part] / 1000 for load in loads]
        report.row(
            {"./extension": "running its modules", "./style": "its styles"}.get(part, part),
            ms(median(times)),
            ms(p90(times)),
        )
    for name, beside in ((_THEIRS, None), (_OURS, median(sums[_THEIRS]))):
        compared = [] if beside is None else [ratio(median(sums[name]), beside)]
        report.row(f"{name}, in all", ms(median(sums[name])), ms(p90(sums[name])), *compared)
    sizes = {name: _compressed_kib(place) for name, place in ((_THEIRS, _BESIDE), (_OURS, _BUILT))}
    for name, size in sizes.items():
        compared = [ratio(size, sizes[_THEIRS])] if name == _OURS else []
        report.row(f"{name}, compressed", f"{size:.1f} KiB", "", *compared)
    report.row("messages of an idle minute with the panel open", f"{sent['messages']:.0f}")
    report.row("their size", f"{sent['bytes']:,.0f} B")
    report.row("requests of that minute", f"{sent['requests']:.0f}")
    report.target("loading and activating", 1000 * median(sums[_OURS]), 50, "ms")
    report.target("its size, compressed", sizes[_OURS], 120, "KiB")
    report.target("messages and requests of an idle minute", sent["messages"] + sent["requests"], 12, "a page")
    return report


def _load(browser: Browser, lab: Lab) -> dict[str, dict[str, float]]:
    """Return the milliseconds of each part of both extensions in a page that has nothing in its cache."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.add_init_script(_TIMED % [_OURS, _THEIRS])
        _open(page, lab)
        taken: dict[str, dict[str, float]] = page.evaluate("() => window.taken")
    finally:
        context.close()
    return taken


def _open(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    page.wait_for_function("() => window.jupyterapp?.restored")
    page.evaluate("() => window.jupyterapp.restored.then(() => window.jupyterapp.allPluginsActivated)")


def _idle(browser: Browser, lab: Lab) -> dict[str, float]:
    """Return what passes in a minute between the server half and a page on which nothing happens."""
    start = {"where": "local", "start": True}
    headers = {"Authorization": f"token {TOKEN}"}
    requests.post(f"{lab.url}/{_OURS}/connection", json=start, headers=headers, timeout=60).raise_for_status()
    counted = {"messages": 0.0, "bytes": 0.0, "requests": 0.0}

    def message(text: Any) -> None:
        counted["messages"] += 1
        counted["bytes"] += len(text)

    def request(asked: Any) -> None:
        counted["requests"] += f"/{_OURS}/" in asked.url

    context = browser.new_context()
    try:
        page = context.new_page()
        with page.expect_websocket(lambda socket: f"/{_OURS}/" in socket.url) as opened:
            _open(page, lab)
        page.evaluate("() => window.jupyterapp.commands.execute('pollinator:open-panel')")
        page.wait_for_timeout(5_000)  # what is asked for when it opens
        page.on("request", request)
        opened.value.on("framereceived", message)
        opened.value.on("framesent", message)
        page.wait_for_timeout(1000 * _IDLE_S)
    finally:
        context.close()
    return {name: value * 60 / _IDLE_S for name, value in counted.items()}


def _compressed_kib(place: Path) -> float:
    files = [*place.rglob("*.js"), *place.rglob("*.css")]
    return sum(len(gzip.compress(file.read_bytes())) for file in files) / 1024
