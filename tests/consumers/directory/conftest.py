"""A PostgreSQL of our own for these tests, with a fresh `recado` database for each test that asks."""

from tests.recado_database import migrated, postgres, recado_url, server_url

__all__ = ["migrated", "postgres", "recado_url", "server_url"]
