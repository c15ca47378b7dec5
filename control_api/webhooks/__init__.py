"""Webhooks out (Standard Webhooks): other systems that are told what happens in an organization."""
