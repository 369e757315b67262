"""The stream side: sources, agents, driver and the programs that run them."""
