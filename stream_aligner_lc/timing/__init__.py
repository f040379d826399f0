"""What the loop costs on this machine: the same questions bare and aligned, in one run."""
