"""Storefronts: what a store sells, by category and the best first, as views that are replaced as a whole."""
