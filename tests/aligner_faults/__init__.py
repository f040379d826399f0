"""What an aligner may do wrong, and what becomes of the reply then."""
