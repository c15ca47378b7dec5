"""One media node: terminates calls, listens, transcribes, advises."""
