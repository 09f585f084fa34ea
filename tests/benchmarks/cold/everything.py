"""``main.py`` without a thought about cold starts: all functions with all that they need, and every client library.

It lies beside ``main.py`` in the unzipped bundle.
"""

import importlib

import algoliasearch.search.client
import google.cloud.firestore
import google.cloud.storage
import google.cloud.tasks_v2
import httpx
import PIL.Image
import pyarrow
import redis.asyncio
import requests

import main

__all__ = ["PIL", "algoliasearch", "google", "httpx", "pyarrow", "redis", "requests"]

for _name, _module in main.ENTRY_POINTS.items():
    globals()[_name] = getattr(importlib.import_module(_module), _name)
