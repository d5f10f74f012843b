-- Users and their tokens.

-- All users by name.
-- name: list
SELECT name, is_admin, created_at FROM threads_user ORDER BY name

-- A user.
-- name: get
SELECT name, is_admin, created_at FROM threads_user WHERE name = :name

-- Whether there are users.
-- name: exist
SELECT 1 FROM threads_user LIMIT 1

-- How many users were ever added.
-- name: count_added
SELECT coalesce(max(total), 0) FROM threads_user_counter

-- Store a user.
-- name: add
INSERT INTO threads_user (name, is_admin, created_at) VALUES (:name, :is_admin, :now)

-- Delete a user, and their tokens with them.
-- name: remove
DELETE FROM threads_user WHERE name = :name

-- Store a token or session.
-- name: insert_token
INSERT INTO threads_token (token_id, name, hash, kind, created_at, expires_at, parent_id)
VALUES (:token_id, :name, :hash, :kind, :now, :expires_at, :parent_id)

-- A valid token or session.
-- name: get_token
SELECT name, kind, expires_at FROM threads_token
WHERE token_id = :token_id AND (expires_at IS NULL OR expires_at > :now)

-- Delete all but the newest sessions of a token.
-- name: trim_sessions
DELETE FROM threads_token WHERE token_id IN (
    SELECT token_id FROM threads_token WHERE parent_id = :parent_id
    ORDER BY created_at DESC, token_id LIMIT -1 OFFSET :max_sessions)

-- The valid tokens of a user, or of all.
-- name: list_tokens
SELECT token_id, name, kind, created_at, expires_at FROM threads_token
WHERE (:name IS NULL OR name = :name) AND (expires_at IS NULL OR expires_at > :now) ORDER BY name, created_at, token_id

-- Delete one token of a user, or all.
-- name: revoke
DELETE FROM threads_token WHERE name = :name AND (:token_id IS NULL OR token_id = :token_id)

-- Delete expired tokens.
-- name: delete_expired
DELETE FROM threads_token WHERE expires_at <= :now

-- The user of a token.
-- name: authenticate
SELECT t.token_id, u.name, u.is_admin FROM threads_token t JOIN threads_user u ON u.name = t.name
WHERE t.hash = :hash AND (t.expires_at IS NULL OR t.expires_at > :now)

-- Those of these tokens that are valid.
-- name: list_valid
SELECT t.token_id FROM threads_token t JOIN json_each(:token_ids) AS wanted ON wanted.value = t.token_id
WHERE t.expires_at IS NULL OR t.expires_at > :now
