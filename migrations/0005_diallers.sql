-- Who dialled a session, for operators that tell the number at the dial only: by a keyed hash of link
-- and the operator's id, the number sealed. The newest dial with an id counts.
CREATE TABLE diallers (
    session BYTEA NOT NULL PRIMARY KEY,
    content BYTEA NOT NULL,
    dialled_at BIGINT NOT NULL
);
CREATE INDEX diallers_dialled ON diallers (dialled_at);
