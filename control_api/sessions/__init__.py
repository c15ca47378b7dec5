"""Stored conversations: create, list, join, invite, read, end."""
