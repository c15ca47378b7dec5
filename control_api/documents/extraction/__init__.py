"""What a file says, found out in a process that can do nothing else."""
