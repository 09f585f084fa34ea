"""Measurements that a person runs (``make bench-…``), each as a program of its own; pytest does not collect them."""
