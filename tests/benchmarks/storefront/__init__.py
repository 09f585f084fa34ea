"""Price feeds to storefronts, measured."""
