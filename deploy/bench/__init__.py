"""Benchmarks that ship with the product: owners size their machines with them."""
