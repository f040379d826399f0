"""What is here and what it can do: packages, device, the aligner by default, and how an upstream goes on."""
