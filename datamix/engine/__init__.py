"""Where tasks run: Ray or a process pool, behind one `map`."""
