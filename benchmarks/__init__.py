"""Side-by-side measurements against other tools: each module has `run(corpus) -> results`, and is one command."""
