-- Who may see what. The owner is part of each statement; a thread that is not there and one that is somebody
-- else's are the same to it.

-- name: admit
SELECT thread_id, owner FROM threads_thread WHERE thread_id = :thread_id AND (:is_admin OR owner = :owner)

-- name: admitted
SELECT t.thread_id, t.owner FROM json_each(:thread_ids) AS asked
CROSS JOIN threads_thread t ON t.thread_id = asked.value
WHERE :is_admin OR t.owner = :owner ORDER BY asked.key

-- Users and their tokens.

-- name: users
SELECT name, is_admin, created_at FROM threads_user ORDER BY name

-- name: user
SELECT name, is_admin, created_at FROM threads_user WHERE name = :name

-- name: any_user
SELECT 1 FROM threads_user LIMIT 1

-- name: users_added
SELECT coalesce(max(total), 0) FROM threads_user_counter

-- name: add_user
INSERT INTO threads_user (name, is_admin, created_at) VALUES (:name, :is_admin, :now)

-- name: remove_user
DELETE FROM threads_user WHERE name = :name

-- name: add_token
INSERT INTO threads_token (token_id, name, hash, kind, created_at, expires_at, parent_id)
VALUES (:token_id, :name, :hash, :kind, :now, :expires_at, :parent_id)

-- name: token
SELECT name, kind, expires_at FROM threads_token
WHERE token_id = :token_id AND (expires_at IS NULL OR expires_at > :now)

-- name: end_old_sessions
DELETE FROM threads_token WHERE token_id IN (
    SELECT token_id FROM threads_token WHERE parent_id = :parent_id
    ORDER BY created_at DESC, token_id LIMIT -1 OFFSET :kept)

-- name: tokens
SELECT token_id, name, kind, created_at, expires_at FROM threads_token
WHERE (:name IS NULL OR name = :name) AND (expires_at IS NULL OR expires_at > :now) ORDER BY name, created_at, token_id

-- name: revoke
DELETE FROM threads_token WHERE name = :name AND (:token_id IS NULL OR token_id = :token_id)

-- name: forget_expired
DELETE FROM threads_token WHERE expires_at <= :now

-- name: who
SELECT t.token_id, u.name, u.is_admin FROM threads_token t JOIN threads_user u ON u.name = t.name
WHERE t.hash = :hash AND (t.expires_at IS NULL OR t.expires_at > :now)

-- name: good_tokens
SELECT t.token_id FROM threads_token t JOIN json_each(:token_ids) AS asked ON asked.value = t.token_id
WHERE t.expires_at IS NULL OR t.expires_at > :now

-- Threads that requests with a key began.

-- name: begun
SELECT request_digest AS digest FROM threads_creation_request WHERE thread_id = :thread_id

-- name: note_begun
INSERT OR IGNORE INTO threads_creation_request (thread_id, request_digest) VALUES (:thread_id, :digest)
