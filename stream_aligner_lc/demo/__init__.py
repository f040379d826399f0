"""The demonstration: the bundled pair on sums that neither model has seen, shown and counted."""
