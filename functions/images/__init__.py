"""Images: brought in from links and uploads, made small, and cleared away when nobody shows them any more."""
