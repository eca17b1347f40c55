-- A message passes through its states at every trip: only what has to find it by its state follows
-- it there. `is_open` is 1 until the state is final, so that the indexes by time are touched twice in
-- a message's life and not at every word.
ALTER TABLE outbox ADD COLUMN is_open BIGINT NOT NULL DEFAULT 1;
UPDATE outbox SET is_open = 0 WHERE state IN ('delivered', 'failed', 'expired', 'cancelled');

DROP INDEX outbox_next;
DROP INDEX outbox_valid;
DROP INDEX outbox_changed;
CREATE INDEX outbox_state ON outbox (state);
CREATE INDEX outbox_due ON outbox (link, next_at) WHERE state = 'queued';
CREATE INDEX outbox_valid ON outbox (valid_until) WHERE is_open = 1;
CREATE INDEX outbox_changed ON outbox (changed_at) WHERE is_open = 0;

-- Texts are read by their ids, whoever wrote them.
DROP INDEX inbox_sms_waiting;
CREATE INDEX inbox_sms_waiting ON inbox_sms (id) WHERE waits = 1;
