"""What the project costs beside its peers and beside the frameworks' own floor: `scripts/benchmark --help`."""
