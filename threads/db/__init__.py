"""SQLite: connections, the write queue, migrations, named SQL, backups."""
