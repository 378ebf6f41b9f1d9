"""Pages of conversations: the list, one of them, and how a turn looks."""
