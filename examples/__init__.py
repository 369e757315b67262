"""Small programs that turn other people's data into events."""
