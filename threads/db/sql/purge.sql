-- Removing deleted text from the pages of the search index.

-- Whether pages may contain deleted text.
-- name: is_due
SELECT 1 FROM threads_index_purge

-- All pages are clean.
-- name: done
DELETE FROM threads_index_purge

-- Rewrite some pages of the word index, without what was deleted; no change means that all are rewritten.
-- name: merge_words
INSERT INTO threads_fts_words (threads_fts_words, rank) VALUES ('merge', :pages)

-- The same for the trigram index.
-- name: merge_trigrams
INSERT INTO threads_fts_trigrams (threads_fts_trigrams, rank) VALUES ('merge', :pages)
