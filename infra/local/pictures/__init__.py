"""A stand-in for other people's image hosts: photographs by number, and every kind of trouble by name."""
