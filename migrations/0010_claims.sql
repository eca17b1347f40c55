-- How often a message was claimed: a link's word says of which claim it is, so that a word that comes late
-- or twice ends no other sending than its own.
ALTER TABLE outbox ADD COLUMN claims BIGINT NOT NULL DEFAULT 0;
