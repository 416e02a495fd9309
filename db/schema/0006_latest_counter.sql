-- The replay counter of the key set that the record's card used last, in the card's own row: it is
-- written with every key evaluation, and one row costs less than two. `counters` keeps those of the
-- card's other key sets, and takes this one too when the record gets another card or goes.
ALTER TABLE records ADD COLUMN counter_key_set SMALLINT;
ALTER TABLE records ADD COLUMN counter_value BIGINT;
