"""What batches are made of, without I/O: lines of requests and results, and the steps of each operation."""
