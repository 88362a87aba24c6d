"""For `import llamaindex_do`, without its kit for tests."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("llamaindex_do", filter=lambda name: name.split(".")[1:2] != ["testing"])
