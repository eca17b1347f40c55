-- The registry of the sandbox, in a database of its own. Personal values are sealed; people and
-- registration numbers are found by keyed hashes.

CREATE TABLE people (
    identity BYTEA NOT NULL PRIMARY KEY,  -- keyed hash of kind and number of the document
    registration BYTEA UNIQUE,            -- keyed hash of the registration number
    kept BYTEA NOT NULL                   -- everything else, sealed
);

-- An account exists exactly where there is a row. Generation 0 was imported; its password is not
-- ours to know.
CREATE TABLE accounts (
    registration BYTEA NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL,
    password TEXT,                        -- Argon2id of the temporary password
    email BYTEA,                          -- sealed
    opened_at BIGINT NOT NULL,            -- milliseconds, as all times
    password_until BIGINT,
    password_used_at BIGINT,
    change_forced BOOLEAN NOT NULL
);

-- The highest generation that was taken back.
CREATE TABLE revocations (
    registration BYTEA NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
);

-- The answers to idempotency keys.
CREATE TABLE openings (
    idempotency_key BYTEA NOT NULL PRIMARY KEY,  -- keyed hash
    asked BYTEA NOT NULL,                        -- keyed hash of what was asked
    answer TEXT NOT NULL,
    answered_at BIGINT NOT NULL
);
CREATE INDEX openings_by_age ON openings (answered_at);
