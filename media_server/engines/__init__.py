"""Models behind Protocols; heavy imports stay inside each file."""
