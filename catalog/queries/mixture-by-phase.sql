-- What each plan draws: tokens, share and epochs by phase and component.
SELECT
    p.mixture,
    left(p.plan, 12) AS plan,
    f.position,
    f.phase,
    f.start_sequence,
    f.end_sequence,
    f.component,
    f.tokens,
    round(f.tokens / nullif(sum(f.tokens) OVER (PARTITION BY f.plan, f.position), 0), 4) AS share,
    round(f.epochs, 3) AS epochs
FROM phases AS f
JOIN plans AS p USING (plan)
ORDER BY p.created DESC, f.position, f.component;
