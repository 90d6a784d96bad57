"""The command line: one verb a job, each a configuration, a build, one call and a result."""
