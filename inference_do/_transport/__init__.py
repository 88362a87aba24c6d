"""What sends: an httpx client, and below it this project's own transports. See docs/decisions/httpx.md."""
