-- What a signed request brings once only, as a keyed hash of link and nonce, and how long it has to be
-- remembered.
CREATE TABLE nonces (
    key BYTEA NOT NULL PRIMARY KEY,
    kept_until BIGINT NOT NULL
);
CREATE INDEX nonces_until ON nonces (kept_until);
