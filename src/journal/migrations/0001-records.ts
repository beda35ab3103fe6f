/**
 * Migration 1: the journal's tables. Never edited after release.
 *
 * `record` is append-only: a trigger refuses UPDATE and DELETE unless meta says that a compaction is under way.
 * `snapshot` is a cache and may be dropped; `hold` is what humans want kept; `unmentioned` are blobs of pruned rows that
 * nothing may mention any more. Everything else is evidence.
 */
export const records = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE cluster (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL
) STRICT;

CREATE TABLE record (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  cluster_id INTEGER NOT NULL REFERENCES cluster (id),
  seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  type TEXT NOT NULL,
  type_version INTEGER NOT NULL,
  mask_version INTEGER NOT NULL,
  caused_by INTEGER,
  body TEXT NOT NULL,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_by_cluster ON record (cluster_id, seq);
CREATE INDEX record_by_time ON record (cluster_id, at);
CREATE INDEX record_bases ON record (cluster_id, seq) WHERE kind = 'base';

CREATE TABLE blob (hash TEXT PRIMARY KEY, bytes TEXT NOT NULL) STRICT;

CREATE TABLE snapshot (
  cluster_id INTEGER PRIMARY KEY REFERENCES cluster (id),
  seq INTEGER NOT NULL,
  build TEXT NOT NULL,
  bytes TEXT NOT NULL
) STRICT;

CREATE TABLE tick (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  heads TEXT NOT NULL,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;

CREATE TABLE hold (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  cluster_id INTEGER NOT NULL REFERENCES cluster (id),
  from_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL,
  because TEXT NOT NULL
) STRICT;

CREATE TABLE unmentioned (hash TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TRIGGER record_is_append_only_update BEFORE UPDATE ON record
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'compacting')
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER record_is_append_only_delete BEFORE DELETE ON record
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'compacting')
BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER tick_is_append_only_update BEFORE UPDATE ON tick
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'compacting')
BEGIN SELECT RAISE(ABORT, 'ticks are append-only'); END;
CREATE TRIGGER tick_is_append_only_delete BEFORE DELETE ON tick
WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'compacting')
BEGIN SELECT RAISE(ABORT, 'ticks are append-only'); END;
`;
