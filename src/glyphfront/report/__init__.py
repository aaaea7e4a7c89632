"""From result files to the answer: the pick, the front, the tables, the page."""
