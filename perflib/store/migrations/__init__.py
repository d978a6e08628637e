"""Steps from one version of the history database to the next, run by Alembic when needed."""
