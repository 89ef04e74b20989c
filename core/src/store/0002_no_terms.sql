-- The keyword index is in memory only (see search/mod.rs).
DROP TABLE parcel_terms;
ALTER TABLE parcel DROP COLUMN indexed;
