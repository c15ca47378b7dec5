"""The control API: accounts, sessions, summaries; serves the built web client."""
