"""What all tests share: how Hypothesis behaves, and a look at what they used of Firestore."""

from hypothesis import settings

from tests.drift.after_all import pytest_configure, pytest_sessionfinish

# A loaded machine is slow, not wrong.
settings.register_profile("backstock", deadline=None, print_blob=True)
settings.load_profile("backstock")

# pytest finds them here.
__all__ = ["pytest_configure", "pytest_sessionfinish"]
