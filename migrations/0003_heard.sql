-- When an operator was last heard on a bind that has closed: a text that came well before has been
-- answered, and an equal one later is new.
ALTER TABLE closed_binds ADD COLUMN heard_at BIGINT NOT NULL DEFAULT 0;
