"""Library: the skills that one robot knows, their versions and their states."""
