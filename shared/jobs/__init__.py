"""Long work of operators, done a step at a time: audits, repairs and re-indexing, as records and as chains of tasks."""
