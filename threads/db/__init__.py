"""The database: connections, whole transactions, migrations, named SQL and the triggers."""
