from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.kubernetes.logtext import LogText, Place

SECOND = 10**9
BEGIN = 1_795_335_090 * SECOND


def stamped(time_ns, line):
    seconds = datetime.fromtimestamp(time_ns // SECOND, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{time_ns % SECOND:09}Z ".encode() + line


def answer(lines, since):
    """What a node gives: all lines since a whole second."""
    since_ns = int(datetime.fromisoformat(since.replace("Z", "+00:00")).timestamp()) * SECOND if since else 0
    return b"".join(stamped(when, line) for when, line in lines if when >= since_ns)


# Steps of nothing, of nanoseconds, of most of a second; now and then the clock is set back a little.
steps = st.sampled_from([0, 0, 0, 1, 1000, 400_000_000, 900_000_000, 3 * SECOND, -5, -300_000_000])
texts = st.one_of(
    st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"") + b"\n"),
    st.sampled_from([b"\n", b"same\n", b"2026-11-22T08:11:30.000000000Z not a time\n", b"x" * 70_000 + b"\n"]),
)


@st.composite
def logs(draw):
    when, lines = BEGIN, []
    for step, text in draw(st.lists(st.tuples(steps, texts), max_size=12)):
        when = max(BEGIN, when + step)
        lines.append((when, text))
    if lines and draw(st.booleans()):
        lines[-1] = (lines[-1][0], lines[-1][1].rstrip(b"\n") or b"end")
    return lines


@given(logs(), st.lists(st.tuples(st.integers(0, 80_000), st.integers(1, 40_000)), max_size=6))
def test_however_often_it_is_cut_nothing_is_lost_and_nothing_comes_twice(lines, cuts):
    place, given_text = Place(), b""
    for length, piece in cuts:
        reading = LogText(place)
        data = answer(lines, place.since)[:length]
        for begin in range(0, len(data), piece):
            given_text += reading.feed(data[begin : begin + piece])
            place = reading.place
    reading = LogText(place)
    given_text += reading.feed(answer(lines, place.since)) + reading.finish()
    assert given_text == b"".join(text for _, text in lines)


def test_lines_that_were_written_after_a_clock_was_set_back_are_not_lost():
    lines = [(BEGIN + SECOND, b"one\n"), (BEGIN + SECOND - 300_000_000, b"two\n"), (BEGIN + 2 * SECOND, b"three\n")]
    first = LogText(Place())
    first.feed(answer(lines[:1], ""))
    second = LogText(first.place)
    assert second.feed(answer(lines, first.place.since)) == b"two\nthree\n"


@given(logs())
def test_what_was_read_to_its_end_gives_nothing_new(lines):
    reading = LogText(Place())
    reading.feed(answer(lines, ""))
    reading.finish()
    again = LogText(reading.place)
    assert again.feed(answer(lines, reading.place.since)) + again.finish() == b""


def test_a_line_without_an_end_is_given_before_it_ends_and_memory_stays_bounded():
    reading = LogText(Place())
    given_text = reading.feed(stamped(BEGIN, b"x" * 100_000))
    assert given_text == b"x" * 100_000
    assert reading.feed(b"y" * 10 + b"\n") == b"y" * 10 + b"\n"


def test_a_node_that_says_it_has_lost_the_log_is_heard_once():
    remark = b"unable to retrieve container logs for containerd://0815"
    reading = LogText(Place())
    assert reading.feed(stamped(BEGIN, b"one\n") + remark) + reading.finish() == b"one\n" + remark
    again = LogText(reading.place)
    assert again.feed(remark) + again.finish() == b""


def test_times_of_any_zone_are_understood():
    reading = LogText(Place())
    reading.feed(b"2026-11-22T09:11:30.5+01:00 one\n2026-11-22T08:11:31Z two\n")
    assert reading.place == Place(1_795_335_091 * SECOND, 4)
    assert reading.place.since == "2026-11-22T08:11:29Z"


def test_lines_that_a_node_has_thrown_away_meanwhile_do_not_swallow_later_ones():
    reading = LogText(Place(BEGIN, 100))
    assert reading.feed(stamped(BEGIN + 5, b"later\n")) == b"later\n"
