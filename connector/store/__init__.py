"""The SQLite state: the only room that knows sqlite-utils."""
