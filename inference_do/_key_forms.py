"""What looks like a key or a token, of DigitalOcean or of others, wherever in a text it stands."""

from __future__ import annotations

__all__ = ["KEY_FORMS"]

KEY_FORMS = (
    r"\b(?:sk|dop|doo|dor|gh[pousr]|github_pat|glpat|xox[abp]|pat|lsv2|hf)[-_][\w-]{12,}"
    r"|\b(?:AKIA|ASIA|DO00)[A-Z0-9]{16}\b"
    r"|\bBearer\s+[A-Za-z0-9._~+/-]{12,}=*"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"
)
"""A pattern, for texts that are shown or written down."""
