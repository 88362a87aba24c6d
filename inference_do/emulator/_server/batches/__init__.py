"""Batches: files at presigned URLs, jobs that go on by the emulator's clock, and their results."""
