"""A sale day in the task queues, simulated: docs/scale.md says what it shows, and what it leaves out."""
