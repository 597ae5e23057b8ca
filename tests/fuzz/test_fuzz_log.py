"""What programs print: shown as a terminal would, cut anywhere, and nothing in it raises, forges or grows."""

from __future__ import annotations

import itertools
import json
import re
import tracemalloc
import zlib

from effort import effort
from hypothesis import example, given
from hypothesis import strategies as st
from wire_strategies import anything, cut, cuts

from pollinator_magic.executors.logbatch import LineAssembler, Outbox
from pollinator_magic.jobs.events import Displayed, LogText, Raised
from pollinator_magic.jobs.log import printable, terminal_lines
from pollinator_magic.jobs.stream import LogDecoder, Readable, plain
from pollinator_magic.notebook.rolling import KEEP, Rolling
from pollinator_magic.runner.log import _ATOMIC, _pieces
from pollinator_magic.runner.wire import BEL, DISPLAY, OSC, RAISED, STORED, encode
from tests.terminal_model import on_screen, terminal

CHARACTERS = "ab1\u00e9\u6cb9\U0001f41d;?0m[]KPBE=\\\x1b\x1b\r\n\b\x07\t\x9b\x85\u2028\u202e"
noise = st.text(st.sampled_from(CHARACTERS), max_size=60)
colours = st.sampled_from(["\x1b[31m", "\x1b[1;42m", "\x1b[m", "\x1b[38;5;208m", "\x1b[38:2::1:2:3m", "\x1b[0;;1m"])
moves = st.sampled_from(
    ["\r", "\b", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[2J", "\x1b[3A", "\x1b]0;t\x07", "\r\n", "\n"]
)
wires = st.builds(
    encode,
    st.sampled_from([DISPLAY, STORED, RAISED, "other"]),
    st.dictionaries(st.sampled_from(["data", "metadata", "display_id", "update", "file", "name", "value"]), anything),
    noise,
    st.sampled_from(["0a1b2c3d", "00000000"]),
)
bombs = st.sampled_from([b"[" * 5000, b"0" * 100_000, b"[" + b"[]," * 5000 + b"[]]", b"\xff", b"NaN"])


@st.composite
def forged(draw) -> str:
    """An output whose payload is no payload at all."""
    import base64

    content = zlib.compress(draw(bombs | anything.map(lambda value: json.dumps(value).encode())))
    text = base64.b64encode(content).decode()
    size = draw(st.integers(1, 3000))
    parts = [text[start : start + size] for start in range(0, len(text), size)][:20]
    pieces = [f"{OSC}P;0a1b2c3d;{number};{part}{BEL}" for number, part in enumerate(parts)]
    return "".join(pieces) + f"{OSC}B;0a1b2c3d;{len(parts)};{zlib.crc32(content):08x}{BEL}x{OSC}E;0a1b2c3d{BEL}\n"


damaged = st.builds(
    lambda text, changes: cut(text.encode(), changes).decode("utf-8", "replace"), wires | forged(), cuts
)
logs = st.lists(noise | wires | forged() | damaged | colours | moves, max_size=6).map("".join)
places = st.lists(st.floats(0, 1), max_size=12)


def pieces(text: str, at: list[float]) -> list[str]:
    marks = [0, *sorted(round(part * len(text)) for part in at), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(marks)]


def decoded(parts: list[str]) -> list:
    """Return the events, neighbouring texts as one."""
    decoder, found = LogDecoder(), []
    for event in [event for part in parts for event in decoder.feed(part, 7)] + decoder.finish():
        if isinstance(event, LogText) and found and isinstance(found[-1], LogText):
            found.append(LogText(found.pop().text + event.text, event.timestamp_ns))
        else:
            found.append(event)
    assert decoder.idle
    return found


@given(logs, places)
@effort(150)
def test_hostile_outputs_give_the_same_events_wherever_the_log_is_cut(log, at):
    assert decoded(pieces(log, at)) == decoded([log])


@given(logs)
@effort(100)
def test_what_comes_out_of_a_log_is_of_the_types_that_are_promised(log):
    for event in decoded([log]):
        if isinstance(event, Displayed):
            assert isinstance(event.data, dict)
            assert isinstance(event.metadata, dict)
            assert isinstance(event.text + event.display_id + event.file, str)
            json.dumps([event.data, event.metadata], ensure_ascii=False).encode()
        elif isinstance(event, Raised):
            assert event.name
            assert event.line is None or event.line > 0
            assert isinstance(event.summary + event.traceback, str)
        else:
            assert isinstance(event, LogText)


@given(logs, places)
@effort(100)
def test_the_readable_text_is_the_same_wherever_the_log_is_cut(log, at):
    readable = Readable()

    assert "".join(map(readable.feed, pieces(log, at))) + readable.finish() == plain(log)
    assert f"{OSC}B;0a1b2c3d;" not in plain(log)


@given(st.lists(st.text(st.sampled_from("ab \u00e9"), max_size=8), max_size=5), st.lists(noise, max_size=2))
@effort(80)
def test_a_line_is_what_was_written_into_it_last(states, before):
    growing = sorted(states, key=len)
    line = "\r".join(growing)
    earlier = "".join("".join(character for character in text if character.isalnum()) + "\n" for text in before)

    lines = terminal_lines(earlier + line + "\n")

    assert lines[-1] == (growing[-1] if growing else "")
    assert [line.rstrip() for line in lines] == [
        "".join(character for character, _ in cells).rstrip() for cells in terminal(earlier + line)
    ]


@given(st.lists(noise | colours | moves, max_size=12).map("".join), places)
@example("\x1b[3", [1.0])
@effort(150)
def test_what_is_printable_stays_so_however_it_is_put_together(text, at):
    shown = "".join(printable(part) for part in pieces(text, at))

    left = re.sub(r"\x1b\[[0-9;:]*m", "", shown)
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", left)
    assert printable(printable(text)) == printable(text)


@given(st.lists(st.sampled_from(CHARACTERS) | colours | moves, max_size=80).map("".join), places)
@effort(150)
def test_any_text_looks_in_a_notebook_as_it_does_in_a_terminal(text, at):
    text = text.translate(dict.fromkeys(map(ord, "\x9b\x85\t\u2028\u202e"), "."))
    rolling = Rolling(lines=10**9, size=10**9)
    shown = []
    for number, part in enumerate(pieces(text, at)):
        rolling.feed(part)
        shown.append(rolling.take(number / 4))
    shown += iter(lambda: rolling.take(1e9, all_of_it=True), "")

    assert on_screen("".join(shown)) == on_screen(text)
    assert rolling.end(final=True) is None


@given(noise, st.integers(0, 3), st.integers(1, 3000))
@effort(50)
def test_the_end_of_a_long_log_is_bounded_whatever_it_holds(text, lines, times):
    rolling = Rolling(lines=lines, size=1000, limit=50)
    for _ in range(min(times, 50)):
        rolling.feed(text * (times // 50 + 1))
        assert len(rolling.take(0.0).encode()) <= 60 << 10

    end = rolling.end(final=True) or ""
    assert end.count("\n") <= KEEP
    assert len(end.encode()) <= 60 << 10


@given(st.lists(noise | wires | st.just("x" * 4080) | st.just("y\n" * 3000), max_size=5).map("".join))
@example("x" * 4080 + f"{OSC}E;0a1b2c3d{BEL}\n" + "x" * 100)
@effort(50)
def test_what_the_runner_writes_is_cut_behind_commands_and_lines_only(text):
    raw = text.encode("utf-8", "backslashreplace")

    found = _pieces(raw)

    assert b"".join(found) == raw
    assert all(len(piece) <= _ATOMIC for piece in found)
    cuts_at = set(itertools.accumulate(map(len, found)))
    for command in re.finditer(rb"\x1b\]5470;[A-Za-z0-9+/=;]*\x07", raw):
        assert not cuts_at & set(range(command.start() + 1, command.end())), "other ranks could write into it"


@given(st.lists(st.binary(max_size=30) | noise.map(str.encode), max_size=10))
@effort(80)
def test_bytes_of_a_program_become_text_that_a_database_takes(read):
    lines, outbox, now, arrived = LineAssembler(), Outbox(size=40), 0.0, []
    for data in read:
        lines.feed(data, now)
        outbox.put(lines.take(now), now)
        now += 0.1
    outbox.put(lines.finish(), now)
    while outbox.due_at(urgent=True) is not None:
        arrived.append(outbox.message())
        outbox.sent(now)

    whole = b"".join(read).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    assert "".join(arrived) == whole
    assert all(arrived)
    "".join(arrived).encode()


def test_parts_of_outputs_that_never_come_take_bounded_memory():
    decoder = LogDecoder()
    part = "A" * 4000
    tracemalloc.start()
    for number in range(20_000):
        decoder.feed(f"{OSC}P;{number % 97:x};{number % 90_000};{part}{BEL}", 7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 << 20
