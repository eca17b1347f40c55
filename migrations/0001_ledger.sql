-- The ledger. Portable between SQLite and PostgreSQL: BIGINT (ids, counts, flags, epoch milliseconds),
-- TEXT, BYTEA. Columns named `content`, `state_sealed`, `reply`, `secret`, `code` and
-- `session` are sealed; `subscriber`, `recipient`, `identity` and every key are keyed hashes.

-- Small facts of the ledger itself: the highest time seen, how often it was opened, a value that
-- proves the keys.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    content BYTEA
);

CREATE TABLE conversations (
    id BYTEA NOT NULL PRIMARY KEY,
    service TEXT NOT NULL,
    subscriber BYTEA NOT NULL,
    revision BIGINT NOT NULL,
    state_sealed BYTEA NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX conversations_updated ON conversations (updated_at);

-- Which conversation (service, subscriber) points at, even if ended or old.
CREATE TABLE current_conversations (
    service TEXT NOT NULL,
    subscriber BYTEA NOT NULL,
    conversation BYTEA NOT NULL,
    PRIMARY KEY (service, subscriber)
);
CREATE INDEX current_conversations_conversation ON current_conversations (conversation);

-- A step is saved once.
CREATE TABLE turns (
    conversation BYTEA NOT NULL,
    turn BYTEA NOT NULL,
    revision BIGINT NOT NULL,
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (conversation, turn)
);

CREATE TABLE subscribers (
    service TEXT NOT NULL,
    subscriber BYTEA NOT NULL,
    language TEXT,
    consent BIGINT,
    stopped BIGINT NOT NULL DEFAULT 0,
    hinted_on TEXT,
    PRIMARY KEY (service, subscriber)
);

CREATE TABLE sessions (
    key BYTEA NOT NULL PRIMARY KEY,
    opened_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    path_len BIGINT NOT NULL,
    path_mark BYTEA NOT NULL,
    shown_revision BIGINT NOT NULL,
    ended BIGINT NOT NULL
);
CREATE INDEX sessions_seen ON sessions (seen_at);

-- Which session owns the USSD side of (service, subscriber).
CREATE TABLE owners (
    service TEXT NOT NULL,
    subscriber BYTEA NOT NULL,
    session BYTEA NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (service, subscriber)
);
CREATE INDEX owners_since ON owners (since);

-- USSD callbacks. No reply: the turn is under way, or died under way.
CREATE TABLE inbox_ussd (
    key BYTEA NOT NULL PRIMARY KEY,
    link TEXT NOT NULL,
    subscriber BYTEA NOT NULL,
    conversation BYTEA,
    received_at BIGINT NOT NULL,
    reply BYTEA
);
CREATE INDEX inbox_ussd_received ON inbox_ussd (received_at);

-- SMS, whole. No content: its turn is done.
CREATE TABLE inbox_sms (
    id BIGINT NOT NULL PRIMARY KEY,
    link TEXT NOT NULL,
    service TEXT NOT NULL,
    subscriber BYTEA NOT NULL,
    content BYTEA,
    received_at BIGINT NOT NULL,
    waits BIGINT NOT NULL
);
CREATE INDEX inbox_sms_waiting ON inbox_sms (subscriber, id) WHERE waits = 1;
CREATE INDEX inbox_sms_received ON inbox_sms (received_at);

-- What was accepted, to tell repeats: by the operator's id, or by fingerprint and closed bind.
CREATE TABLE sms_seen (
    id BIGINT NOT NULL PRIMARY KEY,
    key BYTEA UNIQUE,
    link TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    instance BIGINT NOT NULL,
    bind BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX sms_seen_fingerprint ON sms_seen (fingerprint, received_at);
CREATE INDEX sms_seen_received ON sms_seen (received_at);

-- Parts of long SMS that wait for the others.
CREATE TABLE sms_parts (
    part_set BYTEA NOT NULL,
    part BIGINT NOT NULL,
    link TEXT NOT NULL,
    content BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (part_set, part)
);
CREATE INDEX sms_parts_link ON sms_parts (link, received_at);

CREATE TABLE closed_binds (
    link TEXT NOT NULL,
    instance BIGINT NOT NULL,
    bind BIGINT NOT NULL,
    PRIMARY KEY (link, instance, bind)
);

-- Who may send on a link: only the holder of the newest epoch.
CREATE TABLE epochs (
    link TEXT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    begun_at BIGINT NOT NULL
);

CREATE TABLE due (
    conversation BYTEA NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    claimed_until BIGINT NOT NULL,
    PRIMARY KEY (conversation, kind)
);
CREATE INDEX due_at ON due (at);

-- Effects stay when their conversation goes: a new one must not mint a second account.
CREATE TABLE effects (
    key BYTEA NOT NULL PRIMARY KEY,
    conversation BYTEA NOT NULL,
    subject BYTEA NOT NULL,
    secret BYTEA,
    state TEXT NOT NULL,
    intended_at BIGINT NOT NULL
);
CREATE INDEX effects_conversation ON effects (conversation);

-- One-time codes: at most one lives for (conversation, number).
CREATE TABLE codes (
    conversation BYTEA NOT NULL,
    recipient BYTEA NOT NULL,
    code BYTEA,
    code_mark BYTEA NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    sends BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (conversation, recipient)
);
CREATE INDEX codes_expires ON codes (expires_at);

-- Each sending of a code, for the limits and for repeats of the same wish.
CREATE TABLE code_sends (
    key BYTEA NOT NULL PRIMARY KEY,
    conversation BYTEA NOT NULL,
    recipient BYTEA NOT NULL,
    number_block BYTEA NOT NULL,
    by_owner BIGINT NOT NULL,
    used BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX code_sends_recipient ON code_sends (recipient, sent_at);
CREATE INDEX code_sends_block ON code_sends (number_block, sent_at);
CREATE INDEX code_sends_sent ON code_sends (sent_at);

-- Blocks of 1,000 numbers that are stopped.
CREATE TABLE code_blocks (
    number_block BYTEA NOT NULL,
    by_owner BIGINT NOT NULL,
    stopped_until BIGINT NOT NULL,
    PRIMARY KEY (number_block, by_owner)
);

-- Each try of a code with its answer, so that a repeat gets the same one.
CREATE TABLE code_tries (
    conversation BYTEA NOT NULL,
    key BYTEA NOT NULL,
    outcome TEXT NOT NULL,
    tries_left BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    PRIMARY KEY (conversation, key)
);
CREATE INDEX code_tries_tried ON code_tries (tried_at);

-- Failed identity matches.
CREATE TABLE attempts (
    key BYTEA NOT NULL PRIMARY KEY,
    subscriber BYTEA NOT NULL,
    identity BYTEA NOT NULL,
    failed_at BIGINT NOT NULL
);
CREATE INDEX attempts_subscriber ON attempts (subscriber, failed_at);
CREATE INDEX attempts_identity ON attempts (identity, failed_at);

-- Messages. `parts` is 0 until the first word of a link on one of them; `next_at` is when a queued
-- message may go, or when an unknown outcome's grace is over. No content: it is final.
CREATE TABLE outbox (
    id BIGINT NOT NULL PRIMARY KEY,
    key BYTEA NOT NULL UNIQUE,
    conversation BYTEA NOT NULL,
    service TEXT NOT NULL,
    link TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient BYTEA NOT NULL,
    kind TEXT NOT NULL,
    priority BIGINT NOT NULL,
    content BYTEA,
    state TEXT NOT NULL,
    reason TEXT,
    parts BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    unknowns BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX outbox_queue ON outbox (link, priority, id) WHERE state = 'queued';
CREATE INDEX outbox_next ON outbox (state, next_at);
CREATE INDEX outbox_valid ON outbox (state, valid_until);
CREATE INDEX outbox_changed ON outbox (changed_at);
CREATE INDEX outbox_conversation ON outbox (conversation);

CREATE TABLE outbox_part (
    message BIGINT NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    part BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    unknowns BIGINT NOT NULL,
    PRIMARY KEY (message, part)
);

-- The ids under which the operator took a part; after an unknown outcome there may be two.
CREATE TABLE part_ids (
    message BIGINT NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    part BIGINT NOT NULL,
    link TEXT NOT NULL,
    message_id TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    normal TEXT NOT NULL,
    PRIMARY KEY (message, part, message_id)
);
CREATE INDEX part_ids_normal ON part_ids (link, normal);

-- Receipts that came before their part was known.
CREATE TABLE receipts (
    id BIGINT NOT NULL PRIMARY KEY,
    link TEXT NOT NULL,
    normal TEXT NOT NULL,
    state TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX receipts_normal ON receipts (link, normal);
CREATE INDEX receipts_received ON receipts (received_at);
