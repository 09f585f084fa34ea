"""Prices: retailers' feeds, read and checked line by line, and what they change in the assortments of stores."""
