"""The audio of a session, where it was recorded: what there is, and its files."""
