"""Multi-step sums, and the small upstream and aligner that are bundled for them."""
