"""Contract: what a skill promises, a call of it, and the package that it is kept in."""
