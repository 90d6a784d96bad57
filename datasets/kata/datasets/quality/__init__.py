"""Is a dataset fit to learn from: a score, and each fault with the frame to look at."""
