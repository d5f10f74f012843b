"""What is known about each thread: its row, its projection, and the questions one can ask."""
