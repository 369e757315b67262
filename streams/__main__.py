"""`python -m streams` is the `floorpulse` command."""

from streams.cli import main

main()
