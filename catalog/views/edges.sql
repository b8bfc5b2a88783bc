-- Verified pairs of duplicates. kind: exact (same normalised text) or near; jaccard is measured on the texts where
-- verified = 'text', and estimated from the signatures where verified = 'signature'.
CREATE VIEW edges AS
SELECT
    lower(hex(a)) AS doc_id_a,
    lower(hex(b)) AS doc_id_b,
    kind,
    jaccard,
    verified
FROM read_parquet($edges);
