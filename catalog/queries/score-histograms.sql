-- Histograms of quality and toxicity by source, in tenths.
SELECT
    source,
    score,
    least(floor(value * 10) / 10, 0.9) AS from_value,
    count(*) AS documents,
    bar(count(*), 0, max(count(*)) OVER (PARTITION BY source, score), 30) AS histogram
FROM (
    SELECT source, 'quality' AS score, quality AS value FROM documents
    UNION ALL
    SELECT source, 'toxicity' AS score, toxicity AS value FROM documents
)
WHERE value IS NOT NULL
GROUP BY source, score, from_value
ORDER BY source, score, from_value;
