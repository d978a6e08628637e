"""One file a version: what it adds to the version before it."""
