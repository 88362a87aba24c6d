"""The wire of chat completions: what a request must look like, and what is sent back for a completion."""
