"""The commands of `floorpulse`, by what they work on. Each imports what it needs when it runs: `--help` is quick."""
