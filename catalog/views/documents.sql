-- One row a document: what was measured, and what was decided.
CREATE VIEW documents AS
SELECT
    lower(hex(w.doc_id)) AS doc_id,
    w.id,
    w.source,
    s.domain,
    w.file,
    w."row",
    w.created,
    w.created_precision,
    w.url,
    w.host,
    coalesce(w.license, s.license) AS license,
    $columns
    lower(hex(w.text_hash)) AS text_hash,
    lower(hex(d.cluster_id)) AS cluster_id,
    d.cluster_size,
    d.is_keeper,
    d.kept,
    d.reasons,
    w.shard,
    w.shard_row
FROM read_parquet($wide) AS w
JOIN read_parquet($decisions) AS d USING (doc_id)
JOIN sources AS s ON s.source = w.source;
