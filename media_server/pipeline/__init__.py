"""The loops between audio and text, and the one hand-off from real time to compute; asyncio only."""
