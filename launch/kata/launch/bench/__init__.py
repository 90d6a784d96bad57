"""Benches: what Kata costs, each row against a baseline that is measured in the same run."""
