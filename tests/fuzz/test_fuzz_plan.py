"""Planning in the long run: clients that take turns at one label come to rest, agree, and lose nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from effort import effort
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.cfs.plan import Entry, Plan, Policy, plan

names = st.sampled_from(["a", "b", "c.csv", "d/e", "d/g/h", ".i"])
clashing = st.sampled_from(["a", "a/b", "a/b/c", "d", "d/e"])
contents = st.integers(0, 5).map(lambda number: Entry(1, f"{number:064x}"))


@dataclass
class Client:
    """A directory, and what it had when it last agreed with the label."""

    local: dict[str, Entry] = field(default_factory=dict)
    base: dict[str, Entry] = field(default_factory=dict)

    def sync(self, remote: dict[str, Entry], policy: Policy) -> Plan:
        """Carry out a plan, in the order that it names, unless it has clashes."""
        work = plan(self.local, remote, self.base, policy)
        if work.clashes:
            return work
        for path in work.remove_local:
            del self.local[path]
        for path in work.download:
            if path in work.keep_beside:
                assert work.keep_beside[path] not in self.local
                self.local[work.keep_beside[path]] = self.local[path]
            self.local[path] = remote[path]
        for path in work.upload:
            remote[path] = self.local[path]
        for path in work.remove_remote:
            del remote[path]
        self.base = dict(remote)
        return work


def steps(paths):
    """Edits (`None` deletes) by one of two clients, or `...` for a synchronisation of it."""
    edit = st.tuples(st.integers(0, 1), paths, st.none() | contents)
    return st.lists(edit | st.tuples(st.integers(0, 1), st.just("sync"), st.just("sync")), max_size=30)


def play(history, policy):
    """Yield client, remote before, local before, base before, remote after each synchronisation."""
    clients, remote = [Client(), Client()], {}
    for who, path, content in history:
        client = clients[who]
        if content == "sync":
            before = dict(remote), dict(client.local), dict(client.base)
            work = client.sync(remote, policy)
            yield clients, client, remote, work, before
        elif content is None:
            client.local.pop(path, None)
        else:
            client.local[path] = content
    for client in (*clients, *clients, *clients):
        before = dict(remote), dict(client.local), dict(client.base)
        yield clients, client, remote, client.sync(remote, policy), before


@given(steps(names), st.sampled_from(list(Policy)))
@effort(150)
def test_clients_that_take_turns_agree_once_nobody_edits_any_more(history, policy):
    ((clients, _, remote, _, _),) = deque(play(history, policy), maxlen=1)

    assert all(client.local == remote for client in clients)
    assert not any(client.sync(remote, policy) for client in clients)


@given(steps(names), st.sampled_from(list(Policy)))
@effort(150)
def test_no_synchronisation_loses_what_was_written_since_the_last_one(history, policy):
    for _, client, remote, work, (remote_before, local_before, base) in play(history, policy):
        kept = set(client.local.values())
        for path, written in local_before.items():
            if written != base.get(path) and policy is not Policy.CACHE:
                assert written in {client.local.get(path), client.local.get(work.keep_beside.get(path, ""))}
        for path, written in remote_before.items():
            if written != base.get(path) and (policy is Policy.RESULT or local_before.get(path) == base.get(path)):
                assert client.local[path] == remote[path] == written
        for path in remote_before.keys() - local_before.keys():
            if remote_before[path] != base.get(path):
                assert remote_before[path] in kept, "an edit beats a deletion"


@given(steps(clashing), st.sampled_from(list(Policy)))
@effort(150)
def test_a_file_is_never_planned_where_a_directory_has_to_be(history, policy):
    for _, client, _, work, (_, local_before, _) in play(_consistent(history), policy):
        if work.clashes:
            assert client.local == local_before
            continue
        after = client.local.keys()
        assert not any(other.startswith(path + "/") for path in after for other in after)


def _consistent(history):
    """Leave out what no directory could hold: one client alone has no file that is a directory too."""
    held = [set(), set()]
    for who, path, content in history:
        mine = held[who]
        if content not in {None, "sync"}:
            if any(one.startswith(path + "/") or path.startswith(one + "/") for one in mine):
                continue
            mine.add(path)
        elif content is None:
            mine.discard(path)
        yield who, path, content
        if content == "sync":
            held[who] = {"a", "a/b", "a/b/c", "d", "d/e"}  # anything may have come down: only deletions from here on
