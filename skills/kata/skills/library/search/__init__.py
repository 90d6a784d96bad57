"""Search: which skill is meant by a sentence, over the whole contract and the present facts."""
