-- Calls of a time: what a day's notices have come to, and at which hours people answer.
CREATE INDEX attempt_time ON attempt (organisation_id, intent_at);

-- Not before this time by the courier's tour, whatever the rules say (steady time, ms).
ALTER TABLE recipient ADD COLUMN begin_at BIGINT;
