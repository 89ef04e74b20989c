-- What couriers do at doors, and stops that they put right by hand.

-- The last deed with a parcel, and its wire form; absent where its state was set otherwise since.
ALTER TABLE parcel ADD COLUMN deed_id TEXT;
ALTER TABLE parcel ADD COLUMN door TEXT;

-- A deed, or the mark of an undo that came before it: then `deed` is empty.
CREATE TABLE deed (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    -- JSON of what was done, and of its photos
    deed TEXT NOT NULL,
    proof TEXT NOT NULL,
    -- the phone's wall clock; the server's clock less the age by the phone's boot clock; which of them counts
    wall BIGINT NOT NULL,
    acted_at BIGINT NOT NULL,
    by_wall_clock BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    undone_at BIGINT
);
CREATE INDEX deed_organisation ON deed (organisation_id, received_at);
CREATE INDEX deed_courier ON deed (courier_id, received_at);

-- Its parcels, and what an undo goes back to.
CREATE TABLE deed_parcel (
    deed_id TEXT NOT NULL REFERENCES deed (id),
    parcel_id TEXT NOT NULL,
    after_state TEXT NOT NULL,
    before_state TEXT NOT NULL,
    before_at BIGINT NOT NULL,
    before_deed TEXT,
    before_door TEXT,
    PRIMARY KEY (deed_id, parcel_id)
);
CREATE INDEX deed_parcel_parcel ON deed_parcel (parcel_id);

-- Consent that a courier got without a key press: kept whatever becomes of the deed.
CREATE TABLE hand_consent (
    deed_id TEXT NOT NULL REFERENCES deed (id),
    parcel_id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    courier_id TEXT NOT NULL,
    -- door, station
    preference TEXT NOT NULL,
    source TEXT NOT NULL,
    note TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (deed_id, parcel_id)
);
CREATE INDEX hand_consent_organisation ON hand_consent (organisation_id, at);

-- A parcel that went from one courier to another by hand.
CREATE TABLE handed_over (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    parcel_id TEXT NOT NULL,
    -- who did it: the courier, or somebody over both
    person_id TEXT NOT NULL,
    from_id TEXT NOT NULL,
    to_id TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX handed_over_parcel ON handed_over (parcel_id);

-- Stops put right by hand, shared in a branch. `branch_id` is empty for people of no branch.
CREATE TABLE stop_rule (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    keys TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- order in which rules apply: the revision when it came
    seq BIGINT NOT NULL,
    undone_by TEXT,
    rev BIGINT NOT NULL
);
CREATE INDEX stop_rule_branch ON stop_rule (organisation_id, branch_id, rev);
CREATE INDEX stop_rule_rev ON stop_rule (rev);
