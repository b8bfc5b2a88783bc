"""The catalog: one DuckDB file that is published from the journal and the parts, and can be rebuilt."""
