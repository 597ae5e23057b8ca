"""Wherever a worker is killed, the next one goes on with the log without losing or doubling a character."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.logbatch import LineAssembler
from pollinator_magic.executors.logplace import LogPlace, Overlap, Trail

PIECES = st.lists(st.sampled_from([b"tick\n", b"tock\n", b"a", b"\n", "é".encode(), "é".encode()[:1], b"\xff"]))


class Server:
    """Its log as messages, whose times are their numbers."""

    def __init__(self):
        self.messages = []

    def since(self, number):
        return "".join(self.messages[number:])


class Life:
    """One worker with one job's log: what it reads, sends, and notes."""

    def __init__(self, server, output, place):
        self.server, self.output, self.place = server, output, place
        self.offset = int(place.position or 0)
        self.lines, self.trail = LineAssembler(), Trail()
        known = server.since(place.known_ns)
        end = place.known_at + len(known)
        self.overlap = Overlap(end - place.at, known)
        self.known = (len(server.messages), end)
        self.sent = place.at
        self.waiting = ""

    def read(self, count):
        data = self.output[self.offset : self.offset + count]
        self.offset += len(data)
        self.lines.feed(data, now=0.0)
        if not self.lines.torn:
            self.trail.read(self.place.at + self.lines.fed, str(self.offset))
        self.waiting += self.lines.take(now=0.0)

    def send(self, count):
        message, self.waiting = self.waiting[:count], self.waiting[count:]
        if new := self.overlap.new(message):
            self.server.messages.append(new)
        self.sent += len(message)

    def note(self):
        self.trail.acknowledged(self.sent)
        if self.trail.safe:
            at, position = self.trail.safe
            return LogPlace(position, at, *self.known)
        return self.place

    def finish(self):
        self.read(len(self.output))
        self.waiting += self.lines.finish()
        self.send(len(self.waiting))


ACTS = st.lists(st.tuples(st.sampled_from(["read", "send", "note", "die"]), st.integers(1, 40)), max_size=60)


@given(PIECES, ACTS)
def test_the_log_is_the_output_whenever_a_worker_dies(pieces, acts):
    output, server, place = b"".join(pieces), Server(), LogPlace()
    life = Life(server, output, place)
    for act, count in acts:
        if act == "note":
            place = life.note()
        elif act == "die":
            life = Life(server, output, place)
        else:
            getattr(life, act)(count)
    life.finish()
    assert server.since(0) == output.decode(errors="replace")


@given(PIECES, ACTS)
def test_a_place_is_never_after_what_the_server_has(pieces, acts):
    output, server = b"".join(pieces), Server()
    life = Life(server, output, LogPlace())
    for act, count in acts:
        if act in {"read", "send"}:
            getattr(life, act)(count)
    place = life.note()
    assert output[: int(place.position or 0)].decode(errors="replace") == server.since(0)[: place.at]


def test_what_is_not_what_the_server_has_is_not_taken_away():
    overlap = Overlap(6, "abcdef")
    assert overlap.new("ab") == ""
    assert overlap.new("xyz") == "xyz"
    assert overlap.differed
    assert overlap.new("abc") == "abc"


def test_of_a_text_that_only_its_length_is_known_of_as_much_is_taken_away():
    overlap = Overlap(5, "de")
    assert overlap.new("ab") == ""
    assert overlap.new("cdef") == "f"
    assert not overlap.differed


def test_a_server_that_has_less_than_was_thought_gets_everything():
    assert Overlap(-3, "").new("abc") == "abc"
