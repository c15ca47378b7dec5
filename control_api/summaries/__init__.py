"""What is written about a completed session, with or without a language model."""
