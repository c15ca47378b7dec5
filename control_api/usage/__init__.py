"""What a plan allows, and what is used of it."""
