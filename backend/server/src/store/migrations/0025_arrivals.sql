-- When the courier's tour arrives with a parcel, by the server's clock, and whose tour it was: a parcel that has gone to
-- somebody else has no arrival until their tour tells one.
ALTER TABLE parcel ADD COLUMN arrives_at BIGINT;
ALTER TABLE parcel ADD COLUMN arrives_of TEXT;
