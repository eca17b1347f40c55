-- Whoever has the ledger open is a node: its number, which of the rows of ids is its own, how often it
-- has shown that it lives, whether it is over, and when it was last known to live. Nothing that a node
-- writes counts once it is over.
CREATE TABLE nodes (
    id BIGINT NOT NULL PRIMARY KEY,
    slot BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    over BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX nodes_living ON nodes (slot) WHERE over = 0;

-- What one node does for all: it holds as long as its holder is not over. A higher epoch is a later
-- holder.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    node BIGINT NOT NULL,
    epoch BIGINT NOT NULL
);

-- In which epoch a node sends on a link; `epochs` counts them for each link.
CREATE TABLE senders (
    link TEXT NOT NULL,
    node BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (link, node)
);

-- Whose a text, a due time and a message on its way are; 0 is nobody's.
ALTER TABLE inbox_sms ADD COLUMN node BIGINT NOT NULL DEFAULT 0;
ALTER TABLE due ADD COLUMN claimed_by BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN node BIGINT NOT NULL DEFAULT 0;
-- Texts that wait, by their number: they belong to one node, so that they have their turns in order.
CREATE INDEX inbox_sms_number ON inbox_sms (subscriber) WHERE waits = 1;

-- On which node a turn of the conversation waits for an answer from outside.
ALTER TABLE conversations ADD COLUMN asking_node BIGINT NOT NULL DEFAULT 0;
-- How often a session was written: two nodes that read the same do not both write it.
ALTER TABLE sessions ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
-- What callbacks have in common that are the same while the first is unanswered, where nothing else
-- tells a repeat, and at which revision it was answered.
ALTER TABLE inbox_ussd ADD COLUMN same BYTEA;
ALTER TABLE inbox_ussd ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX inbox_ussd_same ON inbox_ussd (same) WHERE same IS NOT NULL;
