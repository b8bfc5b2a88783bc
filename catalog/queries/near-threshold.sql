-- Rules whose threshold decides many documents narrowly: within a tenth of it, or off by one where all are integers.
WITH failed AS (
    SELECT
        *,
        least(abs(value - threshold), abs(value - coalesce(threshold_high, threshold))) AS distance,
        bool_and(value = floor(value) AND threshold = floor(threshold)) OVER (PARTITION BY pack, rule, term, op) AS whole
    FROM decisions
    WHERE threshold IS NOT NULL AND value IS NOT NULL
)
SELECT
    pack,
    rule,
    term,
    op,
    threshold,
    threshold_high,
    count(*) AS failed,
    count(*) FILTER (WHERE distance <= greatest(0.1 * abs(threshold), whole::INTEGER)) AS narrowly,
    min(value) AS lowest,
    max(value) AS highest
FROM failed
GROUP BY pack, rule, term, op, threshold, threshold_high
ORDER BY narrowly DESC, pack, rule;
