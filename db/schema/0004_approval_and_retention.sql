-- Calls of customer care that a second agent has to approve; over at expires_at. The number of the
-- identity document is a keyed digest and its last characters, as in the history.
CREATE TABLE IF NOT EXISTS care_requests (
  id BIGINT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  record_id VARBINARY(16),
  epoch BIGINT NOT NULL,
  action SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  asked_by VARCHAR(128) NOT NULL,
  asked_at BIGINT,
  expires_at BIGINT NOT NULL,
  reason VARCHAR(255) NOT NULL,
  document_type VARCHAR(255) NOT NULL,
  document_tail VARCHAR(16) NOT NULL,
  document_mac VARCHAR(16) {ASCII} NOT NULL,
  detail VARCHAR(64) {ASCII} NOT NULL,
  image_id VARBINARY(16),
  decided_by VARCHAR(128) NOT NULL,
  decided_at BIGINT,
  result VARCHAR(512) NOT NULL
) {NARROW};
CREATE INDEX care_requests_expires_at ON care_requests (expires_at);
CREATE INDEX care_requests_record ON care_requests (record_id);

-- Retention walks along it.
CREATE INDEX records_suspended_at ON records (suspended_at);
