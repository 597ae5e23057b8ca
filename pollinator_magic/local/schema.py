"""The schema of the embedded colony's database, as the steps that lead to it.

A fresh database takes all of them, one of an earlier version those that it has not taken yet; the number of steps taken
is its `user_version`. A step that was released is never changed: what comes later is a step of its own, at the end.

Objects are stored as the JSON that is sent (`document`); the other columns exist to find and order them.
"""

from __future__ import annotations

_FIRST = """
CREATE TABLE colonies (name TEXT PRIMARY KEY, colonyid TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE users (
    colonyname TEXT NOT NULL, name TEXT NOT NULL, userid TEXT NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (colonyname, name)) WITHOUT ROWID;
CREATE INDEX users_by_id ON users (colonyname, userid);

CREATE TABLE executors (
    number INTEGER PRIMARY KEY, colonyname TEXT NOT NULL, executorname TEXT NOT NULL, executorid TEXT NOT NULL,
    state INTEGER NOT NULL, document BLOB NOT NULL,
    UNIQUE (colonyname, executorname));
CREATE INDEX executors_by_id ON executors (colonyname, executorid, state);

CREATE TABLE functions (
    number INTEGER PRIMARY KEY, functionid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL, executorname TEXT NOT NULL,
    funcname TEXT NOT NULL, document BLOB NOT NULL);
CREATE INDEX functions_by_executor ON functions (colonyname, executorname, funcname);

-- rank orders the processes of one state: priority time while waiting, start while running, most recent end first.
-- deadline is what the next check of this state is about. Both are microseconds, except for the priority time.
CREATE TABLE processes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, processid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL,
    state INTEGER NOT NULL, executortype TEXT NOT NULL, label TEXT NOT NULL, initiatorname TEXT NOT NULL,
    executorid TEXT NOT NULL, submitted INTEGER NOT NULL, rank INTEGER NOT NULL, deadline INTEGER,
    document BLOB NOT NULL);
CREATE INDEX processes_by_state ON processes (colonyname, state, rank);
CREATE INDEX processes_by_type ON processes (colonyname, executortype, state, rank);
CREATE INDEX processes_by_label ON processes (colonyname, label, state, rank);
CREATE INDEX processes_by_initiator ON processes (colonyname, initiatorname, state, rank);
CREATE INDEX processes_by_submission ON processes (colonyname, submitted);
CREATE INDEX processes_by_deadline ON processes (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX processes_by_executor ON processes (executorid) WHERE state = 1;

-- What can be assigned: one row for each executor name that the process allows, or one with the name ''.
CREATE TABLE queue (
    colonyname TEXT NOT NULL, executortype TEXT NOT NULL, executorname TEXT NOT NULL, prioritytime INTEGER NOT NULL,
    process INTEGER NOT NULL, cpu INTEGER NOT NULL, mem INTEGER NOT NULL,
    PRIMARY KEY (colonyname, executortype, executorname, prioritytime, process)) WITHOUT ROWID;
CREATE INDEX queue_by_process ON queue (process);

-- of_spec tells the environment of the specification from what an executor attached.
CREATE TABLE attributes (
    attributeid TEXT PRIMARY KEY, process INTEGER NOT NULL, of_spec INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX attributes_by_process ON attributes (process);

-- process is NULL for an executor's own log.
CREATE TABLE logs (
    timestamp INTEGER PRIMARY KEY, process INTEGER, colonyname TEXT NOT NULL, executorname TEXT NOT NULL,
    message TEXT NOT NULL);
CREATE INDEX logs_by_process ON logs (process);
CREATE INDEX logs_by_executor ON logs (colonyname, executorname);

-- A removed revision is kept, hidden, while a snapshot lists it.
CREATE TABLE files (
    sequencenr INTEGER PRIMARY KEY AUTOINCREMENT, fileid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL,
    label TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, checksum TEXT NOT NULL, object TEXT NOT NULL,
    latest INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0, document BLOB NOT NULL);
CREATE INDEX files_by_name ON files (colonyname, label, name, sequencenr) WHERE removed = 0;
CREATE INDEX files_latest ON files (colonyname, label, name, fileid) WHERE latest = 1;

CREATE TABLE snapshots (
    number INTEGER PRIMARY KEY AUTOINCREMENT, snapshotid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL,
    name TEXT NOT NULL, document BLOB NOT NULL, UNIQUE (colonyname, name));
CREATE TABLE snapshot_files (
    snapshot INTEGER NOT NULL, file INTEGER NOT NULL, PRIMARY KEY (snapshot, file)) WITHOUT ROWID;
CREATE INDEX snapshot_files_by_file ON snapshot_files (file);
"""

_WORKFLOWS = """
CREATE TABLE graphs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, graphid TEXT NOT NULL UNIQUE, colonyname TEXT NOT NULL,
    state INTEGER NOT NULL, document BLOB NOT NULL);
CREATE INDEX graphs_by_state ON graphs (colonyname, state, number);

-- graph is the number of the graph that the process is a member of.
ALTER TABLE processes ADD COLUMN graph INTEGER;
CREATE INDEX processes_by_graph ON processes (graph, state) WHERE graph IS NOT NULL;
"""

# Each index is a page that every change of a process has to write. Those that go served seldom, and others do as well.
_FEWER_INDEXES = """
DROP INDEX queue_by_process;
DROP INDEX processes_by_submission;
DROP INDEX processes_by_initiator;
DROP INDEX processes_by_label;
CREATE INDEX processes_by_label ON processes (colonyname, label, state, rank) WHERE label != '';
"""

MIGRATIONS = (_FIRST, _WORKFLOWS, _FEWER_INDEXES)
"""What takes a database from version 0 to 1, from 1 to 2, and so on; each is carried out in one transaction."""
