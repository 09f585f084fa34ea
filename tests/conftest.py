"""What all tests share: how Hypothesis behaves."""

from hypothesis import settings

# A loaded machine is slow, not wrong.
settings.register_profile("backstock", deadline=None, print_blob=True)
settings.load_profile("backstock")
