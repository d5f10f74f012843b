-- The key of the file.

-- name: key
SELECT key FROM threads_secret

-- name: set_key
INSERT INTO threads_secret (id, key) SELECT 1, :key WHERE NOT EXISTS (SELECT 1 FROM threads_secret)
