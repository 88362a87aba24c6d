"""The messages wire, which is of Anthropic's form: checks of its requests, its message object and its events."""
