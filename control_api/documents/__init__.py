"""Files given to a session: taken in, looked at, read, found again and removed."""
