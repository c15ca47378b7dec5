"""Following a session live: its log from the start, from anywhere, and on, over SSE and WebSocket."""
