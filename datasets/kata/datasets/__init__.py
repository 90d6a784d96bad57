"""Demonstrations: the shared words, the recorder, datasets on disk and the chunk sampler."""
