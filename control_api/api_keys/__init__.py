"""API keys: programs that act for a member, in one organization."""
