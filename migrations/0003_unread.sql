-- Texts that came on a bind from this moment on may not have had their answers when it closed, and may
-- come again. What came before has been answered, and an equal one later is new.
ALTER TABLE closed_binds ADD COLUMN unread_from BIGINT NOT NULL DEFAULT 0;
