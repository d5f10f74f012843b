-- How many users were ever added, so that a server sees that there were some, also once they are removed.
CREATE TABLE threads_users_added (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);

CREATE TRIGGER threads_user_added AFTER INSERT ON threads_user
BEGIN
    INSERT INTO threads_users_added (id, number) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = number + 1;
END;
