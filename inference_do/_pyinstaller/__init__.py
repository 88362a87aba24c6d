"""What PyInstaller cannot see by itself: the models' data, and modules that are imported when a name is touched.

PyInstaller finds this by the entry point `pyinstaller40`; nothing has to be given to it.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """Return where the hooks are."""
    return [str(Path(__file__).parent)]
