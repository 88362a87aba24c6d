"""What both adapters need of the core, in one place. Adapters import public names and this package, nothing else."""
