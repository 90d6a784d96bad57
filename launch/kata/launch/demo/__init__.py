"""The whole loop once, in stages whose parts are files: what is there is not done again."""
