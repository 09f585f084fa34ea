"""Returns: taken in from the warehouse, kept in step with the search index, and searched."""
