"""How an older schema becomes the present one; run as a program of its own, since Alembic is large."""
