"""What was said as captions of a recording: pure, the standard library only."""
