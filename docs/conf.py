"""How the site is made of these pages: see scripts/docs."""

from __future__ import annotations

import sys
from pathlib import Path

import inference_do
import langchain_do
import llamaindex_do
from inference_do import __version__

for _package in (inference_do, langchain_do, llamaindex_do):
    for _name in _package.__all__:  # imported here, since autodoc imports with TYPE_CHECKING on, which breaks pydantic
        getattr(_package, _name)

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))  # reference.py, which is an extension

REPOSITORY = "https://github.com/inference-do/inference-do"

project = "inference-do"
author = "The inference-do authors"
release = version = __version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "reference",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

# Pages
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["misc.highlighting_failure"]  # JSON with an ellipsis in it
highlight_language = "none"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

# Notebooks: executed when the site is built, against the emulator that scripts/docs starts; none has outputs stored
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True

# The reference, from the docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_preprocess_types = False

# How it looks
html_theme = "furo"
html_title = "inference-do"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("tables.js", {"defer": "defer"})]
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
    "top_of_page_buttons": ["view"],
}
