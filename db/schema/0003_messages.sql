-- Reminders, short messages and wake-ups. What is looked for by date has an index on it, NULL where
-- nothing is to be looked for: the cost of a look follows what is due, not what is stored. `version`
-- guards each row.

-- One per record that was ever due, or has opted out.
CREATE TABLE IF NOT EXISTS reminders (
  record_id VARBINARY(16) NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  based_on BIGINT,
  due_at BIGINT,
  next_at BIGINT,
  sent SMALLINT NOT NULL,
  is_open SMALLINT NOT NULL,
  msisdn VARCHAR(15) {ASCII},
  last_ref BIGINT,
  last_sent_at BIGINT,
  answered_at BIGINT,
  answer VARCHAR(16) {ASCII} NOT NULL,
  help_sent SMALLINT NOT NULL,
  opted_out_at BIGINT,
  opted_out_by VARCHAR(128) NOT NULL,
  unreachable VARCHAR(15) {ASCII},
  unreachable_at BIGINT
) {NARROW};
CREATE INDEX reminders_next_at ON reminders (next_at);
CREATE INDEX reminders_msisdn ON reminders (msisdn);

-- Messages that go out. due_at is NULL for all but reminders: of a due date's attempts there is
-- one each.
CREATE TABLE IF NOT EXISTS sms_out (
  ref BIGINT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  kind SMALLINT NOT NULL,
  record_id VARBINARY(16),
  msisdn VARCHAR(15) {ASCII},
  body VARCHAR(2000) NOT NULL,
  smsc VARCHAR(64) NOT NULL,
  due_at BIGINT,
  attempt SMALLINT NOT NULL,
  step SMALLINT NOT NULL,
  owner VARCHAR(128) NOT NULL,
  lease_until BIGINT NOT NULL,
  created_at BIGINT,
  submitted_at BIGINT,
  expires_at BIGINT,
  tries SMALLINT NOT NULL,
  outbox BIGINT,
  segment_count SMALLINT NOT NULL
) {NARROW};
CREATE UNIQUE INDEX sms_out_due ON sms_out (record_id, kind, due_at, attempt);
CREATE INDEX sms_out_lease ON sms_out (step, lease_until);
CREATE INDEX sms_out_created_at ON sms_out (created_at);
CREATE INDEX sms_out_msisdn ON sms_out (msisdn, submitted_at);

-- at: of the message; ids repeat, so that the newest ones must be found without the others.
CREATE TABLE IF NOT EXISTS sms_segments (
  ref BIGINT NOT NULL,
  segment SMALLINT NOT NULL,
  step SMALLINT NOT NULL,
  smsc VARCHAR(64) NOT NULL,
  message_id VARCHAR(80) {ASCII} NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (ref, segment)
) {NARROW};
CREATE INDEX sms_segments_id ON sms_segments (message_id, at);

-- Messages that have come in. mark: the same for the same message delivered again.
CREATE TABLE IF NOT EXISTS sms_in (
  id BIGINT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  mark VARBINARY(32) NOT NULL,
  smsc VARCHAR(64) NOT NULL,
  msisdn VARCHAR(15) {ASCII},
  recipient VARCHAR(32) NOT NULL,
  is_binary SMALLINT NOT NULL,
  body VARCHAR(2000) NOT NULL,
  user_data VARBINARY(512) NOT NULL,
  reference INT NOT NULL,
  parts SMALLINT NOT NULL,
  part SMALLINT NOT NULL,
  at BIGINT NOT NULL,
  next_at BIGINT,
  result VARCHAR(255) NOT NULL
) {NARROW};
CREATE UNIQUE INDEX sms_in_mark ON sms_in (mark);
CREATE INDEX sms_in_at ON sms_in (at);
CREATE INDEX sms_in_next_at ON sms_in (next_at);
CREATE INDEX sms_in_parts ON sms_in (msisdn, reference, at);

-- One per card that was ever to be woken; never deleted.
CREATE TABLE IF NOT EXISTS wake_ups (
  iccid VARCHAR(20) {ASCII} NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  record_id VARBINARY(16),
  state SMALLINT NOT NULL,
  reason SMALLINT NOT NULL,
  asked_by VARCHAR(128) NOT NULL,
  wanted_at BIGINT,
  next_at BIGINT,
  expires_at BIGINT,
  tries SMALLINT NOT NULL,
  counter_raised SMALLINT NOT NULL,
  ref BIGINT,
  tar VARBINARY(3),
  packet_counter BIGINT NOT NULL,
  key_set SMALLINT NOT NULL,
  sent_at BIGINT,
  last_status SMALLINT NOT NULL,
  last_authentic SMALLINT NOT NULL,
  last_status_at BIGINT,
  not_before BIGINT,
  without_applet_until BIGINT
) {NARROW};
CREATE INDEX wake_ups_next_at ON wake_ups (next_at);

-- Counters of packets to a card; they belong to it like those of `counters`: never deleted.
CREATE TABLE IF NOT EXISTS downlink_counters (
  iccid VARCHAR(20) {ASCII} NOT NULL,
  key_set SMALLINT NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY (iccid, key_set)
) {NARROW};

CREATE TABLE IF NOT EXISTS outbox (
  id BIGINT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  kind SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  record_id VARBINARY(16),
  msisdn VARCHAR(15) {ASCII},
  body VARCHAR(2000) NOT NULL,
  detail VARCHAR(255) NOT NULL,
  asked_by VARCHAR(128) NOT NULL,
  created_at BIGINT,
  expires_at BIGINT,
  next_at BIGINT NOT NULL,
  result VARCHAR(255) NOT NULL,
  done_at BIGINT
) {NARROW};
CREATE INDEX outbox_created_at ON outbox (created_at);
CREATE INDEX outbox_next_at ON outbox (state, next_at);

CREATE TABLE IF NOT EXISTS instances (
  name VARCHAR(128) NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  product VARCHAR(64) NOT NULL,
  started_at BIGINT,
  seen_at BIGINT,
  health VARCHAR(2000) NOT NULL
) {NARROW};

CREATE TABLE IF NOT EXISTS jobs (
  name VARCHAR(64) {ASCII} NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  owner VARCHAR(128) NOT NULL,
  lease_until BIGINT,
  after_date BIGINT,
  after_record VARBINARY(16),
  ran_at BIGINT,
  amount BIGINT NOT NULL
) {NARROW};

-- The identity refresh walks along it.
CREATE INDEX records_identity_at ON records (identity_at);
