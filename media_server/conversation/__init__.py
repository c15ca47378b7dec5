"""Pure decisions about a conversation: no clock, no loop, no model, no socket. Time is media time."""
