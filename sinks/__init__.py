"""Where the figures go: one file for each target."""
