"""The renderer of product images beside npm's sharp. Needs Linux, whose processes can be pinned and looked into."""
