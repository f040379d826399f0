"""Making preference pairs: rows, faults, the end of a process, and those who train on them."""
