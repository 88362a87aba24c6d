"""What the project costs beside the alternatives and beside the frameworks alone: `scripts/benchmark --help`."""
