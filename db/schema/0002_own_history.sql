-- What the vault does without a record (an audit of all of them) is a chain of its own in history,
-- under a record_id of zeros; this one row is its head. Calls of agents raise its version, so that
-- two of them are never counted at the same time.
CREATE TABLE IF NOT EXISTS own_history (
  id SMALLINT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  history_count BIGINT NOT NULL,
  history_mac VARBINARY(32)
) {NARROW};

-- Ids of staged parts begin with the time: the oldest ones stand first.
CREATE INDEX staged_part ON staged (part_id);
