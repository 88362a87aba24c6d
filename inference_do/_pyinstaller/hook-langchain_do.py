"""For `import langchain_do`, without what is for tests."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("langchain_do", filter=lambda name: name.split(".")[1:2] != ["testing"])
