-- Whether the page of shown_revision is on the phone for all that is known: 0 while a screen that goes
-- in a request of its own has not been taken. A key acts on a page that was shown and on no other.
ALTER TABLE sessions ADD COLUMN shown BIGINT NOT NULL DEFAULT 1;
