"""Files on disk: inputs, shards, parts, the journal."""
