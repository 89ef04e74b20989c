-- Where buildings are, as a branch knows it (places/). `branch_id` is empty for people of no branch.

-- What one source says of one building; the better source counts.
CREATE TABLE place (
    organisation_id TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    -- the building's name, as domain/building makes it of addresses
    place_key TEXT NOT NULL,
    -- pin, learned, imported, geocoded
    source TEXT NOT NULL,
    -- WGS-84, 1e-7 degrees
    lat_e7 BIGINT NOT NULL,
    lon_e7 BIGINT NOT NULL,
    within_m BIGINT NOT NULL,
    visits BIGINT NOT NULL,
    engine TEXT,
    -- who set it, took it back, or removed it
    person_id TEXT,
    set_at BIGINT NOT NULL,
    gone BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, branch_id, place_key, source)
);
CREATE INDEX place_branch ON place (organisation_id, branch_id, rev);
CREATE INDEX place_rev ON place (rev);

-- Where couriers were when they delivered: what places are learned from.
CREATE TABLE place_seen (
    deed_id TEXT NOT NULL,
    place_key TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    -- estate or road: many of them at one spot are a depot
    around TEXT NOT NULL,
    lat_e7 BIGINT NOT NULL,
    lon_e7 BIGINT NOT NULL,
    accuracy_m BIGINT NOT NULL,
    age_s BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- 0: it was made where the person signs for many buildings, and teaches nothing
    counts BIGINT NOT NULL,
    PRIMARY KEY (deed_id, place_key)
);
CREATE INDEX place_seen_key ON place_seen (organisation_id, branch_id, place_key, at);
CREATE INDEX place_seen_person ON place_seen (organisation_id, person_id, lat_e7);
CREATE INDEX place_seen_at ON place_seen (at);

-- What geocoders are asked, and what they said: also that there is nothing. `question` is a building's address
-- without floor, room and person.
CREATE TABLE geocode (
    organisation_id TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    place_key TEXT NOT NULL,
    question TEXT NOT NULL,
    -- wait, found, none
    state TEXT NOT NULL,
    engine TEXT,
    lat_e7 BIGINT,
    lon_e7 BIGINT,
    within_m BIGINT,
    tries BIGINT NOT NULL,
    -- not to be asked before
    next_at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, branch_id, place_key)
);
CREATE INDEX geocode_due ON geocode (state, next_at);
CREATE INDEX geocode_question ON geocode (organisation_id, question);

-- How often each engine was asked on a day of the server's zone: the operator's quota, for all organisations.
CREATE TABLE geocoder_day (
    engine TEXT NOT NULL,
    day TEXT NOT NULL,
    asked BIGINT NOT NULL,
    PRIMARY KEY (engine, day)
);
