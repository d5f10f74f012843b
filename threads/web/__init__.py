"""The page: its files, its options, and how it reaches a browser. `threads.api` serves it.

`static/` has its own modules and styles, `vendor/` libraries of others (`tools/libraries.py` builds it).
"""

from threads.web.addresses import VIEWS, is_page_path
from threads.web.assets import Asset, PageAssets
from threads.web.options import PageOptions

__all__ = ["VIEWS", "Asset", "PageAssets", "PageOptions", "is_page_path"]
