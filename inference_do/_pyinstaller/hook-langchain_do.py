"""For `import langchain_do`."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("langchain_do")
