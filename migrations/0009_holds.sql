-- Holds of the outbox: while one is not over, nothing is claimed. `as_of` is the time up to which a
-- ledger that was put back knows what went; none where it is held for another reason. `why` is a word of
-- ours, `note` a person's (sealed).
CREATE TABLE holds (
    id BIGINT NOT NULL PRIMARY KEY,
    why TEXT NOT NULL,
    note BYTEA,
    who TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    as_of BIGINT,
    over_at BIGINT,
    over_by TEXT,
    older TEXT
);
