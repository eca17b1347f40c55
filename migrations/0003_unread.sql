-- Texts that came on a bind from this moment on may not have had their answers when it closed, and may
-- come again. What came before has been answered, and an equal one later is new.
ALTER TABLE closed_binds ADD COLUMN unread_from BIGINT NOT NULL DEFAULT 0;

-- When it came last, where it came again: whether its answer was read is a matter of that bind.
ALTER TABLE sms_seen ADD COLUMN again_at BIGINT;
