"""Running LiveConvo: the console script, the local stack, the demo and the benchmarks."""
