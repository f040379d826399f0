"""Have a chat model judge replies: which of two is better, or whether one keeps to a rubric."""
