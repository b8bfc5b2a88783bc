-- Clusters of duplicates with more than one member. cluster_id is the doc_id of the keeper.
CREATE VIEW clusters AS
SELECT
    cluster_id,
    count(*) AS size,
    count(*) FILTER (WHERE kept) AS kept,
    count(*) FILTER (WHERE reasons[-1] = 'dedup.exact') AS exact,
    count(*) FILTER (WHERE reasons[-1] = 'dedup.near') AS near,
    list(DISTINCT source ORDER BY source) AS sources,
    sum(bytes)::BIGINT AS bytes
FROM documents
WHERE cluster_size > 1
GROUP BY cluster_id;
