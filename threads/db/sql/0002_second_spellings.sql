-- Texts are indexed without invisible characters, and in their second spelling (threads.search.tokenizer). What was
-- indexed before is emptied and filled again as the threads are read; read marks stay at their count.

UPDATE threads_read_mark SET last_read_id = (position << 20) + (
    SELECT count(*) FROM threads_message_text
    WHERE id > (threads_read_mark.position << 20) AND id <= threads_read_mark.last_read_id);

DELETE FROM threads_message_text;

INSERT INTO threads_fts_words (threads_fts_words) VALUES ('delete-all');

INSERT INTO threads_fts_trigrams (threads_fts_trigrams) VALUES ('delete-all');

UPDATE threads_thread SET projected_id = NULL WHERE head_id IS NOT NULL;

INSERT INTO threads_index_change (position, is_deleted)
SELECT position, 0 FROM threads_thread
WHERE coalesce(title, model_title) IS NOT NULL AND position NOT IN (SELECT position FROM threads_index_change);
