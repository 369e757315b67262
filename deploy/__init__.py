"""What is needed to run Floorpulse somewhere."""
