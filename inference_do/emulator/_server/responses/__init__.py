"""The responses wire: checks of its requests, its response object and its events."""
