-- One text for both engines. {NARROW} and {WIDE} end a table (rows that live in the tree of the
-- primary key; rows with a blob), {ASCII} marks a column that holds only ASCII.
-- Dates are milliseconds since 1970 UTC; NULL where the program says 0 ("never", "not").

CREATE TABLE IF NOT EXISTS schema_version (
  version INT NOT NULL PRIMARY KEY,
  installed_at BIGINT NOT NULL
) {NARROW};

CREATE TABLE IF NOT EXISTS records (
  id VARBINARY(16) NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  last_op VARBINARY(16) NOT NULL,
  iccid VARCHAR(20) {ASCII} NOT NULL,
  msisdn_provisioned VARCHAR(15) {ASCII},
  msisdn_reported VARCHAR(15) {ASCII},
  customer VARCHAR(255) NOT NULL,
  language VARCHAR(15) {ASCII} NOT NULL,
  handset VARBINARY(512) NOT NULL,
  last_error VARCHAR(255) NOT NULL,
  ended SMALLINT NOT NULL,
  first_stored_at BIGINT,
  updated_at BIGINT,
  identity_at BIGINT,
  key_state SMALLINT NOT NULL,
  pepper INT NOT NULL,
  key_mac VARBINARY(32),
  key_issued_at BIGINT,
  key_transaction BIGINT NOT NULL,
  reset_until BIGINT,
  wrong_keys SMALLINT NOT NULL,
  locked_at BIGINT,
  locked_until BIGINT,
  timed_once SMALLINT NOT NULL,
  lock_reason VARCHAR(255) NOT NULL,
  suspended_at BIGINT,
  epoch BIGINT NOT NULL,
  upload_transaction BIGINT,
  upload_total BIGINT,
  upload_digest VARBINARY(32),
  upload_epoch BIGINT,
  upload_staged BIGINT,
  upload_last_at BIGINT,
  upload_writer VARBINARY(16),
  ended_transaction BIGINT,
  ended_at BIGINT,
  ended_flags SMALLINT,
  ended_issued_key SMALLINT,
  fetch_transaction BIGINT,
  fetch_image VARBINARY(16),
  fetch_epoch BIGINT,
  fetch_until BIGINT,
  foreign_wrong SMALLINT NOT NULL,
  stranger_wrong SMALLINT NOT NULL,
  stranger_since BIGINT,
  pending_move_until BIGINT,
  moved_from VARCHAR(20) {ASCII},
  moved_at BIGINT,
  moved_by_order SMALLINT NOT NULL,
  moved_other VARBINARY(16),
  moved_survivor_is_new SMALLINT NOT NULL,
  moved_msisdn VARCHAR(15) {ASCII},
  moved_customer VARCHAR(255) NOT NULL,
  moved_language VARCHAR(15) {ASCII} NOT NULL,
  history_count BIGINT NOT NULL,
  history_mac VARBINARY(32),
  versions BLOB
) {NARROW};
CREATE UNIQUE INDEX records_iccid ON records (iccid);
CREATE INDEX records_msisdn ON records (msisdn_provisioned);
CREATE INDEX records_moved_from ON records (moved_from);
CREATE INDEX records_updated_at ON records (updated_at);

-- What a record's images are is told by its list of versions (records.versions, db/record_row.h);
-- here is their content. Places are used again: a new version overwrites the row of the one that it
-- drives out, without a change of an index.
CREATE TABLE IF NOT EXISTS images (
  record_id VARBINARY(16) NOT NULL,
  place BIGINT NOT NULL,
  id VARBINARY(16) NOT NULL,
  sealed MEDIUMBLOB NOT NULL,
  PRIMARY KEY (record_id, place)
) {WIDE};

-- Keys of images (by their place, from 0) and of staged parts (65536 + part_offset), wrapped by
-- master key `master`. A table of its own, so that a backup can give it a file and a retention of its own.
CREATE TABLE IF NOT EXISTS data_keys (
  record_id VARBINARY(16) NOT NULL,
  place BIGINT NOT NULL,
  master INT NOT NULL,
  wrapped VARBINARY(64) NOT NULL,
  PRIMARY KEY (record_id, place)
) {NARROW};

CREATE TABLE IF NOT EXISTS staged (
  record_id VARBINARY(16) NOT NULL,
  part_offset BIGINT NOT NULL,
  part_id VARBINARY(16) NOT NULL,
  bytes BIGINT NOT NULL,
  sealed MEDIUMBLOB NOT NULL,
  PRIMARY KEY (record_id, part_offset)
) {WIDE};

-- Replay counters belong to the card, not to the record: never deleted.
CREATE TABLE IF NOT EXISTS counters (
  iccid VARCHAR(20) {ASCII} NOT NULL,
  key_set SMALLINT NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY (iccid, key_set)
) {NARROW};

CREATE TABLE IF NOT EXISTS moves (
  id BIGINT NOT NULL PRIMARY KEY,
  old_record VARBINARY(16) NOT NULL,
  old_iccid VARCHAR(20) {ASCII} NOT NULL,
  new_iccid VARCHAR(20) {ASCII} NOT NULL,
  at BIGINT NOT NULL
) {NARROW};
CREATE INDEX moves_old_record ON moves (old_record);
CREATE INDEX moves_new_iccid ON moves (new_iccid);

CREATE TABLE IF NOT EXISTS history (
  record_id VARBINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  op VARBINARY(16) NOT NULL,
  kind VARCHAR(32) {ASCII} NOT NULL,
  actor VARCHAR(128) NOT NULL,
  detail VARCHAR(1024) NOT NULL,
  mac VARBINARY(32) NOT NULL,
  PRIMARY KEY (record_id, seq)
) {NARROW};
CREATE INDEX history_actor_at ON history (actor, at);
CREATE INDEX history_at ON history (at);
