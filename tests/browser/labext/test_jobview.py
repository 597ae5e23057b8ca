"""The view of one job in the main area: its log as it grows, and everything else about it."""

from __future__ import annotations

import re

import pytest

from tests.browser.cells import picture
from tests.browser.labext.jobview import in_sight, last_tick, line, log_of, open_job, open_lab, start
from tests.browser.labext.layout import saved
from tests.browser.themes import dark
from tests.waiting import eventually

pytestmark = pytest.mark.browser

COLOURFUL = r"""
for n in range(8):
    print(f"\033[3{n}mcolour {n}\033[0m \033[9{n}mbright {n}\033[0m \033[4{n}mbehind {n}\033[0m "
          "\033[1mbold\033[0m \033[3mitalic\033[0m \033[4munder\033[0m \033[7minverse\033[0m \033[9mstruck\033[0m")
print("".join(f"\033[38;5;{n}m{n:4}\033[0m" for n in range(16, 34)))
print("".join(f"\033[48;5;{n}m{n:4}\033[0m" for n in range(196, 214)))
print("".join(f"\033[38;2;{n};{255 - n};128m#\033[0m" for n in range(0, 256, 4)))
for n in range(101):
    print(f"\r\033[32m{n:3}%\033[0m |{'=' * (n // 4):25}|", end="")
print("\n<b>no markup</b> <img src=x onerror='window.hacked = true'>")
print("a line that is longer than the view is wide, " * 20, flush=True)
"""
TICKING = r"""
import pathlib, time
for n in range(300):
    print(f"12:00:{n % 60:02} \033[32mINFO\033[0m  Epoch {n} loss={1 / (n + 1):.4f}" if n % 7 else
          f"12:00:{n % 60:02} \033[1;31mERROR\033[0m in step {n}")
number = 0
while not pathlib.Path(GO).exists():
    number += 1
    print("tick", number, flush=True)
    time.sleep(0.1)
print("over")
"""
COLOURS = """span => {
    const style = getComputedStyle(span);
    return [style.color, style.backgroundColor];
}"""
COPIED = "() => navigator.clipboard.readText()"
END_OF_LONG_LINE = """log => {
    log.scrollLeft = log.scrollWidth;
    const line = [...log.querySelectorAll('.pollinator-Log-text')].find(text => text.textContent.length > 800);
    const [box, end] = [log.getBoundingClientRect(), line.getBoundingClientRect().right];
    const number = line.previousElementSibling.getBoundingClientRect();
    log.scrollLeft = 0;
    return box.left <= number.left && end - 16 <= box.right && end > number.right;
}"""
ROWS = "log => log.querySelectorAll('.pollinator-Log-row[data-line]').length"
BLOCK = "import pathlib, time\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.05)"


def test_the_log_of_a_running_job_streams_in_its_colours_and_its_details_stand_beside_it(lab, page, tmp_path, go):
    job = start(lab, tmp_path / "project", COLOURFUL + TICKING.replace("GO", repr(str(go))))
    view = open_job(open_lab(lab, page), job)

    first = last_tick(view)
    eventually(lambda: last_tick(view) > first)
    view.get_by_role("status").get_by_text("Running").wait_for()
    log_of(view).press("Home")
    line(view, "100% |=========================|").wait_for()
    line(view, "<b>no markup</b> <img src=x onerror='window.hacked = true'>").wait_for()
    assert page.evaluate("() => window.hacked === undefined")
    log_of(view).get_by_text("a line that is longer").first.wait_for()
    assert log_of(view).evaluate(END_OF_LONG_LINE)
    red, behind = log_of(view).get_by_text("colour 1", exact=True), log_of(view).get_by_text("behind 2", exact=True)
    in_light = [red.evaluate(COLOURS), behind.evaluate(COLOURS)]
    picture(page, "jobview")
    with dark(page):
        in_dark = [red.evaluate(COLOURS), behind.evaluate(COLOURS)]
        picture(page, "jobview-dark")
    assert in_light[0][0] != in_dark[0][0]
    assert in_light[1][1] == in_dark[1][1] != "rgba(0, 0, 0, 0)"

    details = view.get_by_role("region", name="Details of the job")
    details.get_by_text("Must end by").wait_for()
    details.get_by_text("Function specification").click()
    details.get_by_text('"funcname"').wait_for()
    go.touch()
    view.get_by_role("status").get_by_text("Success").wait_for()
    details.get_by_text("Ended", exact=True).wait_for()
    assert view.get_by_role("button", name="Cancel").get_attribute("aria-disabled") == "true"
    view.get_by_role("button", name="Go to end").click()
    line(view, "over").wait_for()


def test_searching_finds_and_walks_and_counts_while_lines_come(lab, page, tmp_path, go):
    job = start(lab, tmp_path / "project", "print('=' * 80)" + TICKING.replace("GO", repr(str(go))))
    view = open_job(open_lab(lab, page), job)
    last_tick(view)

    log_of(view).press("Home")
    log_of(view).press("Control+f")
    field = view.get_by_role("textbox", name="Find in log")
    count = view.locator(".pollinator-Find-count")
    current = log_of(view).locator("mark.pollinator-mod-current")
    field.press_sequentially("error in")
    count.get_by_text(re.compile(r"^\d+ of 43$")).wait_for()
    field.press("Enter")
    count.get_by_text("2 of 43").wait_for()
    assert "in step 7" in current.first.locator("xpath=ancestor::div[1]").inner_text()
    assert in_sight(view)[0] < 9 < in_sight(view)[-1]
    field.press("Shift+Enter")
    field.press("Shift+Enter")
    count.get_by_text("43 of 43").wait_for()
    picture(page, "jobview-search")

    view.get_by_role("button", name="Match case").click()
    count.get_by_text("No matches").wait_for()
    field.fill("")
    view.get_by_role("button", name="Use regular expression").click()
    field.press_sequentially(r"Epoch \d+5 ")
    count.get_by_text(re.compile("of 25$")).wait_for()
    field.fill("(")
    count.get_by_text("Invalid expression").wait_for()
    field.fill("(=+)+!")  # in a ruled line this takes longer than anybody waits
    count.get_by_text("Expression takes too long").wait_for()
    picture(page, "jobview-search-too-long")
    field.fill("^over$")
    count.get_by_text("No matches").wait_for()
    go.touch()
    count.get_by_text("1 match", exact=True).wait_for()
    field.press("Enter")
    current.get_by_text("over").wait_for()
    field.press("Escape")
    field.wait_for(state="hidden")
    assert log_of(view).evaluate("log => log === document.activeElement")
    assert log_of(view).locator("mark").count() == 0


def test_scrolling_up_pauses_and_new_lines_are_counted_until_the_log_is_followed_again(lab, page, tmp_path, go):
    job = start(lab, tmp_path / "project", TICKING.replace("GO", repr(str(go))))
    view = open_job(open_lab(lab, page), job)
    last_tick(view)

    log_of(view).hover()
    page.mouse.wheel(0, -400)
    follow = view.get_by_role("button", name=re.compile("^Follow: [0-9]+ new line"))
    follow.wait_for()
    seen = in_sight(view)
    told = int(re.search(r"[0-9]+", follow.inner_text())[0])
    page.wait_for_function(
        "before => Number(/[0-9]+/.exec(document.querySelector('.pollinator-Log-follow').textContent)) > before",
        arg=told,
    )
    assert in_sight(view) == seen

    follow.click()
    follow.wait_for(state="hidden")
    shown = last_tick(view)
    eventually(lambda: last_tick(view) > shown)
    log_of(view).press("PageUp")
    follow.wait_for()
    log_of(view).press("End")
    follow.wait_for(state="hidden")
    go.touch()
    line(view, "over").wait_for()


def test_two_hundred_thousand_lines_scroll_with_few_in_the_page_and_all_can_be_copied(lab, page, tmp_path):
    job = start(lab, tmp_path / "project", "for n in range(1, 200_001): print('line', n, 'of a long log')")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view = open_job(open_lab(lab, page), job)
    log = log_of(view)

    line(view, "line 200000 of a long log").wait_for()
    assert log.evaluate(ROWS) < 120
    for share in (0.25, 0.5, 0.9, 0):
        log.evaluate("(log, share) => { log.scrollTop = share * (log.scrollHeight - log.clientHeight) }", share)
        first = max(round(share * 200_000), 1)
        page.wait_for_function(
            """first => [...document.querySelectorAll('.pollinator-Log-row[data-line]')]
                .some(row => Math.abs(Number(row.dataset.line) + 1 - first) < 60)""",
            arg=first,
        )
        numbers = in_sight(view)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert log.evaluate(ROWS) < 120
    before = in_sight(view)[0]
    log.hover()
    page.mouse.wheel(0, 170)
    page.wait_for_function("() => Number(document.querySelector('.pollinator-Log-row[data-line]').dataset.line) === 10")
    assert in_sight(view)[0] == before + 10

    log.press("Control+a")
    log.press("Control+c")
    view.get_by_text("copied").wait_for(state="attached")
    copied = page.evaluate(COPIED).splitlines()
    assert len(copied) >= 200_000
    assert "line 123456 of a long log" in copied

    number = log.locator(".pollinator-Log-number")
    number.nth(2).click()
    page.mouse.wheel(0, 3_400)
    page.wait_for_function("() => document.querySelector('.pollinator-Log-row[data-line=\"230\"]') !== null")
    log.locator(".pollinator-Log-row[data-line='220'] .pollinator-Log-number").click(modifiers=["Shift"])
    log.press("Control+c")
    view.get_by_text("209 lines copied").wait_for(state="attached")

    field_of_search(view).press_sequentially("line 199999 of")
    view.locator(".pollinator-Find-count").get_by_text("1 of 1").wait_for()
    line(view, "line 199999 of a long log").wait_for()


def test_text_is_copied_from_where_it_was_selected_though_that_is_out_of_sight(lab, page, tmp_path):
    job = start(lab, tmp_path / "project", "for n in range(2_000): print(f'\\033[32mline\\033[0m {n} of a log')")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view = open_job(open_lab(lab, page), job)
    log = log_of(view)
    line(view, "line 1999 of a log").wait_for()
    log.press("Home")

    from_box = line(view, "line 3 of a log").bounding_box()
    page.mouse.move(from_box["x"] + 1, from_box["y"] + 5)
    page.mouse.down()
    page.mouse.move(from_box["x"] + 60, from_box["y"] + 60, steps=3)
    page.mouse.wheel(0, 5_000)
    line(view, "line 300 of a log").wait_for()
    to_box = line(view, "line 300 of a log").bounding_box()
    page.mouse.move(to_box["x"] + to_box["width"] - 20, to_box["y"] + 5, steps=3)
    page.mouse.up()
    picture(page, "jobview-selection")
    log.press("Control+c")
    view.get_by_text("lines copied").wait_for(state="attached")

    copied = page.evaluate(COPIED).splitlines()
    assert copied[0] == "line 3 of a log"
    assert copied[-1].startswith("line 300")
    assert len(copied) == 298


def field_of_search(view):
    view.get_by_role("button", name="Find in log").click()
    return view.get_by_role("textbox", name="Find in log")


def test_a_job_is_cancelled_after_a_question_while_a_cell_blocks_the_kernel(lab, new_notebook, tmp_path, go):
    job = start(lab, tmp_path / "project", TICKING.replace("GO", repr(str(go))))
    blocked = tmp_path / "blocked"
    page = new_notebook(BLOCK.format(str(blocked)))
    try:
        page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.get_by_text("[*]:").wait_for()
        view = open_job(page, job)
        last_tick(view)

        view.get_by_role("button", name="Cancel").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text(f"Cancel Job {job[:12]}?").wait_for()
        picture(page, "jobview-cancel")
        dialog.get_by_role("button", name="Keep It").click()
        dialog.wait_for(state="detached")
        view.get_by_role("status").get_by_text("Running").wait_for()

        view.get_by_role("button", name="Cancel").click()
        dialog.get_by_role("button", name="Cancel Job").click()
        view.get_by_role("status").get_by_text("Cancelled").wait_for()
        assert page.get_by_text("[*]:").count() == 1
    finally:
        blocked.touch()


def test_the_view_is_there_again_after_a_reload_reads_on_after_an_error_and_the_log_is_downloaded(
    lab, page, tmp_path, go
):
    job = start(lab, tmp_path / "project", TICKING.replace("GO", repr(str(go))))
    view = open_job(open_lab(lab, page), job)
    last_tick(view)
    saved(page)
    page.goto(page.url.partition("?")[0])
    last_tick(view)

    refusal = {"message": "You may not read this.", "remedy": "Ask whoever owns the server."}
    page.route("**/log?*", lambda route: route.fulfill(status=403, json=refusal))
    trouble = view.get_by_role("alert")
    trouble.get_by_text("You may not read this. Ask whoever owns the server.").wait_for()
    picture(page, "jobview-trouble")
    page.unroute("**/log?*")
    trouble.get_by_role("button", name="Retry").click()
    trouble.wait_for(state="hidden")
    go.touch()
    line(view, "over").wait_for()
    field_of_search(view).press_sequentially("in step 287")
    view.locator(".pollinator-Find-count").get_by_text("1 of 1").wait_for()

    with page.expect_download() as download:
        view.get_by_role("button", name="Download the whole log").click()
    text = download.value.path().read_text()
    assert "12:00:07 ERROR in step 7\n" in text
    assert text.count("Epoch") == 257
    assert text.endswith("over\n")


def test_notebook_7_shows_the_view_below_the_notebook(lab, new_notebook, tmp_path):
    job = start(lab, tmp_path / "project", "print('here as well')")
    page = new_notebook("", notebook_7=True)
    view = open_job(page, job)
    line(view, "here as well").wait_for()
    picture(page, "jobview-notebook-7")
