from __future__ import annotations

import time

import pytest

from pollinator_magic.local.clock import Clock

S = 10**9
NOW = 1_800_000_000 * S


class Machine:
    """The clocks of a machine: the one that people set, and the one that nobody can."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_ns, self.passed_ns = NOW, 77 * S
        monkeypatch.setattr(time, "time_ns", lambda: self.wall_ns)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.passed_ns)

    def wait(self, seconds: float) -> None:
        self.wall_ns += int(seconds * S)
        self.passed_ns += int(seconds * S)

    def set(self, seconds: float) -> None:
        self.wall_ns += int(seconds * S)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def clock(machine: Machine) -> Clock:
    return Clock(0)


def test_it_shows_the_machines_time_and_never_the_same_twice(machine: Machine, clock: Clock):
    first, second = clock.now_ns(), clock.now_ns()
    machine.wait(5)

    assert (first, second, clock.now_ns()) == (NOW + 1, NOW + 2, NOW + 5 * S)


def test_it_begins_after_what_was_given_out_in_an_earlier_life(machine: Machine):
    assert Clock(NOW + 100).now_ns() == NOW + 101


def test_set_back_it_goes_on_at_half_its_speed_until_the_machine_has_caught_up(machine: Machine, clock: Clock):
    clock.now_ns()
    machine.set(-60)
    first = clock.now_ns()
    machine.wait(10)
    second = clock.now_ns()
    machine.wait(200)

    assert first - NOW <= 2
    assert second - first == 5 * S
    assert clock.now_ns() == machine.wall_ns
    assert clock.take_jump_ns() == 0


@pytest.mark.parametrize("before_s", [0, 30])
def test_set_forward_it_follows_and_tells_once_by_how_much(machine: Machine, clock: Clock, before_s: float):
    machine.wait(before_s)
    machine.set(3600)

    assert clock.now_ns() == machine.wall_ns
    assert clock.take_jump_ns() == 3600 * S
    assert clock.take_jump_ns() == 0


def test_what_it_has_to_catch_up_is_no_jump(machine: Machine, clock: Clock):
    machine.set(-600)
    clock.now_ns()
    machine.set(600)

    assert clock.take_jump_ns() == 0
    assert clock.now_ns() <= NOW + 10


def test_small_corrections_are_no_jumps(machine: Machine, clock: Clock):
    for _ in range(100):
        machine.set(1)
        machine.wait(1)
        clock.now_ns()

    assert clock.take_jump_ns() == 0
