"""What the pages of this package have in common: word differences, colours, and the drawing of sentences and times."""
