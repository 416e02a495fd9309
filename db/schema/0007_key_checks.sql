-- By what a key is known again: of each kind (1 master key, 2 pepper, 3 audit key) and number. The
-- keys themselves are never in the database.
CREATE TABLE IF NOT EXISTS key_checks (
  kind SMALLINT NOT NULL,
  key_number BIGINT NOT NULL,
  check_value VARBINARY(255) NOT NULL,
  PRIMARY KEY (kind, key_number)
) {NARROW};
