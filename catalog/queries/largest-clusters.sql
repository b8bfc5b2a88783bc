-- The twenty clusters that lost most documents as duplicates, with their keeper.
SELECT
    c.cluster_id,
    c.size,
    c.exact + c.near AS duplicates,
    c.exact,
    c.near,
    c.sources,
    k.source AS keeper_source,
    k.id AS keeper_id,
    c.bytes
FROM clusters AS c
JOIN documents AS k ON k.doc_id = c.cluster_id
ORDER BY duplicates DESC, c.size DESC, c.cluster_id
LIMIT 20;
