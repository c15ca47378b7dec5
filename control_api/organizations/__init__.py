"""Organizations: what they are, who belongs to them, who is asked to, and who did what."""
