-- Documents and tokens by domain and source: all, and kept.
SELECT
    domain,
    source,
    count(*) AS documents,
    count(*) FILTER (WHERE kept) AS kept,
    sum(tokens)::BIGINT AS tokens,
    coalesce(sum(tokens) FILTER (WHERE kept), 0)::BIGINT AS tokens_kept,
    round(coalesce(sum(tokens) FILTER (WHERE kept), 0) / sum(tokens), 4) AS share_kept
FROM documents
GROUP BY domain, source
ORDER BY tokens_kept DESC, source;
