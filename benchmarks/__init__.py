"""What the project costs beside its peers and beside the frameworks alone: `scripts/benchmark --help`."""
