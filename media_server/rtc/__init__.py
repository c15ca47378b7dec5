"""The only place that knows aiortc, aioice, av and libopus."""
