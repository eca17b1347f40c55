-- Receipts that wait for their exact id, which begin with a sign: found by it in whatever order the
-- server sorts texts.
CREATE INDEX receipts_unsettled ON receipts (link, id) WHERE SUBSTR(normal, 1, 1) = '?';
