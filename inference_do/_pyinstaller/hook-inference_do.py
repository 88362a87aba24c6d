"""For `import inference_do`; the command line and the emulator are taken only where a program imports them."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

NOT_BY_ITSELF = {"cli", "emulator", "testing", "_pyinstaller"}

datas = collect_data_files("inference_do")
hiddenimports = collect_submodules("inference_do", filter=lambda name: NOT_BY_ITSELF.isdisjoint(name.split(".")[1:2]))
