"""Postgres and Redis for both servers: the only package that talks to either."""
