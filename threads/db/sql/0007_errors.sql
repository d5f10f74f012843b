-- What a run failed with, in parts: users who are no admins are told the type only. `error` holds both, as text.
ALTER TABLE threads_run ADD COLUMN error_type TEXT;

ALTER TABLE threads_run ADD COLUMN error_message TEXT;
