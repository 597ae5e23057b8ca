from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.logbatch import SETTLING_S, LineAssembler, Outbox


def test_a_line_is_not_torn_while_it_may_still_be_finished():
    lines = LineAssembler(hold_s=0.5)
    lines.feed(b"one\ntw", 0.0)
    assert lines.take(0.1) == "one\n"
    lines.feed(b"o\nthree", 0.2)
    assert lines.take(0.3) == "two\n"
    assert lines.finish() == "three"


def test_a_line_that_stays_unfinished_is_shown_after_a_while():
    lines = LineAssembler(hold_s=0.5)
    lines.feed(b"password: ", 10.0)
    assert lines.take(10.4) == ""
    assert lines.take(10.5) == "password: "
    lines.feed(b"ok\n", 11.0)
    assert lines.take(11.0) == "ok\n"


def test_a_very_long_line_is_not_waited_for():
    lines = LineAssembler(limit=10)
    lines.feed(b"0123456789", 0.0)
    assert lines.take(0.0) == ""
    lines.feed(b"x", 0.0)
    assert lines.take(0.0) == "0123456789x"


def test_a_character_is_never_torn_and_what_is_no_text_is_replaced():
    lines = LineAssembler(hold_s=0)
    euro = "€".encode()
    lines.feed(euro[:1], 0.0)
    assert lines.take(9.0) == ""
    lines.feed(euro[1:] + b"\xff\0", 9.0)
    assert lines.take(9.0) == "€\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    lines.feed(euro[:2], 9.0)
    assert lines.finish() == "\N{REPLACEMENT CHARACTER}"


@given(st.text(alphabet="aé€\n\r🐝", max_size=200), st.lists(st.integers(1, 7), max_size=60))
def test_however_output_is_cut_the_text_arrives_unchanged(text, cuts):
    lines, data, taken = LineAssembler(hold_s=1e9, limit=8), text.encode(), ""
    for now, cut in enumerate(cuts):
        lines.feed(data[:cut], now)
        data = data[cut:]
        taken += lines.take(now)
    lines.feed(data, 0)
    assert taken + lines.finish() == text


def test_after_a_silence_text_is_sent_nearly_at_once():
    outbox = Outbox(delay_s=0.05)
    outbox.put("a\n", 1.0)
    assert outbox.due_at() == 1.0 + SETTLING_S


def test_soon_after_a_message_text_waits_a_moment_for_more_and_then_goes_as_one():
    outbox = Outbox(delay_s=0.05)
    outbox.put("first\n", 0.99)
    outbox.message()
    outbox.sent(1.0)
    outbox.put("a\n", 1.01)
    outbox.put("b\n", 1.04)
    assert outbox.due_at() == 1.05
    assert outbox.due_at(urgent=True) == 0.0
    assert outbox.message() == "a\nb\n"


def test_a_message_stays_the_same_until_it_is_sent():
    outbox = Outbox()
    outbox.put("a\n", 1.0)
    assert outbox.message() == "a\n"
    outbox.put("b\n", 1.0)
    assert outbox.message() == "a\n"
    outbox.sent(2.0)
    assert outbox.message() == "b\n"
    outbox.sent(2.0)
    assert outbox.due_at() is None
    assert outbox.characters == 0


@given(st.lists(st.text(alphabet="ab\n", max_size=40), max_size=30))
def test_messages_are_small_end_with_lines_and_lose_nothing(texts):
    outbox, messages = Outbox(size=16), []
    for text in texts:
        outbox.put(text, 0.0)
    while outbox.due_at() is not None:
        messages.append(outbox.message())
        outbox.sent(0.0)
    whole = "".join(texts)
    assert "".join(messages) == whole
    assert all(0 < len(message) <= 16 for message in messages)
    sent = 0
    for message in messages[:-1]:
        sent += len(message)
        assert message.endswith("\n") or "\n" not in whole[sent - len(message) : sent]
