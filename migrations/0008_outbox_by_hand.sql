-- Dead letters: 0 where a message has failed for good and nobody was told yet, 1 once the log and the
-- figures have it; none for every other message.
ALTER TABLE outbox ADD COLUMN dead BIGINT;
UPDATE outbox SET dead = 1 WHERE state = 'failed';
CREATE INDEX outbox_dead ON outbox (dead, changed_at) WHERE dead IS NOT NULL;

-- Whose turn it is on a link: priority, lane (a few bits of the number's keyed hash) and service, as
-- `1/c/tns`. Flows of one priority take turns, so that none starves another.
ALTER TABLE outbox ADD COLUMN flow TEXT NOT NULL DEFAULT '';
UPDATE outbox SET flow = CAST(priority AS TEXT) || '/0/' || service WHERE is_open = 1;
DROP INDEX outbox_queue;
CREATE INDEX outbox_flow ON outbox (link, flow, id) WHERE state = 'queued';

-- What was done with a message by hand: who it was, when, what and why (`why` is sealed).
CREATE TABLE outbox_acts (
    message BIGINT NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    act TEXT NOT NULL,
    was TEXT NOT NULL,
    who TEXT NOT NULL,
    why BYTEA,
    done_at BIGINT NOT NULL,
    PRIMARY KEY (message, number)
);
