"""What a newcomer's first start shows: six shops' returns of the last two months, loaded through the front door."""
