-- Rules whose threshold decides many documents narrowly: values within a tenth of the threshold.
SELECT
    pack,
    rule,
    term,
    op,
    threshold,
    count(*) AS failed,
    count(*) FILTER (WHERE abs(value - threshold) <= 0.1 * abs(threshold)) AS narrowly,
    min(value) AS lowest,
    max(value) AS highest
FROM decisions
WHERE threshold IS NOT NULL AND value IS NOT NULL
GROUP BY pack, rule, term, op, threshold
ORDER BY narrowly DESC, pack, rule;
