"""People who wait for an account."""
