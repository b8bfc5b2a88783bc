-- One row for each comparison that failed in a rule that failed, expanded on demand from the stored bit masks.
CREATE VIEW decisions AS
WITH measured AS (
    SELECT
        w.* EXCLUDE (doc_id, license),
        lower(hex(w.doc_id)) AS doc_id,
        coalesce(w.license, s.license) AS license,
        s.domain,
        d.* EXCLUDE (doc_id)
    FROM read_parquet($wide) AS w
    JOIN read_parquet($decisions) AS d USING (doc_id)
    JOIN sources AS s ON s.source = w.source
)
$expansion;
