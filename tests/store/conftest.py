"""Databases for the tests of this folder."""

from tests.store.databases import database, database_url, sqlite_url

__all__ = ["database", "database_url", "sqlite_url"]
