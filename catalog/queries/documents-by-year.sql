-- Documents and tokens by the year of their creation; NULL where it is not known.
SELECT
    year(created)::VARCHAR AS year,
    count(*) AS documents,
    count(*) FILTER (WHERE kept) AS kept,
    sum(tokens)::BIGINT AS tokens,
    list(DISTINCT source ORDER BY source) AS sources
FROM documents
GROUP BY year
ORDER BY year NULLS LAST;
