-- Further numbers of a parcel's recipient (parcels/import). Not rung for a notice; a caller is known by them.

ALTER TABLE parcel ADD COLUMN phone_key_2 TEXT;
ALTER TABLE parcel ADD COLUMN phone_key_3 TEXT;
CREATE INDEX parcel_phone_2 ON parcel (organisation_id, phone_key_2) WHERE phone_key_2 IS NOT NULL;
CREATE INDEX parcel_phone_3 ON parcel (organisation_id, phone_key_3) WHERE phone_key_3 IS NOT NULL;
