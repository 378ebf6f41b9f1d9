"""Pages of assistants: the list, and one assistant's chat, knowledge, channels and set-up."""
