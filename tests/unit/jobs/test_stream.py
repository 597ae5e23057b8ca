"""Log text as events: rich outputs in their place, whatever comes; everything else as it is."""

from __future__ import annotations

import base64
import itertools
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.jobs.events import Displayed, LogText, Raised
from pollinator_magic.jobs.stream import LONGEST_TEXT, LogDecoder, plain
from pollinator_magic.runner.wire import BEL, DISPLAY, OSC, RAISED, STORED, encode
from tests.fuzz.effort import effort

PNG = {"data": {"image/png": "AAAA", "text/plain": "<Figure>"}, "metadata": {}, "display_id": "", "update": False}
ERROR = {"name": "ValueError", "value": "no", "traceback": "Traceback…\nValueError: no", "line": 3}


def decode(*pieces: str) -> list[LogText | Displayed | Raised]:
    decoder = LogDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece, 7)]
    events += decoder.finish()
    assert decoder.idle
    return merged(events)


def merged(events: list) -> list:
    """Events with neighbouring texts as one, which is how they are shown."""
    found: list = []
    for event in events:
        if isinstance(event, LogText) and found and isinstance(found[-1], LogText):
            found.append(LogText(found.pop().text + event.text, event.timestamp_ns))
        else:
            found.append(event)
    return found


def texts(events: list) -> str:
    return "".join(event.text for event in events if isinstance(event, LogText))


def commands(payload: object, ident: str = "0a1b2c3d", parts: int = 1) -> tuple[list[str], str, str]:
    """The commands of an envelope with any payload: parts, beginning, end."""
    packed = payload if isinstance(payload, bytes) else zlib.compress(json.dumps(payload).encode())
    content = base64.b64encode(packed).decode()
    size = max(1, -(-len(content) // parts))
    cut = [content[start : start + size] for start in range(0, len(content), size)]
    begin = f"{OSC}B;{ident};{len(cut)};{zlib.crc32(packed):08x}{BEL}"
    return [f"{OSC}P;{ident};{i};{part}{BEL}" for i, part in enumerate(cut)], begin, f"{OSC}E;{ident}{BEL}"


def envelope(payload: object, text: str = "[picture]") -> str:
    parts, begin, end = commands(payload)
    return "".join(parts) + begin + text + end + "\n"


def test_an_output_comes_in_its_place_with_its_readable_text():
    events = decode("before\n" + encode(DISPLAY, PNG, "[picture]", "0a1b2c3d") + "after\n")

    assert events == [
        LogText("before\n", 7),
        Displayed(data=PNG["data"], text="[picture]", timestamp_ns=7),
        LogText("after\n", 7),
    ]


def test_an_exception_comes_with_the_line_of_the_cell():
    assert decode(encode(RAISED, ERROR, "Traceback…", "0a1b2c3d")) == [Raised(**ERROR, timestamp_ns=7)]


def test_an_output_that_replaces_another_says_which():
    payload = {**PNG, "display_id": "progress", "update": True, "metadata": {"image/png": {"width": 3}}}

    (event,) = decode(encode(DISPLAY, payload, "", "0a1b2c3d"))

    assert (event.display_id, event.update, event.metadata) == ("progress", True, {"image/png": {"width": 3}})


def test_an_output_of_many_parts_arrives_through_the_lines_of_other_ranks():
    payload = {"data": {"text/html": "".join(chr(33 + i * i % 90) for i in range(50_000))}}
    parts, begin, end = commands([DISPLAY, payload], parts=20)

    events = decode(*(f"{part}rank 1: {i}\n" for i, part in enumerate(parts)), begin + "[html]" + end + "\n")

    assert events[0] == LogText("".join(f"rank 1: {i}\n" for i in range(len(parts))), 7)
    assert events[1:] == [Displayed(data=payload["data"], text="[html]", timestamp_ns=7)]


TEXT = st.text(st.sampled_from("ab\n\r;P5470E]\x1b\x07\\é🙂"), max_size=12)
WHOLE = st.builds(
    encode,
    st.sampled_from([DISPLAY, STORED, RAISED, "newer"]),
    st.sampled_from([PNG, ERROR, {"file": ".pollinator/outputs/1.json"}, {"data": 3}]),
    TEXT,
    st.sampled_from(["0a1b2c3d", "00000000"]),
)
BROKEN = st.builds(
    lambda text, start, stop: text[start : len(text) - stop], WHOLE, st.integers(0, 40), st.integers(0, 40)
)
LOGS = st.lists(TEXT | WHOLE | BROKEN, max_size=8).map("".join)


@given(LOGS, st.lists(st.integers(0, 2000), max_size=30))
@effort(300)
def test_any_cutting_gives_the_same_events(log: str, cuts: list[int]):
    places = sorted({min(cut, len(log)) for cut in cuts} | {0, len(log)})

    assert decode(*(log[a:b] for a, b in itertools.pairwise(places))) == decode(log) == decode(*log)


@given(LOGS)
@effort(300)
def test_the_readable_text_of_a_log_is_what_its_events_say(log: str):
    """`plain` and the events agree: text as it is, for an output its readable text and the end of its line."""
    rest = plain(log)
    for event in decode(log):
        text = event.traceback if isinstance(event, Raised) else event.text
        if isinstance(event, Raised) and text == ERROR["traceback"]:
            continue  # what stands for it in the log is the sender's choice
        start = rest.find(text)
        assert start >= 0
        if isinstance(event, LogText):
            rest = rest[start + len(text) :]


@given(st.text(max_size=200).filter(lambda text: "\x1b" not in text), st.integers(0, 200))
def test_text_without_an_escape_passes_at_once_and_as_it_is(text: str, cut: int):
    decoder = LogDecoder()

    assert texts(decoder.feed(text[:cut], 1)) == text[:cut]
    assert texts(decoder.feed(text[cut:], 2)) == text[cut:]
    assert decoder.idle
    assert plain(text) == text


@given(
    st.lists(
        st.sampled_from(["\x1b[31m", "\x1b]0;title\x07", "\x1b]54", "\x1b", "text\n", "\x07", "\x1b]8;;http://x\x1b\\"])
    )
)
def test_escapes_of_the_program_stay_as_they_are(pieces: list[str]):
    log = "".join(pieces)

    assert texts(decode(*pieces)) == log == plain(log)


def test_only_what_may_be_a_command_is_held_back():
    decoder = LogDecoder()

    assert texts(decoder.feed("10%\x1b", 1)) == "10%"
    assert not decoder.idle
    assert texts(decoder.feed("[0m 20%", 1)) == "\x1b[0m 20%"
    assert decoder.idle
    assert texts(decoder.feed("\x1b]547", 1)) == ""
    assert texts(decoder.finish()) == "\x1b]547"


@pytest.mark.parametrize(
    "payload",
    [
        ["newer", {"data": {}}],
        [DISPLAY, {"data": "no mapping"}],
        [DISPLAY, {}],
        [DISPLAY, {"data": {}, "metadata": []}],
        [DISPLAY, {"data": {}, "display_id": 3}],
        [DISPLAY, {"data": {}, "display_id": "x" * 1000}],
        [DISPLAY, {"data": {}, "update": "yes"}],
        [DISPLAY, {"data": {"text/plain": "\ud800"}}],
        [RAISED, {**ERROR, "line": "3"}],
        [RAISED, {**ERROR, "line": True}],
        [RAISED, {**ERROR, "line": -1}],
        [RAISED, {**ERROR, "name": None}],
        [STORED, {}],
        [DISPLAY],
        [DISPLAY, [], 3],
        [["list"], {}],
        {"kind": DISPLAY},
        "text",
        None,
        b"no zlib at all",
        zlib.compress(b"no JSON"),
        zlib.compress(b'["display", {"data": {}}]') + b"more",
        zlib.compress(b'["display", {"data": {}}]')[:-6],
        zlib.compress(b"[" * 10_000 + b"]" * 10_000),
        zlib.compress(b'["display", {"data": {"application/json": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}]"),
        zlib.compress(b'["display", {"data": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}]"),
        zlib.compress(b'["display", {"data": {"a": [' + b"[]," * 2_000_000 + b"1]}}]"),
        zlib.compress(b'["display", {"data": {"a": ' + b"9" * 100_000 + b"}}]"),
        zlib.compress(b'["display", {"data": {"a": "' + b"a" * 20_000_000 + b'"}}]'),
    ],
    ids=lambda payload: str(payload)[:40],
)
def test_what_cannot_be_understood_leaves_its_readable_text(payload: object):
    log = "".join(("before\n", *commands(payload, parts=50)[0], *commands(payload, parts=50)[1], "[picture]"))
    log += commands(payload)[2] + "\nafter\n"

    assert decode(log) == [LogText("before\n[picture]\nafter\n", 7)]


@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "x.json",
        ".pollinator/outputs/",
        ".pollinator/outputs/../../x",
        ".pollinator/outputs//x",
        ".pollinator/outputs/./x",
        ".pollinator/outputs/.hidden",
        ".pollinator/outputs/a\\b",
        ".pollinator/outputs/a\n",
        ".pollinator/outputs/" + "a" * 300,
        ".pollinator/value.json",
        3,
    ],
)
def test_a_stored_output_is_only_taken_from_its_own_directory(file: object):
    assert decode(envelope([STORED, {"file": file}])) == [LogText("[picture]\n", 7)]


def test_a_stored_output_names_its_file():
    (event,) = decode(envelope([STORED, {"file": ".pollinator/outputs/12.json", "types": ["image/png"], "size": 9}]))

    assert event == Displayed(data={}, text="[picture]", timestamp_ns=7, file=".pollinator/outputs/12.json")


def test_numbers_that_are_no_json_are_read_as_nothing():
    (event,) = decode(envelope([DISPLAY, {"data": {"application/json": [float("nan"), float("inf"), 1]}}]))

    assert event.data == {"application/json": [None, None, 1]}


@pytest.mark.parametrize(
    "damage",
    [
        lambda parts, begin: ["".join(parts[1:]), begin],
        lambda parts, begin: ["".join(parts[:-1]), begin],
        lambda parts, begin: ["".join(parts), begin.replace(";4;", ";3;")],
        lambda parts, begin: ["".join(parts), begin[:-9] + "00000000" + BEL],
        lambda parts, begin: ["".join(parts).replace("P;0a", "P;0b"), begin],
        lambda parts, begin: ["".join(parts).replace(";1;", ";99999;"), begin],
    ],
)
def test_an_output_that_does_not_arrive_whole_leaves_its_readable_text(damage):
    parts, begin, end = commands([DISPLAY, PNG], parts=4)
    assert len(parts) == 4

    assert decode(*damage(parts, begin), "[picture]", end, "\n") == [LogText("[picture]\n", 7)]


def test_parts_in_another_order_and_doubled_parts_make_the_same_output():
    parts, begin, end = commands([DISPLAY, PNG], parts=4)

    assert decode(*parts[::-1], *parts, begin, "[picture]", end) == decode(*parts, begin, "[picture]", end)


def test_a_whole_output_that_is_forged_twice_is_shown_twice():
    log = envelope([DISPLAY, PNG])

    assert [type(event) for event in decode(log, log)] == [Displayed, Displayed]


def test_an_output_inside_the_text_of_another_loses_nothing():
    outer, inner = commands([DISPLAY, PNG], "aaaaaaaa"), commands([RAISED, ERROR], "bbbbbbbb")
    log = "".join(outer[0]) + outer[1] + "out" + "".join(inner[0]) + inner[1] + "in" + inner[2] + "side" + outer[2]

    events = decode(log)

    assert events == [
        LogText("out", 7),
        Displayed(data=PNG["data"], text="", timestamp_ns=7),
        Raised(**ERROR, timestamp_ns=7),
        LogText("side", 7),
    ]


@pytest.mark.parametrize("length", [LONGEST_TEXT, LONGEST_TEXT + 1, 3 * LONGEST_TEXT])
def test_readable_text_that_does_not_end_is_given_out_as_log(length: int):
    parts, begin, _end = commands([DISPLAY, PNG])
    decoder = LogDecoder()

    events = decoder.feed("".join(parts) + begin + "x" * length, 7)

    if length > LONGEST_TEXT:
        assert decoder.idle
        assert texts(events) == "x" * length
    else:
        assert events == []
        assert not decoder.idle
        assert texts(decoder.finish()) == "x" * length


def test_a_command_that_is_broken_off_stays_as_text_that_hides_nothing():
    assert decode(f"{OSC}P;0a1b2c3d;0;QUJD killed\nnext\n") == [LogText("]5470;P;0a1b2c3d;0;QUJD killed\nnext\n", 7)]
    assert decode(f"{OSC}P;0a1b2c3d;0;QUJD") == [LogText("]5470;P;0a1b2c3d;0;QUJD", 7)]


def test_an_endless_command_is_text():
    content = "A" * 1_000_000
    decoder = LogDecoder()
    given_out = "".join(texts(decoder.feed(piece, 7)) for piece in (f"{OSC}P;0a1b2c3d;0;", *[content[:1000]] * 1000))

    assert given_out == f"]5470;P;0a1b2c3d;0;{content}"
    assert decoder.idle


def test_parts_that_never_become_an_output_take_a_bounded_memory():
    decoder = LogDecoder()
    one = "".join(f"{OSC}P;%08x;{number};{'A' * 3000}{BEL}" for number in range(10))
    tracemalloc.start()
    for ident in range(2000):
        decoder.feed(one % ((ident,) * 10), 7)
    for number in range(20_000):
        decoder.feed(f"{OSC}P;ffffffff;{number};A{BEL}", 7)
    for number in range(10_000):
        decoder.feed(f"{OSC}P;fffffff0;{number};{'A' * 3000}{BEL}", 7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 * 1024 * 1024
    assert texts(decoder.finish()) == ""


def test_parts_whose_output_has_not_come_after_much_log_are_given_up():
    parts, _begin, _end = commands([DISPLAY, PNG])
    decoder = LogDecoder()
    decoder.feed("".join(parts), 7)
    assert not decoder.idle

    decoder.feed("line of the log\n" * 100_000, 7)

    assert decoder.idle


def test_a_bomb_is_not_unpacked():
    bomb = zlib.compress(b'["display", {"data": {"text/plain": "' + b"a" * 300_000_000 + b'"}}]', 9)
    log = "".join(commands(bomb, parts=200)[0]) + commands(bomb, parts=200)[1]
    tracemalloc.start()
    events = decode(log, "[picture]")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert events == [LogText("[picture]", 7)]
    assert peak < 64 * 1024 * 1024


def test_plain_log_text_has_the_readable_part_of_outputs_only():
    log = "a\n" + envelope([DISPLAY, PNG]) + f"b\n{OSC}P;0a1b2c3d;0;QUJD{BEL}c\n{OSC}Z;later{BEL}d\x1b]5"

    assert plain(log) == "a\n[picture]\nb\nc\nd\x1b]5"
