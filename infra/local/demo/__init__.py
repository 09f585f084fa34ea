"""What a newcomer's first start shows, all of it loaded through the front door: six shops' returns of the last two
months and their catalogs, and two grocers' stores whose prices come in and change."""
