"""PostgreSQL: the only place with SQL, and the only one that knows asyncpg."""
