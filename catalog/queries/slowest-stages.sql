-- Where the last run that measured something spent its time: stages, and families within the stage measure, by the workers' seconds.
SELECT
    stage,
    round(seconds, 2) AS seconds,
    round(worker_seconds, 2) AS worker_seconds,
    items,
    documents,
    round(bytes / 1e6, 1) AS megabytes,
    megabytes_per_second,
    detail
FROM stages
WHERE run_id = (SELECT max(run_id) FROM runs WHERE status = 'done' AND shards_measured > 0)
ORDER BY greatest(stages.seconds, stages.worker_seconds) DESC;
