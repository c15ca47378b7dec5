"""Playbooks: what a coach says when, what it must know, and what a summary consists of."""
