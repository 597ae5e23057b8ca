"""A log in bounded room shows what a terminal would."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from pollinator_magic.notebook.rolling import KEEP, UPDATE, WIDTH, Rolling
from tests.fuzz.effort import effort
from tests.terminal_model import CUTS, LOGS, on_screen, pieces, terminal

ROOM = {"lines": 10**9, "size": 10**9}


def stream_of(rolling: Rolling, parts: list[str]) -> str:
    """Feed the parts, take what there is four times a second, and all of it at the end."""
    taken = []
    for number, part in enumerate(parts):
        rolling.feed(part)
        taken.append(rolling.take(number / 4))
    return "".join([*taken, *rest_of(rolling)])


def rest_of(rolling: Rolling) -> list[str]:
    return list(iter(lambda: rolling.take(1e9, all_of_it=True), ""))


@given(LOGS, CUTS)
@example("abc\r\x1b[KZ", [3 / 8])
@example("\x1b[42mabc\r\x1b[KZ", [8 / 13])
@example("abc\r\x1b[K\x1b[38;5;208m", [0.25])
@effort(200)
def test_the_stream_shows_what_a_terminal_would_wherever_the_log_is_cut(log, cuts):
    shown = stream_of(Rolling(**ROOM), pieces(log, cuts))

    assert on_screen(shown) == on_screen(log)


@given(LOGS, CUTS)
@effort(200)
def test_the_end_shows_the_last_lines_as_a_terminal_would_wherever_the_log_is_cut(log, cuts):
    rolling = Rolling(lines=1, size=10**9)
    log = "first\n" + log
    stream_of(rolling, pieces(log, cuts))

    end = rolling.end(final=True)

    lines = terminal(log)[1:]
    if not lines[-1]:
        lines.pop()
    if end is None:
        assert not lines
        return
    shown = terminal(end)[1:]
    assert len(shown) == min(len(lines), KEEP)
    assert [strip(line) for line in shown] == [strip(line) for line in lines[-KEEP:]]
    assert all(terminal(part + "x")[0][-1] == ("x", ()) for part in end.split("\n")), "each line ends without colours"


def strip(line):
    line = list(line)
    while line and line[-1] == (" ", ()):
        line.pop()
    return line


@given(LOGS, CUTS)
@effort(200)
def test_lines_that_are_cut_for_their_length_are_cut_alike_wherever_the_log_is(log, cuts):
    whole, cut = Rolling(**ROOM, limit=4), Rolling(**ROOM, limit=4)
    whole.feed(log + "\n")
    for part in pieces(log + "\n", cuts):
        cut.feed(part)

    lines = on_screen("".join(rest_of(cut)))

    assert lines == on_screen("".join(rest_of(whole)))
    assert all(len(line) <= 5 for line in lines)


def test_a_progress_bar_leaves_one_line_and_few_states():
    rolling = Rolling(lines=2000, size=256 << 10)
    shown = []
    for tick in range(36_000):
        rolling.feed(f"\r{tick / 360:5.1f} % |{'#' * (tick // 600):60}|")
        shown.append(rolling.take(tick / 10))
    rolling.feed("\r100.0 % done\n")
    shown += rest_of(rolling)

    (line,) = on_screen("".join(shown))
    assert "".join(character for character, _ in line).startswith("100.0 % done")
    assert "".join(shown).count("\n") == 1
    by_tools_that_drop_what_is_rewritten = re.sub(r".*\r(?=[^\n])", "", "".join(shown))
    assert by_tools_that_drop_what_is_rewritten.startswith("100.0 % done")
    assert sum(map(bool, shown)) < 700, "an hour of it, at most four times a second, would be 14,400"
    assert len("".join(shown)) < 64 << 10
    assert rolling.end(final=True) is None


def test_a_bar_is_never_more_than_a_hundredth_of_its_age_behind():
    rolling = Rolling(**ROOM)
    screen, behind = "", []
    for second in range(4000):
        rolling.feed(f"\rsecond {second}")
        screen += rolling.take(float(second))
        shown = int(re.findall(r"\d+", screen)[-1])
        behind.append((second - shown) / max(second, 100))

    assert max(behind) <= 0.011


def test_the_budget_is_kept_and_then_the_end_is_shown_in_place():
    rolling = Rolling(lines=10, size=10**6, whole="cfs/log/3fc0.log")
    shown = stream_of(rolling, [f"line {number}\n" for number in range(123_456)])

    end = rolling.end()

    assert shown == "".join(f"line {number}\n" for number in range(10))
    head, *lines = end.split("\n")
    assert head == "… 123,456 lines so far (1.3 MiB); the last 40 follow, the whole log is in cfs/log/3fc0.log"
    assert lines == [f"line {number}" for number in range(123_416, 123_456)]
    assert rolling.end() is None, "nothing has changed"
    assert rolling.end(final=True).startswith("… 123,456 lines (1.3 MiB); ")


def test_a_log_of_exactly_the_budget_has_no_end_of_its_own():
    rolling = Rolling(lines=10, size=10**6)
    shown = stream_of(rolling, ["line\n"] * 10)

    assert shown == "line\n" * 10
    assert rolling.end(final=True) is None


def test_a_colour_that_is_open_where_the_stream_ends_goes_on_in_the_end_and_nowhere_else():
    rolling = Rolling(lines=1, size=10**6)
    shown = stream_of(rolling, ["\x1b[31mred\n", "still red\n", "bold \x1b[1mtoo\n", "\x1b[0mplain\n"])

    assert shown == "\x1b[31mred\x1b[0m\n" or shown == "\x1b[31mred\n\x1b[0m"
    assert rolling.end().split("\n")[1:] == [
        "\x1b[31mstill red\x1b[0m",
        "\x1b[31mbold \x1b[0;1;31mtoo\x1b[0m",
        "plain",
    ]


def test_a_colour_survives_the_lines_that_are_skipped():
    rolling = Rolling(lines=1, size=10**6)
    stream_of(rolling, ["x\n", "a\x1b[3", "2mb" + "\nline" * 1000 + "\nlast"])

    assert rolling.end().endswith("\n\x1b[32mline\x1b[0m\n\x1b[32mlast\x1b[0m")


def test_a_rich_output_parts_the_stream_without_its_colour_and_the_text_goes_on_with_it():
    rolling = Rolling(**ROOM)
    rolling.feed("\x1b[32mgreen ")
    before = "".join(rest_of(rolling)) + rolling.part()
    rolling.feed("again\x1b[0m\r1\n")
    after = "".join(rest_of(rolling))

    assert before == "\x1b[32mgreen \x1b[0m"
    assert on_screen(after) == on_screen("1\x1b[32mreen again\n")
    assert "\r" not in after


@given(st.text(alphabet="ab\x1b[]0;1m\r\n\b\x07\x1b\ud800K", max_size=300), CUTS)
@effort(200)
def test_no_text_breaks_anything_and_only_colours_are_left_of_control_sequences(text, cuts):
    rolling = Rolling(lines=5, size=100, limit=20)
    shown = stream_of(rolling, pieces(text, cuts)) + (rolling.end(final=True) or "")

    left = re.sub(r"\x1b\[[0-9;:]*m", "", shown)
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", left)
    shown.encode()


def test_whatever_a_job_prints_an_update_is_bounded():
    rolling = Rolling(lines=2000, size=256 << 10)
    taken, ends = [], []
    for chunk in [
        "x" * (1 << 20),
        "\n",
        "\x1b[31mx\x1b[32mé" * 50_000 + "\n",
        "\ry" * 500_000,
        ("é" * 2000 + "\n") * 500,
    ]:
        for start in range(0, len(chunk), 100_000):
            rolling.feed(chunk[start : start + 100_000])
            taken.append(rolling.take(len(taken) / 4))
            ends.append(rolling.end() or "")
    taken += rest_of(rolling)
    ends.append(rolling.end(final=True))

    assert max(len(text.encode()) for text in taken) <= UPDATE
    assert max(len(text.encode()) for text in ends) <= UPDATE
    assert sum(len(text.encode()) for text in taken) < 400 << 10
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in ends[-1].split("\n")) <= WIDTH + 1


def test_a_line_without_an_end_takes_bounded_memory():
    import tracemalloc

    rolling = Rolling(lines=2000, size=256 << 10)
    tracemalloc.start()
    for _ in range(2000):
        rolling.feed("x" * 10_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 << 20
    assert "".join(rest_of(rolling)) == "x" * (8 << 10) + "…"
