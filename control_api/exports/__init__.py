"""A session as a file: pure formatters, and the route that offers them."""
