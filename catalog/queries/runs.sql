-- The last twenty runs: what they came to, and how long they took.
SELECT
    run_id, command, status, started, round(seconds, 1) AS seconds, engine, workers, sample, documents, kept, quarantined,
    shards_measured, round(bytes / 1e6, 1) AS megabytes, error
FROM runs
ORDER BY run_id DESC
LIMIT 20;
