"""Where one skill ends and the next begins, in demonstrations that nobody has labelled."""
