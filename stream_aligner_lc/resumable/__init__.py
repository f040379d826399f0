"""Work through many prompts at once, kept through every end of the process: the same call goes on from there."""
