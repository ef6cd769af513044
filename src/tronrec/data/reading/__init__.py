"""From raw files to a table of clicks, block by block."""
