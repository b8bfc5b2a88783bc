-- Who repeats whom: dropped duplicates of each source by the source of their keeper.
SELECT
    d.source,
    k.source AS keeper_source,
    count(*) AS duplicates,
    count(*) FILTER (WHERE d.reasons[-1] = 'dedup.exact') AS exact,
    count(*) FILTER (WHERE d.reasons[-1] = 'dedup.near') AS near,
    sum(d.tokens)::BIGINT AS tokens
FROM documents AS d
JOIN documents AS k ON k.doc_id = d.cluster_id
WHERE d.doc_id <> d.cluster_id AND d.reasons[-1] IN ('dedup.exact', 'dedup.near')
GROUP BY d.source, k.source
ORDER BY duplicates DESC, d.source, keeper_source;
