-- What calls cost (charges/): prices by version, accounts, their entries, and what calls that run are reckoned with.
-- Amounts are millionths of a yuan.

-- JSON of ChargePolicy. No row: the built-in rules.
CREATE TABLE charge_policy (
    organisation_id TEXT PRIMARY KEY REFERENCES organisation (id),
    policy TEXT NOT NULL
);

-- Every version of the prices; none is ever changed.
CREATE TABLE rates (
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    version BIGINT NOT NULL,
    -- calls that are answered from then on, wall time
    from_at BIGINT NOT NULL,
    -- JSON of Rates
    body TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, version)
);
CREATE INDEX rates_from ON rates (organisation_id, from_at, version);

CREATE TABLE account (
    -- of the courier, branch or organisation whose it is
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    kind TEXT NOT NULL,
    -- the sum of its entries, and how many there are
    balance BIGINT NOT NULL DEFAULT 0,
    entries BIGINT NOT NULL DEFAULT 0,
    -- limits of its own
    credit BIGINT,
    daily_cap BIGINT
);
CREATE INDEX account_organisation ON account (organisation_id, kind);

-- Only ever added to.
CREATE TABLE ledger_entry (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES account (id),
    -- 1, 2, … in its account
    seq BIGINT NOT NULL,
    -- what it is about, once: leg/…, attempt/…, side/…, entry/…
    source TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL,
    -- of the account after it
    balance BIGINT NOT NULL,
    -- whose call it was, or whose the account is
    branch_id TEXT,
    courier_id TEXT,
    call_kind TEXT,
    phone_call_id TEXT,
    -- masked: an entry outlives the number of the call
    number TEXT,
    trunk TEXT,
    answered_at BIGINT,
    -- JSON of Charge, and the version of the prices
    charge TEXT,
    rates_version BIGINT,
    is_estimated BIGINT NOT NULL DEFAULT 0,
    -- of an entry that somebody wrote
    reason TEXT,
    written_by TEXT,
    rev BIGINT NOT NULL
);
CREATE UNIQUE INDEX ledger_entry_source ON ledger_entry (source);
CREATE UNIQUE INDEX ledger_entry_seq ON ledger_entry (account_id, seq);
CREATE INDEX ledger_entry_listed ON ledger_entry (organisation_id, rev);
CREATE INDEX ledger_entry_branch ON ledger_entry (branch_id, rev);
CREATE INDEX ledger_entry_courier ON ledger_entry (courier_id, rev);
CREATE INDEX ledger_entry_account ON ledger_entry (account_id, rev);
CREATE INDEX ledger_entry_rev ON ledger_entry (rev);

-- sqlite only
CREATE TRIGGER ledger_entry_stays BEFORE UPDATE ON ledger_entry BEGIN
    SELECT RAISE(ABORT, 'entries of the ledger are never changed');
END;
CREATE TRIGGER ledger_entry_lasts BEFORE DELETE ON ledger_entry BEGIN
    SELECT RAISE(ABORT, 'entries of the ledger are never removed');
END;
-- end

-- What the legs of a day came to: for the courier, the branch and the organisation whose they were.
CREATE TABLE charge_day (
    owner_id TEXT NOT NULL,
    -- YYYYMMDD in the organisation's zone
    day BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    legs BIGINT NOT NULL,
    talked_ms BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    -- of it by the owner's own account
    paid BIGINT NOT NULL,
    unrated BIGINT NOT NULL,
    PRIMARY KEY (owner_id, day)
);

-- What a call that was set up is reckoned with while it is not over.
CREATE TABLE charge_hold (
    -- of the call, the leg or the attempt
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    -- JSON of Held
    held TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX charge_hold_account ON charge_hold (account_id);

-- When the trunk answered: before the person did, where a menu asks for an extension.
ALTER TABLE attempt ADD COLUMN trunk_answer_at BIGINT;

-- 1: what it cost is in the ledger, or it cost nothing. What ended before there was a ledger stays out of it.
ALTER TABLE attempt ADD COLUMN charged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE call_leg ADD COLUMN charged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE side_call ADD COLUMN charged BIGINT NOT NULL DEFAULT 0;
UPDATE attempt SET charged = 1 WHERE is_open = 0;
UPDATE call_leg SET charged = 1 WHERE is_open = 0;
UPDATE side_call SET charged = 1 WHERE is_open = 0;
UPDATE attempt SET trunk_answer_at = answer_at WHERE is_open = 1;
CREATE INDEX attempt_uncharged ON attempt (id) WHERE charged = 0 AND is_open = 0 AND trunk_answer_at IS NOT NULL;
CREATE INDEX call_leg_uncharged ON call_leg (id) WHERE charged = 0 AND is_open = 0 AND answer_at IS NOT NULL;
CREATE INDEX side_call_uncharged ON side_call (id) WHERE charged = 0 AND is_open = 0 AND answer_at IS NOT NULL;
