-- What a machine has written down of a voicemail (transcripts/).
-- `done`: there are words; `none`: nothing was understood; `failed`: no engine writes it; `off`: the
-- organisation wants none. NULL: it has not been asked, or waits.
ALTER TABLE recording ADD COLUMN words_state TEXT;
-- Sealed with a key made from the file's own, so that both go at once; hexadecimal.
ALTER TABLE recording ADD COLUMN words TEXT;
-- Intents, with commas, the most urgent first; empty for none.
ALTER TABLE recording ADD COLUMN words_intents TEXT;
ALTER TABLE recording ADD COLUMN words_engine TEXT;
ALTER TABLE recording ADD COLUMN words_at BIGINT;
ALTER TABLE recording ADD COLUMN words_tries BIGINT NOT NULL DEFAULT 0;
-- Not to be asked before; NULL: at once.
ALTER TABLE recording ADD COLUMN words_next BIGINT;
CREATE INDEX recording_words ON recording (started_at) WHERE kind = 'voicemail' AND words_state IS NULL;
