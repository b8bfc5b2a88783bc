-- Why documents were dropped, by source: first is the reason that they are counted under, any counts every reason.
SELECT
    source,
    reason,
    count(*) FILTER (WHERE reasons[1] = reason) AS first,
    count(*) AS "any",
    sum(bytes)::BIGINT AS bytes
FROM documents, unnest(reasons) AS r(reason)
GROUP BY source, reason
ORDER BY first DESC, "any" DESC, source, reason;
