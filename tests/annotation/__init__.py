"""Making correction data: rows, faults, and the end of a process at any moment."""
