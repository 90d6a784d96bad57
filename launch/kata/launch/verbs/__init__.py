"""The verbs; each module has `run(job)` and is loaded only when its verb is called."""
