-- Which stretch of a document a plan draws, in which phase, epoch and sequences.
CREATE VIEW uses AS
SELECT
    lower(hex(doc_id)) AS doc_id,
    plan,
    component,
    phase,
    epoch,
    first_sequence,
    last_sequence,
    tokens
FROM read_parquet($uses);
